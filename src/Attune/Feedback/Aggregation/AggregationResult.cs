namespace Attune.Feedback.Aggregation;

/// <summary>Whether a method does what its paper says, or what the common library does whose numbers were published.</summary>
public enum AggregationMode
{
    /// <summary>The method of the paper, without the library's defects.</summary>
    Correct,

    /// <summary>The published numbers, defects included: crowd-kit 1.4.1. Each method says which ones.</summary>
    Compatible,
}

/// <summary>Why a method stopped.</summary>
public enum StopReason
{
    /// <summary>It has no iterations, or a fixed number of them.</summary>
    Finished,

    /// <summary>The objective gained less than the tolerance, or the values changed less.</summary>
    Converged,

    /// <summary>The most iterations were done.</summary>
    IterationLimit,
}

/// <summary>What many workers' labels say together.</summary>
public sealed record AggregationResult
{
    /// <summary>The labels that were aggregated; tasks, workers and labels below are numbered as there.</summary>
    public required LabelSet Data { get; init; }

    /// <summary>The label of each task.</summary>
    public required int[] TaskLabels { get; init; }

    /// <summary>Probability of each label for each task, <c>[task, label]</c> in one array. Weighted votes give shares of the weight here.</summary>
    public required double[] Probabilities { get; init; }

    /// <summary>How good each worker is, in the method's own unit; null where it has no such number.</summary>
    public double[]? Skills { get; init; }

    /// <summary>How often each label is right, as the method believes.</summary>
    public double[]? Priors { get; init; }

    /// <summary>p(worker answers <c>observed</c> | <c>true</c> is right), <c>[worker, observed, true]</c> in one array; 0 where a worker never gave the observed label.</summary>
    public double[]? Confusions { get; init; }

    /// <summary>How easy each task is: GLAD's ln β.</summary>
    public double[]? TaskEase { get; init; }

    /// <summary>What each worker answers when not attending: MACE's strategies, <c>[worker, label]</c> in one array.</summary>
    public double[]? Strategies { get; init; }

    /// <summary>Iterations done.</summary>
    public int Iterations { get; init; }

    /// <summary>The objective after each iteration; what it is, the method says.</summary>
    public IReadOnlyList<double> Objective { get; init; } = [];

    /// <summary>Why it stopped.</summary>
    public StopReason Stopped { get; init; }

    /// <summary>What expectation maximisation ends with: each task has its likeliest label.</summary>
    internal static AggregationResult OfPosterior(LabelSet data, double[] posterior, double[] priors, double[] skills, IReadOnlyList<double> objective, StopReason stopped) => new()
    {
        Data = data,
        TaskLabels = Largest(posterior, data.Labels.Count),
        Probabilities = posterior,
        Skills = skills,
        Priors = priors,
        Iterations = objective.Count,
        Objective = objective,
        Stopped = stopped,
    };

    /// <summary>The name of a task's label.</summary>
    public string LabelOf(string task) => Data.Labels[TaskLabels[NumberOf(task)]];

    /// <summary>The probability of a task's label.</summary>
    public double ProbabilityOf(string task, string label)
    {
        var number = Data.LabelNumber(label);
        return number < 0 ? 0 : Probabilities[NumberOf(task) * Data.Labels.Count + number];
    }

    /// <summary>A worker's skill.</summary>
    public double SkillOf(string worker) =>
        Data.WorkerNumber(worker) is var number and >= 0 && Skills is { } skills ? skills[number] : throw new ArgumentException($"There is no skill of '{worker}'.");

    /// <summary>The names of the labels of all tasks.</summary>
    public IEnumerable<(string Task, string Label)> Labels() => TaskLabels.Select((label, task) => (Data.Tasks[task], Data.Labels[label]));

    private int NumberOf(string task) => Data.TaskNumber(task) is var number and >= 0 ? number : throw new ArgumentException($"There is no task '{task}'.");

    /// <summary>The largest entry of each row; the first of equal ones, and so the smallest label.</summary>
    internal static int[] Largest(double[] values, int width)
    {
        var best = new int[width == 0 ? 0 : values.Length / width];
        for (var row = 0; row < best.Length; row++)
        {
            for (var column = 1; column < width; column++)
            {
                if (values[row * width + column] > values[row * width + best[row]])
                    best[row] = column;
            }
        }
        return best;
    }
}
