using Attune.Runs;

namespace Attune.Feedback;

/// <summary>Who is in a simulated crowd.</summary>
public sealed record CrowdOptions : IChecked
{
    /// <summary>Annotators whose judgments train, the bad ones included.</summary>
    public int Training { get; init; } = 8;

    /// <summary>Annotators whose judgments only evaluate; all of them honest.</summary>
    public int HeldOut { get; init; } = 5;

    /// <summary>The vices of the bad ones among the training annotators, one entry each; which ones they are is drawn.</summary>
    public IReadOnlyList<Vices> Bad { get; init; } = [new() { LeftBias = 0.6 }, new() { RandomClicks = 0.8, Speed = 8 }];

    /// <summary>What training annotators like on the whole.</summary>
    public Taste TrainingTaste { get; init; } = new();

    /// <summary>What held-out annotators like on the whole.</summary>
    public Taste HeldOutTaste { get; init; } = new() { Positivity = 0.9, Repetition = 0.6, Length = 0.2, Fluency = 0.6 };

    /// <summary>How far annotators of a group differ: each weight and the preferred length is multiplied by e to the power of a normal draw of this deviation.</summary>
    public double Variation { get; init; } = 0.25;

    /// <summary>
    /// The share of pairs on which two honest annotators of a group are to agree; the noise follows from it. InstructGPT's labelers agreed on
    /// 72.6 % (training) and 77.3 % (held-out).
    /// </summary>
    public double Agreement { get; init; } = 0.73;

    /// <summary>Two answers whose perceived difference (in units of the noise) is below this are called level; 0 never calls a tie.</summary>
    public double TieWithin { get; init; }

    /// <summary>Reading time.</summary>
    public double SecondsPerWord { get; init; } = 0.25;

    /// <summary>What their judgments give as the version of the instructions.</summary>
    public string InstructionVersion { get; init; } = "1";

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Training < 1)
            yield return Problem.Of("training", $"is {Training}", "at least 1", "8 is usual");
        if (HeldOut < 1)
            yield return Problem.Of("heldOut", $"is {HeldOut}", "at least 1", "5 is usual, 3 votes a pair");
        if (Bad.Count >= Training)
            yield return Problem.Of("bad", $"has {Bad.Count} entries for {Training} training annotators", "at least one honest one", "remove some or raise training");
        if (Agreement is <= 0.5 or >= 1)
            yield return Problem.Of("agreement", $"is {Agreement}", "between 0.5 and 1", "0.73 is what people reach");
        if (Variation < 0)
            yield return Problem.Of("variation", $"is {Variation}", "0 or more", "0.25 is usual");
        if (TieWithin < 0)
            yield return Problem.Of("tieWithin", $"is {TieWithin}", "0 or more", "0 means no ties");
        if (SecondsPerWord < 0)
            yield return Problem.Of("secondsPerWord", $"is {SecondsPerWord}", "0 or more", "0.25 is usual");
        foreach (var problem in TrainingTaste.Problems("trainingTaste").Concat(HeldOutTaste.Problems("heldOutTaste")))
            yield return problem;
        foreach (var problem in Bad.SelectMany((vices, i) => vices.Problems($"bad[{i}]")))
            yield return problem;
    }
}
