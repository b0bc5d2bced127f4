using Attune.Feedback.Aggregation;
using Attune.Torch;

namespace Attune.Feedback.Quality;

/// <summary>What a way of asking cost and gave.</summary>
/// <param name="Fixed">Answers a task, where all tasks have alike; null for dynamic overlap.</param>
/// <param name="Threshold">The posterior at which a task stops; null for fixed overlap.</param>
/// <param name="Answers">Answers asked for.</param>
/// <param name="Accuracy">Share of the tasks with a truth whose label is right.</param>
/// <param name="FixedAnswers">Answers with which fixed overlap reaches that accuracy, between neighbours by a straight line; null for fixed overlap itself, and where it never does.</param>
public sealed record OverlapPoint(int? Fixed, double? Threshold, double Answers, double Accuracy, double? FixedAnswers)
{
    /// <summary>The share of the answers of fixed overlap that dynamic overlap saves at the same accuracy; below 0 where it needs more.</summary>
    public double? Saving => 1 - Answers / FixedAnswers;
}

/// <summary>
/// Fixed against dynamic overlap, replayed on a log in which tasks have several answers: each task's answers (of each worker the first) come in an order drawn from
/// the seed, and each way of asking sees as many of them as it asks for. Rounds: all tasks that are not done get one answer more, then all is aggregated
/// again with Dawid–Skene. A task whose answers in the log are used up is done: so both end at the same answers, and savings near the whole log look
/// smaller than they are.
/// </summary>
public static class OverlapSimulation
{
    private const int Iterations = 30; // of expectation maximisation in each round: labels hardly move after that
    private static readonly double[] Thresholds = [0.7, 0.8, 0.9, 0.95, 0.99];

    /// <summary>Mean points over seeds: fixed overlap 1, 2, … then dynamic overlap by threshold.</summary>
    /// <param name="data">All answers.</param>
    /// <param name="truth">What is right.</param>
    /// <param name="options">The fewest and most answers; its threshold is not used.</param>
    /// <param name="seeds">How many orders of the answers are drawn.</param>
    /// <param name="done">Called after each order.</param>
    public static IReadOnlyList<OverlapPoint> Run(LabelSet data, Truth truth, OverlapOptions options, int seeds, Action<int>? done = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(seeds, 1);
        var rows = data.Rows().DistinctBy(row => (row.Task, row.Worker)).ToList();
        var most = Math.Min(options.Maximum, rows.CountBy(row => row.Task).Max(entry => entry.Value));
        var (atFixed, atThreshold) = (new List<(double, double)>[most], new List<(double, double)>[Thresholds.Length]);
        for (var seed = 1; seed <= seeds; seed++)
        {
            var queues = Queues(rows, new Seed((ulong)seed).For("order of answers"));
            for (var overlap = 1; overlap <= most; overlap++)
                (atFixed[overlap - 1] ??= []).Add(Outcome(Labels(queues, data, (_, queue) => Math.Min(overlap, queue.Count)), truth));
            for (var i = 0; i < Thresholds.Length; i++)
                (atThreshold[i] ??= []).Add(Outcome(Dynamic(queues, data, options with { Threshold = Thresholds[i], Maximum = most }), truth));
            done?.Invoke(seed);
        }
        var curve = atFixed.Select(Mean).ToList();
        return [.. curve.Select((point, i) => new OverlapPoint(i + 1, null, point.Answers, point.Accuracy, null)),
            .. atThreshold.Select(Mean).Select((point, i) => new OverlapPoint(null, Thresholds[i], point.Answers, point.Accuracy, CostCurve.At(point.Accuracy, curve)))];
    }

    private static List<List<LabelRow>> Queues(List<LabelRow> rows, Seed seed) =>
        [.. rows.GroupBy(row => row.Task, StringComparer.Ordinal).Select(task =>
        {
            var answers = task.ToList();
            return seed.For(task.Key).Permutation(answers.Count).Select(place => answers[place]).ToList();
        })];

    private static AggregationResult Dynamic(List<List<LabelRow>> queues, LabelSet all, OverlapOptions options)
    {
        var asked = queues.Select(queue => Math.Min(options.Minimum, queue.Count)).ToArray();
        while (true)
        {
            var result = Labels(queues, all, (task, _) => asked[task]);
            var decisions = DynamicOverlap.Plan(result, options);
            var isMore = false;
            for (var task = 0; task < asked.Length; task++)
            {
                if (decisions[task].Decision != OverlapDecision.Extend || asked[task] == queues[task].Count)
                    continue;
                asked[task]++;
                isMore = true;
            }
            if (!isMore)
                return result;
        }
    }

    private static AggregationResult Labels(List<List<LabelRow>> queues, LabelSet all, Func<int, List<LabelRow>, int> asked) =>
        DawidSkene.Run(LabelSet.Of(queues.SelectMany((queue, task) => queue.Take(asked(task, queue))), all.Labels), new() { Iterations = Iterations, PriorRight = 2, PriorWrong = 1, PriorTasks = 1 });

    private static (double Answers, double Accuracy) Outcome(AggregationResult result, Truth truth) => (result.Data.Count, LabelMetrics.Accuracy(result, truth));

    private static (double Answers, double Accuracy) Mean(List<(double Answers, double Accuracy)> points) => (points.Average(point => point.Answers), points.Average(point => point.Accuracy));
}

/// <summary>What a way of asking costs, by what it gives.</summary>
internal static class CostCurve
{
    /// <summary>The cost at which a curve first reaches a quality, between neighbours by a straight line; the first cost where it begins above, null where it never does.</summary>
    /// <param name="quality">What is to be reached.</param>
    /// <param name="curve">Points in order of cost.</param>
    public static double? At(double quality, IReadOnlyList<(double Cost, double Quality)> curve)
    {
        for (var i = 0; i < curve.Count; i++)
        {
            if (curve[i].Quality < quality)
                continue;
            if (i == 0)
                return curve[0].Cost;
            var (before, after) = (curve[i - 1], curve[i]);
            return before.Cost + (quality - before.Quality) / (after.Quality - before.Quality) * (after.Cost - before.Cost);
        }
        return null;
    }
}
