namespace Attune.Runs;

/// <summary>How often a run saves itself: the <c>run</c> section of a recipe. Changes no result.</summary>
public sealed record RunSettings : IChecked
{
    /// <summary>Save after so many steps; 0 saves only when stopped. A step may take minutes or milliseconds, so recipes differ.</summary>
    public int CheckpointEvery { get; init; } = 100;

    /// <summary>Checkpoints to keep for resuming, at least 1; older ones are deleted once a step has succeeded from the newest, or the run ends.</summary>
    public int KeepLast { get; init; } = 2;

    /// <summary>Checkpoints at multiples of so many steps are kept for good, for curves over training; 0 keeps none.</summary>
    public int KeepEvery { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (CheckpointEvery < 0)
            yield return new("checkpointEvery", $"is {CheckpointEvery}, expected at least 0; 100 is usual, 0 saves only when stopped");
        if (KeepLast < 1)
            yield return new("keepLast", $"is {KeepLast}, expected at least 1; 2 is usual");
        if (KeepEvery < 0)
            yield return new("keepEvery", $"is {KeepEvery}, expected at least 0; 0 keeps none for good");
        else if (CheckpointEvery > 0 && KeepEvery % CheckpointEvery != 0)
            yield return new("keepEvery", $"is {KeepEvery}, expected a multiple of checkpointEvery ({CheckpointEvery}); others are never saved");
    }
}
