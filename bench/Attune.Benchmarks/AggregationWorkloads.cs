using Attune.Feedback.Aggregation;
using Attune.Torch;

namespace Attune.Benchmarks;

/// <summary>Dawid and Skene's method on many labels, on one core.</summary>
internal static class AggregationWorkloads
{
    public const int Answers = 10, Annotators = 1_000, Classes = 4;

    /// <summary>Answers to tasks by annotators who are right with a probability of their own, from 0.3 to 0.9.</summary>
    public static LabelSet MadeUp(int tasks)
    {
        var seed = new Seed(1).For("labels of the benchmark");
        var (taskNames, workerNames) = (Names("t", tasks), Names("w", Annotators));
        LabelRow Answer(int task, int answer)
        {
            var right = seed.Below(Classes, task);
            var worker = (seed.For(1).Below(Annotators / Answers, task, answer) * Answers) + answer; // ten different ones
            var label = seed.For(2).Uniform(task, answer) < 0.3 + 0.6 * worker / Annotators ? right : (right + 1 + seed.For(3).Below(Classes - 1, task, answer)) % Classes;
            return new(taskNames[task], workerNames[worker], label.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        return LabelSet.Of(Enumerable.Range(0, tasks).SelectMany(task => Enumerable.Range(0, Answers).Select(answer => Answer(task, answer))));
    }

    /// <summary>Labels of a file of the reference data; null where there is none.</summary>
    public static LabelSet? Reference(string name) =>
        Environment.GetEnvironmentVariable("ATTUNE_FIXTURES") is { Length: > 0 } fixtures && Path.Combine(fixtures, "data", "crowd", name, "labels.csv") is var path && File.Exists(path)
            ? LabelSet.Read(path) : null;

    /// <summary>Seconds that iterations take, all of them, and the bytes that were allocated for them.</summary>
    public static (double Seconds, long Bytes) DawidSkeneSteps(LabelSet labels, int iterations)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var seconds = Workloads.Time(() => DawidSkene.Run(labels, new() { Iterations = iterations, Tolerance = null }));
        return (seconds, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static string[] Names(string prefix, int count) => [.. Enumerable.Range(0, count).Select(k => $"{prefix}{k}")];
}
