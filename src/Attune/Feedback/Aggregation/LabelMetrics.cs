namespace Attune.Feedback.Aggregation;

/// <summary>What the rows of an accuracy are grouped by.</summary>
public enum AccuracyBy
{
    /// <summary>By the task.</summary>
    Task,

    /// <summary>By who answered.</summary>
    Worker,

    /// <summary>By what is right.</summary>
    TrueLabel,
}

/// <summary>
/// How good labels are, with a truth or without. Pure functions; logarithms are natural.
/// Agreement of raters, Krippendorff's alpha for one, is in <see cref="Agreement"/>.
/// </summary>
public static class LabelMetrics
{
    /// <summary>Weighted share of the rows that are right, of those whose task has a truth; rows equal in task, worker and label count once. NaN without any.</summary>
    public static double Accuracy(IEnumerable<LabelRow> rows, Truth truth) => Share(Judged(rows, truth));

    /// <summary>The same, for each task, worker or true label that occurs in such rows. Of several right labels of a task the first stands for it, unless the row has another.</summary>
    public static IReadOnlyDictionary<string, double> Accuracy(IEnumerable<LabelRow> rows, Truth truth, AccuracyBy by) =>
        Judged(rows, truth)
            .GroupBy(row => by switch { AccuracyBy.Task => row.Row.Task, AccuracyBy.Worker => row.Row.Worker, _ => row.True }, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, Share, StringComparer.Ordinal);

    /// <summary>Share of the tasks with a truth whose aggregated label is right. NaN without any.</summary>
    public static double Accuracy(AggregationResult result, Truth truth)
    {
        ArgumentNullException.ThrowIfNull(result);
        return Accuracy(result.Labels().Select(task => new LabelRow(task.Task, "", task.Label)), truth);
    }

    /// <summary>
    /// Mean over tasks of the posterior of the aggregated label when each worker answers right with their skill and any other label alike:
    /// L[t, c] = Π over answers of (s_w where the answer is c, else (1 − s_w)/(K − 1)); the share of the task's label, 0 where the sum is 0.
    /// </summary>
    public static double Consistency(AggregationResult result, IReadOnlyList<double>? skills = null)
    {
        ArgumentNullException.ThrowIfNull(result);
        var (data, sum) = (result.Data, 0.0);
        skills ??= result.Skills ?? throw new ArgumentException("The result has no skills; give them.", nameof(skills));
        var likelihood = new double[data.Labels.Count];
        for (var task = 0; task < data.Tasks.Count; task++)
        {
            Array.Fill(likelihood, 1);
            for (var at = data.TaskStart[task]; at < data.TaskStart[task + 1]; at++)
            {
                for (var c = 0; c < likelihood.Length; c++)
                    likelihood[c] *= OneCoin(skills[data.TaskWorker[at]], data.TaskLabel[at] == c, likelihood.Length);
            }
            var total = likelihood.Sum();
            sum += total == 0 ? 0 : likelihood[result.TaskLabels[task]] / total;
        }
        return sum / data.Tasks.Count;
    }

    /// <summary>
    /// Entropy of each task's answers: masses m[c] = Σ over answers of (s_w where the answer is c, else (1 − s_w)/(K − 1)), divided by their sum.
    /// </summary>
    /// <param name="data">The labels.</param>
    /// <param name="skills">Each worker's skill; 1 without, which makes it the entropy of the answers' shares.</param>
    public static double[] TaskUncertainty(LabelSet data, IReadOnlyList<double>? skills = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        return Uncertainty(data, data.TaskStart, at => data.TaskLabel[at], at => SkillOf(data, skills, data.TaskWorker[at]));
    }

    /// <summary>The same for each worker's answers to all tasks: low for someone who always answers alike.</summary>
    public static double[] WorkerUncertainty(LabelSet data, IReadOnlyList<double>? skills = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        var owner = new int[data.Count];
        for (var worker = 0; worker < data.Workers.Count; worker++)
            owner.AsSpan(data.WorkerStart[worker]..data.WorkerStart[worker + 1]).Fill(worker);
        return Uncertainty(data, data.WorkerStart, at => data.WorkerLabel[at], at => SkillOf(data, skills, owner[at]));
    }

    /// <summary>
    /// The workers who answer too alike: with at least <paramref name="minimumAnswers"/> answers, and an uncertainty at or below the given
    /// percentile (linear between neighbours) of such workers'. Always somebody, since the least is below any percentile.
    /// </summary>
    public static IReadOnlyList<string> WorkersBelowEntropy(LabelSet data, double percentile = 10, int minimumAnswers = 2)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfNegative(percentile);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percentile, 100);
        var entropies = WorkerUncertainty(data);
        var eligible = Enumerable.Range(0, entropies.Length).Where(worker => data.WorkerStart[worker + 1] - data.WorkerStart[worker] >= minimumAnswers).ToList();
        if (eligible.Count == 0)
            return [];
        var sorted = eligible.Select(worker => entropies[worker]).Order().ToArray();
        var place = percentile / 100 * (sorted.Length - 1);
        var below = sorted[(int)place];
        var threshold = below + (place - (int)place) * (sorted[Math.Min((int)place + 1, sorted.Length - 1)] - below);
        return [.. eligible.Where(worker => entropies[worker] <= threshold).Select(worker => data.Workers[worker])];
    }

    /// <summary>p(answer | label) of someone who is right with their skill and gives any other label alike.</summary>
    internal static double OneCoin(double skill, bool isEqual, int classes) => isEqual ? skill : (1 - skill) / Math.Max(1, classes - 1);

    private static double SkillOf(LabelSet data, IReadOnlyList<double>? skills, int worker) => skills is null ? 1
        : worker < skills.Count ? skills[worker]
        : throw new ArgumentException($"There are {skills.Count} skills and {data.Workers.Count} workers; expected one for each.", nameof(skills));

    private static double[] Uncertainty(LabelSet data, int[] starts, Func<int, int> labelAt, Func<int, double> skillAt)
    {
        var entropies = new double[starts.Length - 1];
        var masses = new double[data.Labels.Count];
        for (var group = 0; group < entropies.Length; group++)
        {
            Array.Clear(masses);
            for (var at = starts[group]; at < starts[group + 1]; at++)
            {
                for (var c = 0; c < masses.Length; c++)
                    masses[c] += OneCoin(skillAt(at), labelAt(at) == c, masses.Length);
            }
            var total = masses.Sum();
            foreach (var mass in masses.Where(mass => mass > 0))
                entropies[group] -= mass / total * Math.Log(mass / total);
        }
        return entropies;
    }

    private static IEnumerable<(LabelRow Row, string True, bool IsRight)> Judged(IEnumerable<LabelRow> rows, Truth truth)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(truth);
        var seen = new HashSet<(string, string, string)>();
        foreach (var row in rows)
        {
            var right = truth.Of(row.Task);
            if (right.Count == 0 || !seen.Add((row.Task, row.Worker, row.Label)))
                continue;
            var isRight = right.Contains(row.Label);
            yield return (row, isRight ? row.Label : right[0], isRight);
        }
    }

    private static double Share(IEnumerable<(LabelRow Row, string True, bool IsRight)> rows)
    {
        var (right, all) = (0.0, 0.0);
        foreach (var (row, _, isRight) in rows)
        {
            right += isRight ? row.Weight : 0;
            all += row.Weight;
        }
        return right / all;
    }
}
