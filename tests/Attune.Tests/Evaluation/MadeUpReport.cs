using Attune.Evaluation;
using Attune.Torch;

namespace Attune.Tests.Evaluation;

/// <summary>A report with invented but plausible numbers, of the size that a standard run makes. Only tests may use it.</summary>
internal static class MadeUpReport
{
    private static readonly Seed Seed = new(20);

    private static readonly string[] Names = ["PPO", "best of 16", "SFT", "base, 3 examples", "base"];

    // Invented quality, so that PPO wins about four of five against SFT.
    private static readonly double[] Quality = [1.0, 0.8, 0.0, -0.9, -1.6];

    public static EvaluationReport Create(int rounds = 2, int prompts = 200)
    {
        var results = Results(prompts, "held-out", 1.0, firstLine: 1);
        var seen = Results(prompts, "training", 1.15, firstLine: 9_001).Where(r => r is { Model: "PPO", Opponent: "SFT" }).ToList();
        return new EvaluationReport
        {
            Title = "Friendly film reviews",
            Summary = "A small language model learned from 1,500 simulated comparisons to write more positive film reviews without losing its "
                + "fluency.",
            Created = new DateTimeOffset(2026, 11, 21, 7, 0, 0, TimeSpan.Zero),
            Headline = new("PPO", "SFT"),
            Checks =
            [
                new("Preferred over SFT on at least 75 % of held-out prompts", "81.2 %", true, Tournament.SourceId("held-out crowd", "PPO", "SFT")),
                new("Lower end of the 95 % interval at least 65 %", "75.3 %", true, Tournament.SourceId("held-out crowd", "PPO", "SFT")),
                new("Distinct-2 at least 70 % of SFT's", "91 %", true, "samples"),
                new("Distance from SFT below 12 nats", "13.1 nats", false, "metrics-ppo"),
            ],
            Warnings = ["The share of answers that end by themselves fell to 62 % at step 40 (healthy: above 70 %)."],
            Facts =
            [
                new("Command", "./attune quickstart --budget standard --seed 20"), new("Machine", "2 cores, no GPU, 7 min 12 s"), new("Seed", "20"),
                new("Votes", "3 per pair, 8 held-out annotators"), new("Policy", "PPO, adaptive KL (target 6 nats), preset instructgpt"),
            ],
            Models =
            [
                new("PPO", "SFT, then improved against the reward model", "ppo/model"),
                    new("best of 16", "SFT, 16 answers, the reward model's favourite"),
                new("SFT", "Base, fine-tuned on 420 demonstrations", "sft/model"),
                    new("base, 3 examples", "Base with three reviews in its prompt"), new("base", "Pretrained only", "models/base"),
            ],
            Rounds = [.. Enumerable.Range(1, rounds).Select(n => Round(n, results, seen))],
            Sources =
            [
                .. Tournament.Sources(results, "held-out crowd", "judgments.jsonl"), .. Tournament.Sources(seen, "training crowd", "judgments.jsonl"),
                new() { Id = "samples", About = "Answers of every model to the held-out prompts", File = "evaluation/samples.jsonl",
                    Lines = $"1–{5 * prompts}" },
                new() { Id = "metrics-ppo", About = "Metrics logged by PPO", File = "ppo/metrics.jsonl", Lines = "1–60" },
                new() { Id = "metrics-reward", About = "Metrics logged by the reward model's training", File = "reward/metrics.jsonl" },
                new() { Id = "rewards", About = "Scores of 64 answers to each held-out prompt", File = "evaluation/best-of-n.jsonl" },
                new()
                {
                    Id = "reward-heldout", About = "Held-out judgments that the reward model was tested on", File = "judgments.jsonl",
                    Rows = [.. Enumerable.Range(0, 60).Select(i => Row(12_000 + i, i / 3))],
                },
            ],
        };
    }

    /// <summary>Three votes per prompt and pair of models.</summary>
    public static List<PairResult> Results(int prompts, string group, double sharpness, int firstLine)
    {
        var line = firstLine;
        var results = new List<PairResult>();
        for (var a = 0; a < Names.Length; a++)
            for (var b = a + 1; b < Names.Length; b++)
                for (var p = 0; p < prompts; p++)
                {
                    var draws = Seed.For($"{group} {a} {b}");
                    var luck = (draws.Below(1000, p, 50) - 500) / 350.0;
                    var votes = Enumerable.Range(0, 3).Select(v =>
                    {
                        var gap = sharpness * (Quality[a] - Quality[b]) + luck + (draws.Below(1000, p, v) - 500) / 300.0;
                        var outcome = Math.Abs(gap) < 0.12 ? PairOutcome.Tie : gap > 0 ? PairOutcome.Win : PairOutcome.Loss;
                        return new PairVote($"{group}-{1 + (p + v) % 8}", outcome, (p + v) % 2 == 0, Row(line++, p + 1000 * a + 100_000 * b));
                    });
                    results.Add(new($"prompt-{p}", Names[a], Names[b], [.. votes]));
                }

        return results;
    }

    private static SourceRow Row(int line, int comparison) =>
        new(line, $"019a9f3c-7000-7{comparison % 1000:d3}-8000-{comparison:d12}", $"019a9f3d-{line % 10_000:d4}-7000-9000-{line:d12}");

    private static RoundReport Round(int number, List<PairResult> results, List<PairResult> seen)
    {
        var crowd = Tournament.Of(results, "SFT", "held-out crowd", Seed);
        var rewards = Enumerable.Range(0, 50).Select(p => Enumerable.Range(0, 64).Select(i => Gauss(p, i)).ToArray()).ToList();
        var heldOut = new[] { 0.02, 0.55, 0.81, 0.92 };
        return new RoundReport
        {
            Number = number,
            Wins = [.. crowd.AgainstBaseline, .. Tournament.Of(seen, "SFT", "training crowd", Seed).AgainstBaseline.Where(r => r.Model == "PPO"),
                .. crowd.Pairs.Where(r => r.Opponent != "SFT" && r.Model != "SFT")],
            Baselines =
            [
                Baseline("base", -1.62, -1.4, 0.11, 9.2), Baseline("base, 3 examples", -0.93, -0.8, 0.24, 7.7), Baseline("SFT", 0.01, 0.02, null, 0),
                Baseline("best of 4", 1.02, 0.55, 0.68, BestOfN.KlBound(4)), Baseline("best of 16", 1.74, 0.81, 0.77, BestOfN.KlBound(16)),
                Baseline("best of 64", 2.31, 0.92, 0.80, BestOfN.KlBound(64)), Baseline("PPO", 2.05 + 0.3 * number, 1.02, 0.812, 5.1 + number),
            ],
            TextMetrics = [Text("PPO", .312, .781, .902, .014, 38.1, 18.3), Text("best of 16", .330, .842, .921, .006, 37.0, 22.4),
                Text("SFT", .341, .858, .930, .005, 36.2, 26.9), Text("base", .302, .811, .925, .009, 44.8, 31.6)],
            Frontier = new(
                [.. BestOfN.Curve(rewards, [1, 4, 16, 64], "rewards").Select((p, i) => p with { HeldOut = heldOut[i] })],
                [.. Enumerable.Range(0, 7).Select(i =>
                    new FrontierPoint { Label = $"step {i * 10}", Kl = 0.04 * i * i * 5, Reward = 2.4 * (1 - Math.Exp(-i / 2.2)),
                    RewardStandardError = 0.06, HeldOut = 1.1 * (1 - Math.Exp(-i / 1.6)), Source = "metrics-ppo" })]),
            RewardModel = new RewardModelReport
            {
                Overall = Accuracy("all held-out judgments", 640, 0.703),
                ByGroup = [Accuracy("annotators seen in training", 420, 0.717), Accuracy("annotators never seen", 220, 0.677)],
                ByMargin = [Accuracy("votes 2 to 1", 251, 0.598), Accuracy("votes 3 to 0", 389, 0.771)],
                Nulls = [Accuracy("longer answer", 640, 0.541), Accuracy("answer shown first", 640, 0.507), Accuracy("random", 640, 0.5),
                    Accuracy("bag of words", 640, 0.655)],
                Reliability = [.. Enumerable.Range(0, 10).Select(i =>
                    new ReliabilityRow(i / 10.0, (i + 1) / 10.0, 64, (i + 0.5) / 10, 0.5 + ((i + 0.5) / 10 - 0.5) * 0.82))],
                CalibrationError = 0.045,
            },
            Annotators =
            [
                Annotator("annotator-01", "training", 0.74, 0.51, 9.8), Annotator("annotator-02", "training", 0.52, 0.49, 1.2),
                Annotator("annotator-03", "training", 0.61, 0.79, 9.1), Annotator("annotator-04", "held-out", null, null, 11),
            ],
            Curves =
            [
                Curve("reward", "loss", "Mean pairwise loss; 0.693 is guessing.", "nats", 120, i => 0.693 - 0.14 * (1 - Math.Exp(-i / 35.0)), 0.02),
                Curve("reward", "accuracy", "Share of training pairs ranked rightly.", "share", 120, i => 0.5 + 0.22 * (1 - Math.Exp(-i / 30.0)),
                    0.03),
                Curve("ppo", "reward", "Mean reward-model score of the batch.", "score", 60, i => 2.3 * (1 - Math.Exp(-i / 18.0)), 0.15),
                Curve("ppo", "kl", "Distance from the reference, per answer.", "nats", 60, i => 7.5 * (1 - Math.Exp(-i / 25.0)), 0.3),
                Curve("ppo", "entropy", "Uncertainty per token.", "nats", 60, i => 2.4 - 0.012 * i, 0.04),
            ],
            Samples = [.. Enumerable.Range(0, 20).Select(Sample)],
        };
    }

    private static AnnotatorRow Annotator(string id, string group, double? agreement, double? first, double seconds) =>
        new()
        {
            Annotator = id,
            Group = group,
            Judgments = 215,
            Agreement = agreement,
            AgreementInterval = agreement is { } share ? new Attune.Feedback.Proportion(share * 860, 860).Wilson() : null,
            FirstShown = first,
            FirstShownByChance = first is null ? null : 0.5,
            MedianSeconds = seconds,
            Source = "metrics-reward",
        };

    private static BaselineRow Baseline(string model, double reward, double heldOut, double? win, double kl) =>
        new()
        {
            Model = model,
            Reward = reward,
            RewardStandardError = 0.07,
            HeldOut = heldOut,
            WinRate = win,
            Kl = kl,
            CopyRate = 0.021,
            Source = "rewards"
        };

    private static TextMetricsRow Text(string model, double d1, double d2, double d3, double repetition, double words, double perplexity) => new()
    {
        Model = model,
        Texts = 200,
        Distinct1 = d1,
        Distinct2 = d2,
        Distinct3 = d3,
        Repetition = repetition,
        CopyRate = 0.02,
        MeanWords = words,
        MeanTokens = words * 1.31,
        Perplexity = perplexity,
        Source = "samples",
    };

    private static AccuracyRow Accuracy(string name, long pairs, double accuracy) => new()
    {
        Name = name,
        Pairs = pairs,
        Accuracy = accuracy,
        Interval = new(accuracy - 0.035, accuracy + 0.035),
        Source = "reward-heldout",
    };

    private static TrainingCurve Curve(string stage, string metric, string explanation, string unit, int steps, Func<int, double> trend,
        double noise) => new()
        {
            Stage = stage,
            Metric = metric,
            Explanation = explanation,
            Unit = unit,
            Source = $"metrics-{stage}",
            Points = [.. Enumerable.Range(0, steps).Select(i => new CurvePoint(i, trend(i) + noise * Gauss(i, metric.Length)))],
        };

    private static SampleRow Sample(int i) => new()
    {
        Prompt = i == 1 ? "I went to see <b>\"Robots & Rain\"</b> because" : "The new film by the director of last year's surprise hit is",
        Answers =
        [
            new("PPO", "a warm and generous comedy. The cast is wonderful, the songs are better still, and I left the cinema smiling. A delight "
                + "from the first scene to the last.", 2.31, 1.1),
            new("SFT", "long, and it knows it. There are good scenes in the middle, but the ending is a mess and I looked at my watch more than "
                + "once.", -0.42, -0.3),
            new("base", i == 1 ? "<script>alert('no')</script> \u0001 and & then\n\nthe end"
                : "said to be the first of the three that the company has made in the year , and the year was the year of the film .", -1.5, -1.2),
        ],
        Verdict = "PPO preferred over SFT, 3 of 3 votes",
        Source = Tournament.SourceId("held-out crowd", "PPO", "SFT"),
    };

    // Sum of twelve uniforms less six: near enough to a normal draw for made-up data.
    private static double Gauss(int row, int column) => Enumerable.Range(0, 12).Sum(k => Seed.Below(10_000, row, 12 * column + k) / 10_000.0) - 6;
}
