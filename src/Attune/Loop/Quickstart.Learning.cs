using System.Globalization;
using Attune.Evaluation;
using Attune.Feedback;
using Attune.Models;
using Attune.Rewards;
using Attune.Runs;
using Attune.Text;
using Attune.Updates;

namespace Attune.Loop;

/// <content>The stages that learn from judgments, and the one that measures.</content>
public sealed partial class Quickstart
{
    private const string Improved = "PPO", Supervised = "SFT", Untrained = "base";
    private const int FewShotExamples = 3, MicroBatch = 64;

    /// <summary>Tokens of a demonstration that are read at most.</summary>
    internal const int LongestRow = 128;

    /// <summary>Checkpoints of PPO that are kept and evaluated.</summary>
    internal const int FrontierPoints = 4;

    /// <summary>How much farther from the supervised model each further round may go, as a share of the first one's target.</summary>
    internal const double FartherARound = 1 / 3.0;

    private bool TrainReward(int round, CancellationToken stop)
    {
        var recipe = new RewardRecipe
        {
            Seed = _plan.Seed,
            Compute = _plan.Compute,
            From = round == 1 ? _folder.SftModel : null,
            Continue = round == 1 ? null : _folder.RewardModel(round - 1),
            Preferences = [.. Enumerable.Range(1, round).Select(r => new PreferenceSource { Path = _folder.Rankings(r), Format = PreferenceForm.Rankings, Name = $"round {r}" })],
            Evaluation = [.. Enumerable.Range(1, round).Select(r => new PreferenceSource { Path = _folder.KeptPreferences(r), Format = PreferenceForm.Judged, Name = $"round {r}" })],
            Reward = _plan.Reward,
            Normalise = new() { Reference = _folder.SftModel, NewTokens = _plan.AnswerTokens, Temperature = _plan.Temperature },
            Run = new() { CheckpointEvery = 20, KeepLast = 1 },
        };
        if (Within(recipe, _folder.Reward(round), recipe.Run, run => RewardTraining.Run(recipe, run, stop)) is not { } result)
            return false;
        var best = result.Nulls.MaxBy(one => one.Share);
        _progress.Say(string.Create(CultureInfo.InvariantCulture,
            $"   predicts {result.Accuracy.Share:P0} of judgments that it did not learn from ({best?.Name}: {best?.Share:P0})"));
        return true;
    }

    private bool ImprovePolicy(int round, CancellationToken stop)
    {
        var points = Math.Max(1, _plan.Ppo.Steps / FrontierPoints);
        var recipe = new PpoRecipe
        {
            Seed = _plan.Seed,
            Compute = _plan.Compute,
            From = _folder.PolicyBefore(round),
            Reference = _folder.SftModel,
            Rewards = [new() { Model = _folder.RewardModel(round) }],
            Prompts = new() { Data = [new() { Path = _files.TrainingPrompts }] },
            Ppo = LeashOf(round) with { MaximumLength = _plan.AnswerTokens, Temperature = _plan.Temperature },
            Run = new() { CheckpointEvery = points, KeepLast = 1, KeepEvery = points },
        };
        return Within(recipe, _folder.Ppo(round), recipe.Run, run => PpoTraining.Run(recipe, run, stop)) is not null;
    }

    /// <summary>
    /// A further round starts from a policy that is away from the supervised model already: at the price at which the last round ended, or it
    /// would be drawn back, and with room to go on.
    /// </summary>
    private PpoConfig LeashOf(int round)
    {
        if (round == 1 || _plan.Ppo.KlController != KlController.Adaptive)
            return _plan.Ppo;
        var price = MetricsLog.Read(Attune.Runs.Run.MetricsPath(_folder.Ppo(round - 1)))[^1].Values["kl/coefficient"];
        return _plan.Ppo with { KlCoefficient = price, KlTarget = _plan.Ppo.KlTarget * (1 + (round - 1) * FartherARound) };
    }

    private bool Evaluate(int round, CancellationToken stop)
    {
        var compute = _plan.Compute.Open();
        using var sft = TextModel.Load(_folder.SftModel, compute);
        using var reward = RewardModel.Load(_folder.RewardModel(round), compute);
        var crowd = SimulatedCrowd.Load(_folder.Crowd, Valence.Load(_files.Words));
        var report = _folder.Evaluation(round);
        StageCurves[] stages = [TrainingCurves.Read("sft", _folder.Sft, report), TrainingCurves.Read("reward", _folder.Reward(round), report), TrainingCurves.Read("ppo", _folder.Ppo(round), report)];
        var rewardModel = RewardModelReports.Read(_folder.Reward(round), report);
        var annotators = AnnotatorReports.Read(_folder.Judgments(round), Annotators.Load(_folder.Annotators), report);
        var input = new EvaluationInput
        {
            Title = "Friendly film reviews",
            Summary = _plan.IsJudgedByPerson
                ? "A small model learned to continue the opening of a film review as one person likes it, who judged pairs of reviews in a browser. "
                + "Here it is judged by a simulated crowd that training never asked."
                : "A small model learned to continue the opening of a film review as a simulated crowd likes it: friendly, fluent, without repeating itself. "
                + "Here it is judged by members of that crowd whom training never asked.",
            Models =
            [
                In(round, _folder.PolicyAfter(round), new(Improved, "the policy after PPO")),
                .. Enumerable.Range(1, round - 1).Reverse().Select(r => In(round, _folder.PolicyAfter(r), new($"{Improved}, round {r}", "the policy after an earlier round"))),
                new(Supervised, "the base model fine-tuned on demonstrations") { Model = sft.Model, Place = FromReport(round, _folder.SftModel) },
            ],
            Reference = Supervised,
            Base = new(Untrained, "the pretrained model") { Folder = _files.BaseModel, Place = Path.GetRelativePath(_files.Root, _files.BaseModel) },
            FewShot = new([.. Readers.PromptResponses(_files.Demonstrations, new()).Take(FewShotExamples)], FewShot.UsualTemplate),
            Tokenizer = sft.Tokenizer,
            EndIds = sft.EndIds,
            Prompts = Lines(_files.HeldOutPrompts, _plan.HeldOutPrompts),
            PromptsAreHeldOut = true,
            Judges = _plan.IsJudgedByPerson
                ? [JudgePanel.OfCrowd(crowd, AnnotatorGroup.HeldOut, _plan.HeldOutVotes)]
                : [JudgePanel.OfCrowd(crowd, AnnotatorGroup.HeldOut, _plan.HeldOutVotes), JudgePanel.OfCrowd(crowd, AnnotatorGroup.Training, _plan.Votes)],
            Reward = new RewardModelReward(reward, MicroBatch),
            Checkpoints = [.. PolicyCheckpoints(round)],
            Sampling = new() { Temperature = _plan.Temperature, MaximumNewTokens = _plan.AnswerTokens },
            Budget = new() { Prompts = _plan.HeldOutPrompts, BestOf = _plan.BestOf, BestOfPrompts = _plan.BestOfPrompts },
            Requirements = _plan is { Budget: not Budget.Small, Leash: true, OwnComparisons: null } ? new() { WinRate = 0.75, WinRateLowerBound = 0.65, Distinct2OfReference = 0.7, RepetitionAtMost = 0.1 } : new(),
            Compute = compute,
            Seed = SeedOf("evaluate"),
            Round = round,
            Earlier = [.. Enumerable.Range(1, round - 1).Select(r => new EarlierRound(ReportFile.Read(Path.Combine(_folder.Evaluation(r), Evaluating.ReportName)), Path.GetRelativePath(report, _folder.Evaluation(r))))],
            RewardModel = rewardModel.Report,
            Annotators = annotators.Rows,
            Curves = [.. stages.SelectMany(stage => stage.Curves)],
            Sources = [.. stages.Select(stage => stage.Source), rewardModel.Source, annotators.Source],
            Facts = [new("Seed", $"{_plan.Seed}"), new("Budget", _plan.Budget.ToString().ToLowerInvariant()), new("KL penalty", _plan.Leash ? "on" : "off"), new("Round", $"{round}"), .. WhoTrained(round)],
            Warnings = ResultFile.Read<PpoResult>(_folder.Ppo(round))!.Alarms,
        };
        Evaluating.Run(input, new() { Folder = report, Resume = Directory.Exists(report), Progress = _progress }, stop);
        return true;
    }

    /// <summary>Whose judgments the reward model learned from, where that is not the usual crowd.</summary>
    private IEnumerable<Fact> WhoTrained(int round)
    {
        if (!_plan.IsJudgedByPerson)
            yield break;
        var own = Enumerable.Range(1, round).Sum(r => JudgmentLog.InForce(JudgmentLog.Read(_folder.Judgments(r)).Judgments).Count(judgment => judgment.AnnotatorId == CrowdFeedback.Person));
        yield return new("Judgments that trained the reward model", $"{own} by one person (human)");
        yield return new("Judgments that measure", "a held-out simulated crowd's");
    }

    private Contender In(int round, string folder, Contender who) => who with { Folder = folder, Place = FromReport(round, folder) };

    private string FromReport(int round, string path) => Path.GetRelativePath(_folder.Evaluation(round), path).Replace('\\', '/');

    private IEnumerable<Contender> PolicyCheckpoints(int round) =>
        Checkpoints.Of(_folder.Ppo(round)).Where(c => c.Step > 0 && c.Step < _plan.Ppo.Steps)
            .Select(c => In(round, PpoTraining.PolicyAt(c.Folder), new($"step {c.Step}", "the policy on its way")));
}
