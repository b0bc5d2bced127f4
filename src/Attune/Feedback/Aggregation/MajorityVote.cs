using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>What a weighted vote does with the rows of a worker who has no skill.</summary>
public enum MissingSkill
{
    /// <summary>Refuses the labels.</summary>
    Error,

    /// <summary>Leaves the rows out; refuses the labels where a task loses all of its rows.</summary>
    Ignore,

    /// <summary>Takes a given skill instead.</summary>
    Value,
}

/// <summary>How votes are weighted.</summary>
public sealed record MajorityVoteOptions
{
    /// <summary>Each worker's weight; null gives each answer one vote. Weights may be negative.</summary>
    public IReadOnlyDictionary<string, double>? Skills { get; init; }

    /// <summary>What happens with workers who have none.</summary>
    public MissingSkill OnMissing { get; init; }

    /// <summary>The skill of those who have none, with <see cref="MissingSkill.Value"/>.</summary>
    public double DefaultSkill { get; init; }
}

/// <summary>
/// Most votes win: score[t, l] = Σ of the weights of the answers l to t, probability = its share of the task's weight. Repeated answers of one
/// worker all count. Ties go to the smallest label in ordinal order. Skills are each worker's accuracy against the result (a repeated equal
/// answer counts once there). A task whose weights sum to 0 is decided by unweighted votes.
/// </summary>
public static class MajorityVote
{
    /// <summary>Aggregates by votes.</summary>
    /// <exception cref="InputException">A worker has no skill, or a task loses all rows.</exception>
    public static AggregationResult Run(LabelSet data, MajorityVoteOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        if (options.Skills is null)
            return Result(data, Shares(data, null));
        var weights = WeightsOf(data, options);
        var shares = Shares(data, weights);
        return Result(data, shares);
    }

    /// <summary>Each label's share of a task's weight, <c>[task, label]</c>; weights may be NaN, which leaves a worker out.</summary>
    internal static double[] Shares(LabelSet data, double[]? weights)
    {
        var classes = data.Labels.Count;
        var shares = new double[data.Tasks.Count * classes];
        for (var task = 0; task < data.Tasks.Count; task++)
        {
            var own = shares.AsSpan(task * classes, classes);
            if (Sum(data, task, weights, own) == 0)
            {
                own.Clear();
                Sum(data, task, null, own);
            }
            var total = 0.0;
            foreach (var score in own)
                total += score;
            for (var label = 0; label < classes; label++)
                own[label] /= total;
        }
        return shares;
    }

    /// <summary>Each worker's share of answers that equal the labels; a repeated equal answer counts once.</summary>
    internal static double[] Accuracies(LabelSet data, int[] labels)
    {
        var (right, all) = (new double[data.Workers.Count], new double[data.Workers.Count]);
        var repeats = data.IsRepeat;
        for (var task = 0; task < data.Tasks.Count; task++)
        {
            for (var at = data.TaskStart[task]; at < data.TaskStart[task + 1]; at++)
            {
                if (repeats[at])
                    continue;
                all[data.TaskWorker[at]]++;
                if (data.TaskLabel[at] == labels[task])
                    right[data.TaskWorker[at]]++;
            }
        }
        for (var worker = 0; worker < all.Length; worker++)
            right[worker] /= all[worker];
        return right;
    }

    /// <summary>Weighted votes with a weight for each worker; the skills stay what they are.</summary>
    internal static AggregationResult Weighted(LabelSet data, double[] skills)
    {
        var shares = Shares(data, skills);
        return new() { Data = data, Probabilities = shares, TaskLabels = AggregationResult.Largest(shares, data.Labels.Count), Skills = skills };
    }

    private static AggregationResult Result(LabelSet data, double[] shares)
    {
        var labels = AggregationResult.Largest(shares, data.Labels.Count);
        return new() { Data = data, Probabilities = shares, TaskLabels = labels, Skills = Accuracies(data, labels) };
    }

    private static double Sum(LabelSet data, int task, double[]? weights, Span<double> scores)
    {
        var total = 0.0;
        for (var at = data.TaskStart[task]; at < data.TaskStart[task + 1]; at++)
        {
            var weight = weights is null ? 1 : weights[data.TaskWorker[at]];
            if (double.IsNaN(weight))
                continue;
            scores[data.TaskLabel[at]] += weight;
            total += weight;
        }
        return total;
    }

    private static double[] WeightsOf(LabelSet data, MajorityVoteOptions options)
    {
        var weights = data.Workers.Select(worker => options.Skills!.TryGetValue(worker, out var skill) ? skill
            : options.OnMissing == MissingSkill.Value ? options.DefaultSkill : double.NaN).ToArray();
        var missing = Enumerable.Range(0, weights.Length).Where(worker => double.IsNaN(weights[worker])).Select(worker => data.Workers[worker]).ToList();
        if (missing.Count == 0)
            return weights;
        if (options.OnMissing == MissingSkill.Error)
            throw InputException.One("The skills", $"lack {missing.Count} workers, first '{missing[0]}'", "a skill for each worker", "add them, leave those workers out, or give a skill for them");
        for (var task = 0; task < data.Tasks.Count; task++)
        {
            if (data.TaskWorker[data.TaskStart[task]..data.TaskStart[task + 1]].All(worker => double.IsNaN(weights[worker])))
                throw InputException.One("The skills", $"lack every worker of task '{data.Tasks[task]}'", "at least one of them", "add one, or give a skill for workers without");
        }
        return weights;
    }
}
