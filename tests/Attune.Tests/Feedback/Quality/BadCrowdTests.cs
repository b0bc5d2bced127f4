using System.Globalization;
using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Feedback.Quality;
using Attune.Torch;
using Xunit.Abstractions;

namespace Attune.Tests.Feedback.Quality;

/// <summary>
/// Eight honest annotators among fourteen bad ones: what majority vote, Dawid–Skene, gold and rules make of their judgments. The table of docs/quality-control.md is what
/// this test prints.
/// </summary>
public sealed class BadCrowdTests(ITestOutputHelper print)
{
    private const int Tasks = 500, GoldenTasks = 60, GoldenEvery = 6, Overlap = 5;

    private static readonly (string Kind, int Count, Vices Vices)[] Bad =
    [
        ("noisy", 3, new() { RandomClicks = 0.5 }),
        ("lazy", 2, new() { RandomClicks = 1, Speed = 3 }),
        ("side-biased", 2, new() { LeftBias = 0.9 }),
        ("fast", 1, new() { RandomClicks = 0.7, Speed = 10 }),
        ("colluding", 4, new() { Ring = "ring" }),
        ("adversarial", 2, new() { Adversity = 0.95 }),
    ];

    private static readonly RuleSet Rules = RuleSet.Load(Repository.PathOf("data/quality-rules.yaml"));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Rules_and_aggregation_recover_what_the_honest_say_and_colluders_do_not_win_against_gold(ulong seed)
    {
        var crowd = Crowd.Of(new(seed));
        var outcome = RuleEngine.Replay(Rules, crowd.Input);
        Firing? First(string annotator, ActionKind kind) => outcome.Firings.FirstOrDefault(firing => firing.AnnotatorId == annotator && firing.Actions.Any(action => action.Do == kind));
        var banned = crowd.KindOf.Keys.Where(id => First(id, ActionKind.Ban) is not null).ToHashSet();
        var rejected = outcome.Firings.Where(firing => firing.Actions.Any(action => action.Do == ActionKind.Reject)).SelectMany(firing => firing.Evidence).ToHashSet();
        bool WasGiven(Judgment judgment) => new[] { ActionKind.Ban, ActionKind.Pause }.All(kind => First(judgment.AnnotatorId, kind) is not { } firing || judgment.At <= firing.At); // pauses outlast the log
        var kept = crowd.Input.Judgments.Where(judgment => WasGiven(judgment) && !rejected.Contains(judgment.Id)).ToList();
        Assert.Equal(crowd.Input.Judgments.Count(judgment => !WasGiven(judgment)), outcome.Prevented.Values.Sum());
        var history = QualityHistory.Of(crowd.Input);
        double LogOdds(double p) => Math.Log(p / (1 - p));
        var logOdds = crowd.KindOf.Keys.ToDictionary(id => id, id => LogOdds(history.Measure(id, Measure.GoldenAccuracy).Value));

        var rows = new Dictionary<string, double>
        {
            ["majority vote of all"] = crowd.Accuracy(MajorityVote.Run(crowd.Labels(crowd.Input.Judgments))),
            ["Dawid–Skene of all"] = crowd.Accuracy(DawidSkene.Run(crowd.Labels(crowd.Input.Judgments))),
            ["Dawid–Skene of all, with gold"] = crowd.Accuracy(DawidSkene.Run(crowd.Labels(crowd.Input.Judgments), new() { Gold = crowd.Gold, PriorRight = 2, PriorWrong = 1 })),
            ["votes weighted by gold (log odds)"] = crowd.Accuracy(MajorityVote.Run(crowd.Labels(crowd.Input.Judgments), new() { Skills = logOdds })),
            ["rules, then majority vote"] = crowd.Accuracy(MajorityVote.Run(crowd.Labels(kept))),
            ["rules, then Dawid–Skene with gold"] = crowd.Accuracy(DawidSkene.Run(crowd.Labels(kept), new() { Gold = crowd.Gold, PriorRight = 2, PriorWrong = 1 })),
            ["majority vote of the honest"] = crowd.Accuracy(MajorityVote.Run(crowd.Labels([.. crowd.Input.Judgments.Where(judgment => crowd.KindOf[judgment.AnnotatorId] == "honest")]))),
        };
        foreach (var (name, accuracy) in rows)
            print.WriteLine($"seed {seed}  {name,-36} {accuracy.ToString("0.000", CultureInfo.InvariantCulture)}");
        foreach (var kind in crowd.KindOf.GroupBy(entry => entry.Value))
            print.WriteLine($"seed {seed}  {kind.Key}: {kind.Count(entry => banned.Contains(entry.Key))} banned, {kind.Count(entry => !banned.Contains(entry.Key) && First(entry.Key, ActionKind.Pause) is not null)} paused, of {kind.Count()}");

        Assert.All(crowd.KindOf.Where(entry => entry.Value == "honest"), entry => Assert.True(First(entry.Key, ActionKind.Ban) is null && First(entry.Key, ActionKind.Pause) is null));
        Assert.All(crowd.KindOf.Where(entry => entry.Value is "colluding" or "adversarial"), entry => Assert.Contains(entry.Key, banned));
        Assert.All(crowd.KindOf.Where(entry => entry.Value == "side-biased"), entry => Assert.NotNull(First(entry.Key, ActionKind.Pause) ?? First(entry.Key, ActionKind.Ban)));
        // Without gold colluders who answer every task are the best annotators that agreement knows. Against gold they do not win.
        Assert.True(rows["majority vote of all"] < 0.65 && rows["Dawid–Skene of all"] < 0.65);
        Assert.True(rows["votes weighted by gold (log odds)"] > rows["majority vote of all"] + 0.2);
        Assert.True(rows["rules, then majority vote"] > rows["majority vote of all"] + 0.2);
        Assert.True(rows["rules, then Dawid–Skene with gold"] > rows["majority vote of the honest"] - 0.03);
    }

    [Fact]
    public void A_ring_gives_one_answer_on_either_side_and_an_adversary_the_opposite_of_the_honest()
    {
        var crowd = Crowd.Of(new(1));
        var byTask = crowd.Input.Judgments.Where(judgment => crowd.KindOf[judgment.AnnotatorId] == "colluding").GroupBy(judgment => judgment.ComparisonId).ToList();

        Assert.Equal(Tasks + GoldenTasks, byTask.Count(task => task.Count() == 4));
        Assert.All(byTask, task => Assert.Single(task.Select(judgment => judgment.Best).Distinct()));
        Assert.Contains(byTask, task => task.Select(judgment => judgment.Order[0]).Distinct().Count() == 2);
        var golden = crowd.Input.Tasks.ToDictionary(task => task.ComparisonId, task => task.Expected?.Best);
        double RightOf(string kind) => crowd.Input.Judgments.Where(judgment => crowd.KindOf[judgment.AnnotatorId] == kind && golden.ContainsKey(judgment.ComparisonId))
            .Average(judgment => judgment.Best == golden[judgment.ComparisonId] ? 1.0 : 0);
        Assert.True(RightOf("honest") > 0.85 && RightOf("adversarial") < 0.25, $"{RightOf("honest")} {RightOf("adversarial")}");
    }

    /// <summary>The judgments of one simulated crowd, each annotator's in an order of their own, a golden task after every few others.</summary>
    private sealed record Crowd(QualityInput Input, Truth Gold, Truth Truth, IReadOnlyDictionary<string, string> KindOf)
    {
        public static Crowd Of(Seed seed)
        {
            var options = new CrowdOptions { Training = 8 + Bad.Sum(bad => bad.Count), HeldOut = 1, Agreement = 0.8, Bad = [.. Bad.SelectMany(bad => Enumerable.Repeat(bad.Vices, bad.Count))] };
            var pairs = CrowdTests.MadeUpPairs(2 * (Tasks + GoldenTasks), seed.For("pairs"));
            var judges = SimulatedCrowd.Calibrate(options, SimulatedCrowd.Recruit(options, seed), pairs, CrowdTests.Words, seed).Of(AnnotatorGroup.Training);
            var kindOf = judges.ToDictionary(judge => judge.Id, judge => Bad.FirstOrDefault(bad => bad.Vices == judge.Member.Vices).Kind ?? "honest");
            var honest = judges.Where(judge => kindOf[judge.Id] == "honest").ToList();
            double Liking(Comparison pair) => honest.Average(judge => (judge.Utility(pair.Prompt, pair[0]) - judge.Utility(pair.Prompt, pair[1])) / judge.Member.Noise);

            // Golden tasks are easy ones: the pairs on which the honest lie furthest apart. The others are whatever comes.
            var golden = pairs.OrderByDescending(pair => Math.Abs(Liking(pair))).Take(GoldenTasks).ToList();
            var tasks = pairs.Except(golden).Take(Tasks).ToList();
            var log = judges.SelectMany(judge => Work(judge, kindOf[judge.Id], judges, tasks, golden, seed)).ToList();
            string Best(Comparison pair) => Liking(pair) > 0 ? "0" : "1";
            return new(
                new QualityInput(log) with { Tasks = [.. golden.Select(pair => new TaskFacts { ComparisonId = pair.Id, Expected = new() { Best = Liking(pair) > 0 ? 0 : 1 } })] },
                Truth.Of(golden.Select(pair => (pair.Id, Best(pair)))), Truth.Of(tasks.Select(pair => (pair.Id, Best(pair)))), kindOf);
        }

        public LabelSet Labels(IReadOnlyList<Judgment> judgments) => LabelSet.Of(judgments.Where(judgment => judgment.Best is not null).Select(judgment => new LabelRow(judgment.ComparisonId, judgment.AnnotatorId, $"{judgment.Best}")), ["0", "1"]);

        /// <summary>On the tasks that are not golden.</summary>
        public double Accuracy(AggregationResult result) => LabelMetrics.Accuracy(result, Truth);

        private static IEnumerable<Judgment> Work(SimulatedAnnotator judge, string kind, IReadOnlyList<SimulatedAnnotator> judges, List<Comparison> tasks, List<Comparison> golden, Seed seed)
        {
            var others = judges.Where(other => other.Member.Vices.Ring is null).Select(other => other.Id).ToList();
            bool IsTheirs(Comparison task) => kind == "colluding" || seed.For("assignment").For(task.Id).Permutation(others.Count).Take(Overlap).Any(place => others[place] == judge.Id);
            var own = seed.For("order").For(judge.Id);
            var mine = tasks.Where(IsTheirs).ToList();
            var order = own.Permutation(mine.Count).Select(place => mine[place]).ToList();
            var gold = new Queue<Comparison>(own.For("golden").Permutation(golden.Count).Select(place => golden[place]));
            var queue = order.SelectMany((task, i) => i % GoldenEvery == 0 && gold.TryDequeue(out var next) ? new[] { next, task } : [task]).ToList();
            if (kind == "colluding")
                queue.AddRange(gold); // they answer every task
            return queue.Select((task, i) => judge.Judge(task, view: own.Below(2, i)) with { At = Made.Start.AddMinutes(i) });
        }
    }
}
