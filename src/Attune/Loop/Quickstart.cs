using Attune.Evaluation;
using Attune.Feedback;
using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Loop;

/// <summary>
/// The whole way once, or in rounds: base model, supervised fine-tuning, comparisons, feedback, reward model, PPO, evaluation, and again from
/// the improved policy. It calls the same stages as the verbs and leaves the same files, so that each can be repeated alone. A stage that is
/// done is not done again; a training stage that was stopped goes on where it was.
/// </summary>
public sealed partial class Quickstart : IDisposable
{
    private readonly QuickstartFolder _folder;
    private readonly QuickstartPlan _plan;
    private readonly ShippedFiles _files;
    private readonly IProgressSink _progress;
    private readonly IQuickstartFeedback? _feedback;
    private readonly RunLock _held;

    internal Quickstart(QuickstartFolder folder, QuickstartPlan plan, ShippedFiles files, IProgressSink progress, IQuickstartFeedback? feedback, RunLock held) =>
        (_folder, _plan, _files, _progress, _feedback, _held) = (folder, plan, files, progress, feedback, held);

    /// <summary>Rounds in all.</summary>
    public int Rounds => _plan.Rounds;

    /// <summary>Does what is left.</summary>
    /// <returns>The last round's report; null where it was asked to stop.</returns>
    /// <exception cref="InputException">The shipped files cannot be used.</exception>
    /// <exception cref="RunFailedException">A loss is not a number, the policy has no two different answers left, or the disk is full; what was saved is whole.</exception>
    public EvaluationReport? Run(CancellationToken stop)
    {
        AtomicFile.WriteText(_folder.Plan, Recipe.ToYaml(_plan));
        CrowdFeedback.Recruit(_folder, _plan); // before anything is trained
        for (var round = 1; round <= Rounds; round++)
        {
            foreach (var stage in Enum.GetValues<QuickstartStage>().Where(stage => stage != QuickstartStage.Sft || round == 1))
            {
                if (!_folder.IsDone(stage, round) && !Finish(stage, round, stop))
                    return null;
            }
        }

        return ReportFile.Read(Path.Combine(_folder.Evaluation(Rounds), Evaluating.ReportName));
    }

    /// <summary>Lets go of the folder.</summary>
    public void Dispose() => _held.Dispose();

    /// <returns>False where it was asked to stop.</returns>
    private bool Finish(QuickstartStage stage, int round, CancellationToken stop)
    {
        Announce(stage, round);
        var began = TimeProvider.System.GetTimestamp();
        try
        {
            stop.ThrowIfCancellationRequested();
            if (!Do(stage, round, stop))
                return false;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return false;
        }

        _progress.Say($"   done in {TimeProvider.System.GetElapsedTime(began):m\\:ss}");
        return true;
    }

    private bool Do(QuickstartStage stage, int round, CancellationToken stop)
    {
        Directory.CreateDirectory(_folder.Round(round));
        switch (stage)
        {
            case QuickstartStage.Sft:
                return FineTune(stop);
            case QuickstartStage.Compare:
                Compare(round, stop);
                return true;
            case QuickstartStage.Judge:
                return Judge(round, stop);
            case QuickstartStage.Reward:
                return TrainReward(round, stop);
            case QuickstartStage.Ppo:
                return ImprovePolicy(round, stop);
            default:
                return Evaluate(round, stop);
        }
    }

    private void Announce(QuickstartStage stage, int round)
    {
        var number = (int)stage + 1;
        _progress.Say("");
        _progress.Say($"{number}/{Enum.GetValues<QuickstartStage>().Length}  {stage.Title()}{(Rounds > 1 && stage != QuickstartStage.Sft ? $", round {round} of {Rounds}" : "")}");
        foreach (var line in Wrapped(stage.Explanation(_plan), 100))
            _progress.Say("   " + line);
    }

    private bool FineTune(CancellationToken stop)
    {
        var recipe = new SftRecipe
        {
            Seed = _plan.Seed,
            Compute = _plan.Compute,
            From = _files.BaseModel,
            Data = [new() { Path = _files.Demonstrations, Format = DataFormat.Prompts }],
            Rows = new() { Longest = LongestRow },
            Packed = false,
            Sft = _plan.Sft,
            Run = new() { CheckpointEvery = 20, KeepLast = 1 },
        };
        return Within(recipe, _folder.Sft, recipe.Run, run => FineTuning.Run(recipe, run, stop)) is not null;
    }

    private void Compare(int round, CancellationToken stop)
    {
        var compute = _plan.Compute.Open();
        using var policy = TextModel.Load(_folder.PolicyBefore(round), compute);
        using var untrained = CausalLm.Load(_files.BaseModel, compute);
        var order = new ComparisonOrder(Lines(_files.TrainingPrompts, _plan.Prompts), _plan.AnswersPerPrompt, _plan.AnswersPerRanking, _plan.AnswerTokens, _plan.Temperature, round,
            round == 1 ? "SFT" : $"PPO, round {round - 1}", SeedOf("compare"));
        var comparisons = AnswerComparisons.Sample(policy, untrained, order, _progress, stop);
        if (comparisons.Count == 0)
            throw new RunFailedException($"The policy gave the same text again and again to each of {order.Prompts.Count} prompts at temperature {_plan.Temperature}, "
                + "expected different answers to compare; raise the temperature, or make a new quick start with the KL penalty.");
        ComparisonFile.Write(_folder.Comparisons(round), comparisons);
        _progress.Say($"   {comparisons.Count:N0} times {_plan.AnswersPerRanking} answers to {order.Prompts.Count} prompts");
    }

    /// <returns>False where a person was asked and it was asked to stop.</returns>
    private bool Judge(int round, CancellationToken stop)
    {
        var comparisons = ComparisonFile.Read(_folder.Comparisons(round));
        var crowd = CrowdFeedback.Crowd(_folder, _plan, comparisons, Valence.Load(_files.Words));
        var all = new FeedbackRound(round, comparisons, Annotators.Load(_folder.Annotators));
        if (_plan.OwnComparisons is { } count && !_feedback!.Ask(_folder.Database, all, CrowdFeedback.Asked(comparisons, count), _progress, stop))
            return false;
        var simulated = CrowdFeedback.Simulate(_plan, comparisons, crowd);
        var judgments = CrowdFeedback.Write(_folder, round, comparisons, _feedback?.Keep(_folder.Database, all, simulated) ?? simulated);
        if (_plan.IsJudgedByPerson)
            TellOwn(round, judgments);
        else
            Tell(FeedbackSummary.Of(judgments, all.Annotators, crowd));
        return true;
    }

    private void Tell(FeedbackSummary found)
    {
        _progress.Say($"   {found.Judgments:N0} judgments; two honest annotators agree on {found.Honest.Share:P0} of the pairs they share");
        foreach (var bad in found.Bad)
            _progress.Say($"   {bad.Rater} agrees with the majority of the others on {bad.Agreed.Share:P0} (honest ones: {found.Others:P0})");
    }

    private void TellOwn(int round, IReadOnlyList<Judgment> judgments)
    {
        var own = JudgmentLog.InForce(judgments).Count(judgment => judgment.AnnotatorId == CrowdFeedback.Person);
        var learnt = PreferenceExport.ReadRankings(_folder.Rankings(round)).Count(ranking => ranking.Ranks.Distinct().Count() > 1);
        if (learnt == 0)
        {
            AtomicFile.Discard(_folder.Preferences(round)); // so that the stage is not taken for done
            throw new RunFailedException($"None of your {own} judgments prefers one answer to the other, expected one at least to learn from; judge again with --from judge.");
        }
        _progress.Say($"   {own:N0} judgments of yours, of which {learnt:N0} decide a pair; {judgments.Count(judgment => judgment.AnnotatorId != CrowdFeedback.Person):N0} by held-out annotators");
    }

    private T? Within<TRecipe, T>(TRecipe recipe, string folder, RunSettings settings, Func<Run, T?> stage)
        where TRecipe : class
        where T : class
    {
        var options = new RunOptions { Folder = folder, Resume = Attune.Runs.Run.ExistsIn(folder), Settings = settings, Progress = _progress };
        return Attune.Runs.Run.Within(recipe, options, stage);
    }

    private Seed SeedOf(string purpose) => new Seed((ulong)_plan.Seed).For("quickstart").For(purpose);

    private static string[] Lines(string path, int most) =>
        [.. Readers.PlainText(path, new() { LinePerDocument = true }).Take(most).Select(document => document.Text)]; // as PPO reads them

    private static IEnumerable<string> Wrapped(string text, int width)
    {
        var line = "";
        foreach (var word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = "";
            }
            line += line.Length > 0 ? " " + word : word;
        }
        yield return line;
    }
}
