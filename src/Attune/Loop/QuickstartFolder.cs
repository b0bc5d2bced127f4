using Attune.Evaluation;
using Attune.Runs;

namespace Attune.Loop;

/// <summary>Where a quick start keeps what. A stage is done when its last file is there, and that is written whole or not at all.</summary>
/// <param name="Root">The folder.</param>
public sealed record QuickstartFolder(string Root)
{
    /// <summary>The plan with every number.</summary>
    public string Plan => Path.Combine(Root, "quickstart.yaml");

    /// <summary>Who trains and who is held out, drawn before anything else.</summary>
    public string Annotators => Path.Combine(Root, "annotators.json");

    /// <summary>The crowd's tastes, vices and noise.</summary>
    public string Crowd => Path.Combine(Root, "crowd.json");

    /// <summary>The database that keeps all rounds' judgments.</summary>
    public string Database => Path.Combine(Root, "feedback.db");

    /// <summary>The run folder of supervised fine-tuning.</summary>
    public string Sft => Path.Combine(Root, "sft");

    /// <summary>The supervised model.</summary>
    public string SftModel => Path.Combine(Sft, "model");

    /// <summary>A round's folder.</summary>
    public string Round(int round) => Path.Combine(Root, $"round-{round}");

    /// <summary>A round's comparisons.</summary>
    public string Comparisons(int round) => Path.Combine(Round(round), "comparisons.jsonl");

    /// <summary>A round's judgments.</summary>
    public string Judgments(int round) => Path.Combine(Round(round), "judgments.jsonl");

    /// <summary>A round's rankings by training annotators, of the prompts that a reward model learns from.</summary>
    public string Rankings(int round) => Path.Combine(Round(round), "rankings.jsonl");

    /// <summary>A round's pairs by both groups of annotators, of the prompts that no reward model learns from.</summary>
    public string KeptPreferences(int round) => Path.Combine(Round(round), "preferences-kept.jsonl");

    /// <summary>All pairs of a round's answers as training annotators judged them; written last.</summary>
    public string Preferences(int round) => Path.Combine(Round(round), "preferences.jsonl");

    /// <summary>The run folder of a round's reward model.</summary>
    public string Reward(int round) => Path.Combine(Round(round), "reward");

    /// <summary>A round's reward model.</summary>
    public string RewardModel(int round) => Path.Combine(Reward(round), "model");

    /// <summary>The run folder of a round's PPO.</summary>
    public string Ppo(int round) => Path.Combine(Round(round), "ppo");

    /// <summary>The policy that a round begins with: the supervised model, then each round's result.</summary>
    public string PolicyBefore(int round) => round == 1 ? SftModel : PolicyAfter(round - 1);

    /// <summary>The policy that a round ends with.</summary>
    public string PolicyAfter(int round) => Path.Combine(Ppo(round), "model");

    /// <summary>A round's evaluation.</summary>
    public string Evaluation(int round) => Path.Combine(Round(round), "evaluation");

    /// <summary>The page to look at when a round is over.</summary>
    public string Report(int round) => Path.Combine(Evaluation(round), Evaluating.PageName);

    /// <summary>Whether a stage of a round is done.</summary>
    public bool IsDone(QuickstartStage stage, int round) => File.Exists(LastFile(stage, round));

    /// <summary>
    /// Removes a stage of a round and everything that follows from it, last things first: killed on its way, it leaves nothing that could be
    /// taken for the result of what is going to be done again.
    /// </summary>
    public void Forget(QuickstartStage from, int round)
    {
        for (var later = LastRound(); later > round; later--)
            AtomicFile.Discard(Round(later));
        foreach (var stage in Enum.GetValues<QuickstartStage>().Where(stage => stage >= from).Reverse())
        {
            AtomicFile.Discard(LastFile(stage, round));
            foreach (var part in Parts(stage, round))
                AtomicFile.Discard(part);
        }
    }

    /// <summary>Removes the quick start, and nothing else that may lie in its folder.</summary>
    public void ForgetAll()
    {
        Forget(QuickstartStage.Sft, 1);
        foreach (var part in new[] { Round(1), Crowd, Annotators, Plan })
            AtomicFile.Discard(part);
    }

    /// <summary>Bytes that are there.</summary>
    public long Size() => Directory.Exists(Root) ? new DirectoryInfo(Root).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length) : 0;

    /// <summary>Removes files on their way that a killed process left.</summary>
    internal void Sweep()
    {
        AtomicFile.Sweep(Root);
        for (var round = 1; round <= LastRound(); round++)
        {
            AtomicFile.Sweep(Round(round));
            AtomicFile.Sweep(Evaluation(round));
        }
    }

    /// <summary>The last round that has begun, at least 1.</summary>
    public int LastRound()
    {
        var round = 1;
        while (Directory.Exists(Round(round + 1)))
            round++;
        return round;
    }

    /// <summary>Rounds that were asked for when it began or last went on; at least 1.</summary>
    /// <exception cref="InputException">The stored plan does not read.</exception>
    public int PlannedRounds() => File.Exists(Plan) ? Recipe.Load<QuickstartPlan>(Plan, []).Rounds : 1;

    private string LastFile(QuickstartStage stage, int round) => stage switch
    {
        QuickstartStage.Sft => Path.Combine(Sft, ResultFile.Name),
        QuickstartStage.Compare => Comparisons(round),
        QuickstartStage.Judge => Preferences(round),
        QuickstartStage.Reward => Path.Combine(Reward(round), ResultFile.Name),
        QuickstartStage.Ppo => Path.Combine(Ppo(round), ResultFile.Name),
        _ => Path.Combine(Evaluation(round), Evaluating.ReportName),
    };

    private string[] Parts(QuickstartStage stage, int round) => stage switch
    {
        QuickstartStage.Sft => [Sft],
        QuickstartStage.Compare => [Comparisons(round)],
        QuickstartStage.Judge => round == 1
            ? [Preferences(round), KeptPreferences(round), Rankings(round), Judgments(round), Crowd, Database, Database + "-wal", Database + "-shm", Database + ".lock"]
            : [Preferences(round), KeptPreferences(round), Rankings(round), Judgments(round)],
        QuickstartStage.Reward => [Reward(round)],
        QuickstartStage.Ppo => [Ppo(round)],
        _ => [Evaluation(round)],
    };
}
