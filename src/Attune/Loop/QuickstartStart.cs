using Attune.Runs;

namespace Attune.Loop;

/// <summary>How a quick start begins: anew, where it stopped, or from a stage on.</summary>
public sealed record QuickstartStart
{
    /// <summary>The folder.</summary>
    public required string Folder { get; init; }

    /// <summary>Go on with what is there.</summary>
    public bool Resume { get; init; }

    /// <summary>Delete what is there.</summary>
    public bool Force { get; init; }

    /// <summary>Do this stage of the last round, and all that follow, again.</summary>
    public QuickstartStage? From { get; init; }

    /// <summary>Rounds in all.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>What is in the folder, for a person who is asked whether to go on; null where there is nothing.</summary>
    public static string? Found(string folder)
    {
        var kept = new QuickstartFolder(folder);
        if (!File.Exists(kept.Plan))
            return null;
        var round = kept.LastRound();
        foreach (var stage in Enum.GetValues<QuickstartStage>())
        {
            if (!kept.IsDone(stage, stage == QuickstartStage.Sft ? 1 : round))
                return $"holds a quick start that stopped in round {round} before the end of \"{stage.Title()}\"";
        }
        return $"holds a finished quick start of {(round == 1 ? "one round" : $"{round} rounds")}";
    }

    /// <summary>Makes the folder ready and gives the plan to follow: the stored one where the quick start goes on.</summary>
    /// <param name="asked">The plan of the command line.</param>
    /// <exception cref="InputException">The folder holds something else, or a quick start with another plan.</exception>
    public QuickstartPlan Prepare(QuickstartPlan asked)
    {
        var kept = new QuickstartFolder(Folder);
        var found = Found(Folder);
        if (Rounds < 1)
            throw InputException.One("--rounds", $"is {Rounds}", "at least 1", "2 goes round once more with answers of the improved policy");
        AtomicFile.RequireWritable(Folder);
        if (found is null)
        {
            if (Resume || From is not null)
                throw InputException.One(Folder, "holds no quick start", "one to go on with", "leave out --resume and --from to begin one there");
            if (Directory.Exists(Folder) && Directory.EnumerateFileSystemEntries(Folder).Any(e => !Path.GetFileName(e).StartsWith('.')))
                throw InputException.One(Folder, "holds files that are not a quick start's", "an empty folder", "choose another --out");
            return asked;
        }
        if (Force)
        {
            AtomicFile.Discard(Folder);
            return asked;
        }
        if (!Resume && From is null && kept.LastRound() >= Rounds)
            throw InputException.One(Folder, found, "an empty folder", "continue it with --resume, repeat a part with --from STAGE, begin anew with --force, or choose another --out");
        var differences = Recipe.Differences(File.ReadAllText(kept.Plan), asked);
        if (differences.Count > 0)
            throw new InputException(kept.Plan, differences);
        if (From is { } stage)
            kept.Forget(stage, stage == QuickstartStage.Sft ? 1 : kept.LastRound());
        return asked;
    }
}
