using Attune.Evaluation;
using Attune.Feedback;
using Attune.Loop;
using Attune.Runs;
using Attune.Tests.Runs;
using Attune.Updates;

namespace Attune.Tests.Loop;

public sealed class QuickstartTests(TinyQuickstart tiny) : IClassFixture<TinyQuickstart>
{
    private const int Stages = 6;

    private static readonly QuickstartStart Resume = new() { Folder = "", Resume = true };

    [Fact]
    public void Every_stage_leaves_its_files_and_the_last_one_the_report()
    {
        string[] expected =
        [
            "annotators.json", "crowd.json", "quickstart.yaml",
            "sft/recipe.yaml", "sft/metrics.jsonl", "sft/result.json", "sft/model/config.json", "sft/model/model.safetensors", "sft/model/tokenizer.json",
            "round-1/comparisons.jsonl", "round-1/judgments.jsonl", "round-1/preferences.jsonl",
            "round-1/reward/recipe.yaml", "round-1/reward/metrics.jsonl", "round-1/reward/evaluation.jsonl", "round-1/reward/result.json", "round-1/reward/model/model.safetensors",
            "round-1/ppo/recipe.yaml", "round-1/ppo/metrics.jsonl", "round-1/ppo/result.json", "round-1/ppo/samples.jsonl", "round-1/ppo/model/model.safetensors",
            "round-1/evaluation/answers.jsonl", "round-1/evaluation/comparisons.jsonl", "round-1/evaluation/judgments.jsonl",
            "round-1/evaluation/report.json", "round-1/evaluation/report.html",
        ];

        Assert.All(expected, file => Assert.True(new FileInfo(Path.Combine(tiny.Straight, file)).Length > 0, file));
        var round = Assert.Single(tiny.StraightReport.Rounds);
        Assert.Equal(6, round.Wins[0].Result.Prompts);
        foreach (var (source, file) in new[] { ("judgments", "round-1/judgments.jsonl"), ("reward-pairs", "round-1/reward/evaluation.jsonl") })
            Assert.Equal($"1–{File.ReadLines(Path.Combine(tiny.Straight, file)).Count()}", tiny.StraightReport.Sources.Single(one => one.Id == source).Lines);
        Assert.Equal(TinyQuickstart.Plan.Ppo.Steps, Checkpoints.Of(Path.Combine(tiny.Straight, "round-1/ppo")).Count); // all kept: points of the frontier
        Assert.Empty(Directory.EnumerateFileSystemEntries(tiny.Straight, "*.attune-tmp-*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }));
    }

    [Fact]
    public void The_same_seed_gives_the_same_files_byte_for_byte_and_another_seed_others()
    {
        tiny.Run("again");
        tiny.Run("other", plan: TinyQuickstart.Plan with { Seed = 2 });

        Assert.Empty(tiny.Differences("straight", "again"));
        var (first, second) = (tiny.Left("straight"), tiny.Left("other"));
        Assert.All(new[] { "annotators.json", "sft/model/model.safetensors", "round-1/judgments.jsonl", "round-1/ppo/model/model.safetensors", "round-1/evaluation/report.json" },
            file => Assert.NotEqual(first[file], second[file]));
    }

    [Fact]
    public void Stopped_after_every_stage_and_resumed_it_ends_as_if_nothing_had_happened()
    {
        for (var k = 0; k < Stages - 1; k++)
        {
            using var stop = new StopWhen { Line = line => line.StartsWith("   done in", StringComparison.Ordinal) };
            Assert.Null(tiny.Run("stages", k == 0 ? null : Resume, progress: stop, stop: stop.Token));
        }

        Assert.NotNull(tiny.Run("stages", Resume));
        Assert.Empty(tiny.Differences("straight", "stages"));
    }

    [Fact]
    public void Stopped_within_every_stage_and_resumed_it_ends_as_if_nothing_had_happened()
    {
        string[] within = ["fine-tuning", "sampling", "reward model", "ppo", "answers", "judging"];
        foreach (var name in within)
        {
            using var stop = new StopWhen { Report = report => report.Stage == name };
            Assert.Null(tiny.Run("within", name == within[0] ? null : Resume, progress: stop, stop: stop.Token));
            Assert.True(stop.Token.IsCancellationRequested, name);
        }

        Assert.NotNull(tiny.Run("within", Resume));
        Assert.Empty(tiny.Differences("straight", "within"));
    }

    [Fact]
    public void A_damaged_report_of_a_finished_quick_start_is_named()
    {
        var report = Path.Combine(tiny.Copy("damaged"), "round-1/evaluation/report.json");
        var whole = File.ReadAllText(report);
        File.WriteAllText(report, whole[..^10]);

        var problem = Assert.Throws<InputException>(() => tiny.Run("damaged", Resume));

        Assert.Equal(report, problem.Title);
    }

    [Fact]
    public void Annotators_are_split_before_anything_is_trained()
    {
        using var stop = new StopWhen { Report = _ => true };

        tiny.Run("split", progress: stop, stop: stop.Token);

        var folder = new QuickstartFolder(tiny.At("split"));
        Assert.False(folder.IsDone(QuickstartStage.Sft, 1));
        var annotators = Annotators.Load(folder.Annotators);
        Assert.Equal((8, 5), (annotators.Of(AnnotatorGroup.Training).Count, annotators.Of(AnnotatorGroup.HeldOut).Count));
        Assert.Equal(File.ReadAllBytes(Path.Combine(tiny.Straight, "annotators.json")), File.ReadAllBytes(folder.Annotators));
    }

    [Theory]
    [InlineData(QuickstartStage.Ppo, 2)]
    [InlineData(QuickstartStage.Judge, 4)]
    public void From_a_stage_on_only_what_follows_is_done_again_with_the_same_result(QuickstartStage from, int stages)
    {
        var folder = new QuickstartFolder(tiny.Copy($"from-{from}"));
        File.AppendAllText(folder.Report(1), "spoilt");
        File.AppendAllText(Path.Combine(folder.Ppo(1), "result.json"), "spoilt");
        var kept = File.GetLastWriteTimeUtc(folder.Comparisons(1));
        var seen = new RecordedProgress();

        // the copy's recipes name the folder they were copied from
        foreach (var recipe in Directory.EnumerateFiles(folder.Root, "recipe.yaml", SearchOption.AllDirectories))
            File.WriteAllText(recipe, File.ReadAllText(recipe).Replace(tiny.Straight, folder.Root));
        tiny.Run($"from-{from}", new() { Folder = "", From = from }, progress: seen);

        Assert.Equal(stages, seen.Lines.Count(line => line.StartsWith("   done in", StringComparison.Ordinal)));
        Assert.Equal(kept, File.GetLastWriteTimeUtc(folder.Comparisons(1)));
        Assert.Empty(tiny.Differences("straight", $"from-{from}"));
    }

    [Fact]
    public void A_second_round_goes_on_from_the_first_and_its_report_shows_both()
    {
        tiny.Run("rounds");
        var before = tiny.Left("rounds");
        var report = tiny.Run("rounds", new() { Folder = "", Rounds = 2 })!;

        Assert.Equal([1, 2], report.Rounds.Select(round => round.Number));
        var after = tiny.Left("rounds");
        Assert.All(before.Where(file => file.Key != "quickstart.yaml"), file => Assert.Equal(file.Value, after[file.Key])); // which holds the number of rounds
        var folder = new QuickstartFolder(tiny.At("rounds"));
        Assert.Equal(2, Recipe.Load<QuickstartPlan>(folder.Plan, []).Rounds);
        var reward = Recipe.Load<RewardRecipe>(Attune.Runs.Run.RecipePath(folder.Reward(2)), []);
        Assert.Equal((folder.RewardModel(1), null), (reward.Continue, reward.From));
        Assert.Equal([folder.Rankings(1), folder.Rankings(2)], reward.Preferences.Select(source => source.Path));
        var leashes = Enumerable.Range(1, 2).Select(round => Recipe.Load<PpoRecipe>(Attune.Runs.Run.RecipePath(folder.Ppo(round)), []).Ppo).ToArray();
        Assert.Equal(KlController.Adaptive, leashes[1].KlController);
        Assert.Equal(MetricsLog.Read(Attune.Runs.Run.MetricsPath(folder.Ppo(1)))[^1].Values["kl/coefficient"], leashes[1].KlCoefficient);
        Assert.Equal(leashes[0].KlTarget * 4 / 3, leashes[1].KlTarget, 1e-9);
        var (first, second) = (JudgmentLog.Read(folder.Judgments(1)).Judgments, JudgmentLog.Read(folder.Judgments(2)).Judgments);
        Assert.Equal(first.Count + second.Count, first.Concat(second).Select(judgment => judgment.Id).Distinct().Count());
        Assert.All(ComparisonFile.Read(folder.Comparisons(2)), pair => Assert.Equal((2, "PPO, round 1"), (pair.Round, pair.Answers[0].Source)));
        var page = File.ReadAllText(folder.Report(2));
        Assert.Contains("Round 1", page);
        Assert.Contains("Round 2", page);

        // both at once is the same, and going on without --rounds means all rounds that were asked for, wherever it stopped
        foreach (var (name, round) in new[] { ("two", 2), ("one", 1) })
        {
            using var stop = new StopWhen { Report = r => r.Stage == "reward model" };
            Assert.Null(tiny.Run(name, new() { Folder = "", Rounds = 2 }, progress: new InRound(round, stop), stop: stop.Token));
            Assert.Equal(2, tiny.Run(name, Resume)!.Rounds.Count);
            Assert.Empty(tiny.Differences("rounds", name));
        }
    }

    [Fact]
    public void Between_two_rounds_it_says_how_many_were_asked_for()
    {
        var folder = new QuickstartFolder(tiny.Copy("between"));
        File.WriteAllText(folder.Plan, File.ReadAllText(folder.Plan).Replace("rounds: 1", "rounds: 3"));

        Assert.Equal("holds a quick start that stopped after round 1 of 3", QuickstartStart.Found(folder.Root));
        Assert.Equal(3, new QuickstartStart { Folder = folder.Root, Resume = true }.AllRounds);
        Assert.Equal(1, new QuickstartStart { Folder = folder.Root, Resume = true, Rounds = 1 }.AllRounds);
        Assert.Equal(1, new QuickstartStart { Folder = folder.Root, Force = true }.AllRounds);
    }

    [Fact]
    public void Without_a_leash_it_goes_round_twice_as_well()
    {
        var plan = TinyQuickstart.Plan with { Leash = false, Ppo = QuickstartPlan.Of(Budget.Small, leash: false).Ppo with { Steps = 2, PromptsPerStep = 8, WarmUpSteps = 0 } };

        var report = tiny.Run("no-kl-twice", new() { Folder = "", Rounds = 2 }, plan)!;

        Assert.Equal([1, 2], report.Rounds.Select(round => round.Number));
        Assert.Contains("PPO, round 1", report.Rounds[1].Baselines.Select(row => row.Model));
    }

    [Fact]
    public void A_policy_whose_answers_are_all_the_same_ends_the_quick_start_with_what_to_do()
    {
        var collapsed = TinyQuickstart.Plan with { Temperature = 1e-4, Prompts = 5 };

        var failure = Assert.Throws<RunFailedException>(() => tiny.Run("collapsed", plan: collapsed));

        Assert.Contains("gave the same text again and again to each of 5 prompts at temperature 0.0001, expected different answers to compare; raise the temperature", failure.Message, StringComparison.Ordinal);
        Assert.False(new QuickstartFolder(tiny.At("collapsed")).IsDone(QuickstartStage.Compare, 1));
    }

    [Fact]
    public void Without_a_leash_distance_costs_nothing()
    {
        var plan = TinyQuickstart.Plan with { Leash = false, Ppo = QuickstartPlan.Of(Budget.Small, leash: false).Ppo with { Steps = 2, PromptsPerStep = 8, WarmUpSteps = 0 } };

        var report = tiny.Run("no-kl", plan: plan)!;

        Assert.Contains(report.Facts, fact => fact is { Name: "KL penalty", Value: "off" });
        Assert.All(MetricsLog.Read(Attune.Runs.Run.MetricsPath(Path.Combine(tiny.At("no-kl"), "round-1/ppo"))), row => Assert.Equal(0, row.Values["kl/coefficient"]));
    }

    /// <summary>Asks to stop at a line or a report.</summary>
    private sealed class StopWhen : IProgressSink, IDisposable
    {
        private readonly CancellationTokenSource _stop = new();

        public Func<ProgressReport, bool> Report { get; init; } = _ => false;

        public Func<string, bool> Line { get; init; } = _ => false;

        public CancellationToken Token => _stop.Token;

        void IProgressSink.Report(ProgressReport report)
        {
            if (Report(report))
                _stop.Cancel();
        }

        public void Say(string line)
        {
            if (Line(line))
                _stop.Cancel();
        }

        public void Warn(string line)
        {
        }

        public void Dispose() => _stop.Dispose();
    }

    /// <summary>Passes on what happens in a round.</summary>
    private sealed class InRound(int round, IProgressSink sink) : IProgressSink
    {
        private bool _isThere;

        public void Report(ProgressReport report)
        {
            if (_isThere)
                sink.Report(report);
        }

        public void Say(string line) => _isThere |= line.Contains($"round {round} of");

        public void Warn(string line)
        {
        }
    }
}
