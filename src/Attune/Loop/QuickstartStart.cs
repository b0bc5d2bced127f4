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

    /// <summary>Rounds in all; null for as many as were asked for before, or one. Those that have begun are finished whatever it says.</summary>
    public int? Rounds { get; init; }

    /// <summary>Rounds in all, with what the folder holds.</summary>
    /// <exception cref="InputException">The stored plan does not read.</exception>
    public int AllRounds => Force ? Rounds ?? 1 : Math.Max(Rounds ?? new QuickstartFolder(Folder).PlannedRounds(), new QuickstartFolder(Folder).LastRound());

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
        if (kept.PlannedRounds() is var planned && round < planned)
            return $"holds a quick start that stopped after round {round} of {planned}";
        return $"holds a finished quick start of {(round == 1 ? "one round" : $"{round} rounds")}";
    }

    /// <summary>Whether a person has to say first what becomes of what is there.</summary>
    public bool NeedsWord => !Resume && !Force && From is null && Found(Folder) is not null && !IsNextRound(new(Folder));

    /// <summary>Fails where the number of rounds makes no sense.</summary>
    /// <exception cref="InputException">It is below 1.</exception>
    public void RequireRounds()
    {
        if (Rounds < 1)
            throw InputException.One("--rounds", $"is {Rounds}", "at least 1", "2 goes round once more with answers of the improved policy");
    }

    /// <summary>
    /// Looks at folder, shipped files, memory and disk; only where all of them will do is anything written or removed. The folder is this
    /// process's own until the quick start is disposed.
    /// </summary>
    /// <param name="plan">The plan of the command line.</param>
    /// <param name="files">What comes with the program.</param>
    /// <param name="progress">Where explanations and progress go.</param>
    /// <param name="feedback">Where judgments are kept and who is asked; null for the simulated crowd and files alone.</param>
    /// <exception cref="InputException">The folder holds something else, or a quick start with another plan; or something is missing.</exception>
    public Quickstart Open(QuickstartPlan plan, ShippedFiles files, IProgressSink progress, IQuickstartFeedback? feedback = null) =>
        Open(plan, files, progress, plan.Compute.Memory(progress), feedback);

    internal Quickstart Open(QuickstartPlan plan, ShippedFiles files, IProgressSink progress, MemoryBudget memory, IQuickstartFeedback? feedback = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(files);
        RequireRounds();
        if (plan.IsJudgedByPerson && feedback is null)
            throw new ArgumentNullException(nameof(feedback), "A person is to judge, expected something that asks them.");
        var kept = new QuickstartFolder(Path.GetFullPath(Folder)); // paths in the stages' recipes hold from everywhere
        Refuse(kept, plan);
        plan = plan with { Rounds = AllRounds };
        QuickstartNeeds.Require(plan, files, kept, Force ? 0 : kept.Size(), memory);
        AtomicFile.RequireWritable(Folder);
        var held = RunLock.Take(Folder);
        try
        {
            kept.Sweep();
            if (Force)
                kept.ForgetAll();
            else if (From is { } stage)
                kept.Forget(stage, stage == QuickstartStage.Sft ? 1 : kept.LastRound());
            return new(kept, plan, files, progress, feedback, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    private void Refuse(QuickstartFolder kept, QuickstartPlan plan)
    {
        if (!File.Exists(kept.Plan))
        {
            if (Resume || From is not null)
                throw InputException.One(Folder, "holds no quick start", "one to go on with", "leave out --resume and --from to begin one there");
            if (ReadFailure.HoldsAny(Folder, name => !name.StartsWith('.')))
                throw InputException.One(Folder, "holds files that are not a quick start's", "an empty folder", "choose another --out");
            return;
        }
        if (Force)
            return;
        if (NeedsWord)
            throw InputException.One(Folder, Found(Folder)!, "an empty folder", "continue it with --resume, repeat a part with --from STAGE, begin anew with --force, or choose another --out");
        var differences = Recipe.Differences(File.ReadAllText(kept.Plan), plan);
        if (differences.Count > 0)
            throw new InputException(kept.Plan, differences);
    }

    /// <summary>More rounds than there are, after the last one's end: nothing that is there is touched.</summary>
    private bool IsNextRound(QuickstartFolder kept) => Rounds > kept.LastRound() && kept.IsDone(QuickstartStage.Evaluate, kept.LastRound());
}
