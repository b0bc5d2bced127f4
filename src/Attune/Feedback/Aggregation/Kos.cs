using Attune.Runs;
using Attune.Torch;

namespace Attune.Feedback.Aggregation;

/// <summary>Settings of <see cref="Kos"/>.</summary>
public sealed record KosOptions
{
    /// <summary>Where the first messages come from: Attune's seed or NumPy's generator. And whether messages are scaled.</summary>
    public AggregationMode Mode { get; init; }

    /// <summary>Rounds of messages.</summary>
    public int Iterations { get; init; } = 100;

    /// <summary>Of the first messages.</summary>
    public uint Seed { get; init; }
}

/// <summary>
/// Message passing for two labels (Karger, Oh and Shah 2011). With A = +1 for one label and −1 for the other, messages y of answers start at N(1, 1);
/// each round x = Σ A·y over the task's other answers, y = Σ A·x over the worker's other answers. The label is the sign of Σ A·y over the task, the
/// smallest label where that is 0. A fixed number of rounds. Messages are scaled each round, which no sign depends on.
/// <see cref="AggregationMode.Compatible"/> draws as NumPy does and, like the library, does not scale but stops before a sum passes 1e300; where a sum is
/// exactly 0 the library fails, so there is no number to reproduce, and the smallest label stands here too.
/// Probabilities are 1 and 0: the method has none. Skills are each worker's accuracy against the result.
/// </summary>
public static class Kos
{
    private const double Overflow = 1e300;

    /// <summary>Aggregates by message passing.</summary>
    /// <exception cref="InputException">There are more than two labels.</exception>
    public static AggregationResult Run(LabelSet data, KosOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        if (data.Labels.Count > 2)
            throw InputException.One("The labels", $"are {data.Labels.Count} ({string.Join(", ", data.Labels.Take(10))})", "two for this method", "take another method");
        var sign = Array.ConvertAll(data.RowLabel, label => label == data.LabelsByAppearance[0] ? 1.0 : -1.0);
        var y = First(data.Count, options);
        var x = new double[data.Count];
        var (taskSums, workerSums) = (new double[data.Tasks.Count], new double[data.Workers.Count]);
        var rounds = 0;
        for (; rounds < options.Iterations; rounds++)
        {
            Others(sign, y, data.RowTask, taskSums, x);
            if (options.Mode == AggregationMode.Compatible && Largest(x) > Overflow / data.Count)
                break;
            Others(sign, x, data.RowWorker, workerSums, y);
            if (options.Mode == AggregationMode.Correct)
                Scale(y);
            else if (Largest(y) > Overflow / data.Count)
                break;
        }
        return Result(data, sign, y, rounds);
    }

    private static double[] First(int count, KosOptions options)
    {
        var numpy = new NumpyRandom(options.Seed);
        var seed = new Seed(options.Seed).For("kos");
        var y = new double[count];
        for (var row = 0; row < count; row++)
            y[row] = 1 + (options.Mode == AggregationMode.Compatible ? numpy.Normal() : seed.Normal(0, row));
        return y;
    }

    /// <summary>For each row, Σ of sign · message over the other rows of its group.</summary>
    private static void Others(double[] sign, double[] messages, int[] group, double[] sums, double[] into)
    {
        Array.Clear(sums);
        for (var row = 0; row < group.Length; row++)
            sums[group[row]] += sign[row] * messages[row];
        for (var row = 0; row < group.Length; row++)
            into[row] = sums[group[row]] - sign[row] * messages[row];
    }

    private static double Largest(double[] values)
    {
        var largest = 0.0;
        foreach (var value in values)
            largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }

    private static void Scale(double[] values)
    {
        var largest = Largest(values);
        for (var i = 0; largest > 0 && i < values.Length; i++)
            values[i] /= largest;
    }

    private static AggregationResult Result(LabelSet data, double[] sign, double[] y, int rounds)
    {
        var sums = new double[data.Tasks.Count];
        for (var row = 0; row < data.Count; row++)
            sums[data.RowTask[row]] += sign[row] * y[row];
        var labels = Array.ConvertAll(sums, sum => sum == 0 ? 0 : data.LabelsByAppearance[sum > 0 ? 0 : data.Labels.Count - 1]);
        var probabilities = new double[labels.Length * data.Labels.Count];
        for (var task = 0; task < labels.Length; task++)
            probabilities[task * data.Labels.Count + labels[task]] = 1;
        return new() { Data = data, TaskLabels = labels, Probabilities = probabilities, Skills = MajorityVote.Accuracies(data, labels), Iterations = rounds, Stopped = StopReason.Finished };
    }
}
