using Attune.Runs;
using Attune.Torch;

namespace Attune.Feedback.Aggregation;

/// <summary>One cell of the reference table: accuracy of a method on a data set.</summary>
/// <param name="Data">The data set.</param>
/// <param name="Method">The method's name.</param>
/// <param name="Published">What was published; null where nothing was.</param>
/// <param name="PublishedTo">The upper end, where a range was published.</param>
/// <param name="Compatible">In compatible mode.</param>
/// <param name="Correct">In correct mode.</param>
/// <param name="Note">Why it is as it is, where that is not plain; else empty.</param>
public sealed record ReferenceCell(string Data, string Method, double? Published, double? PublishedTo, double Compatible, double Correct, string Note)
{
    /// <summary>How far the compatible accuracy is from the published one, or from the nearer end of its range; null where nothing was published.</summary>
    public double? Deviation => Published is not { } from ? null : Math.Max(0, Compatible - (PublishedTo ?? from)) + Math.Min(0, Compatible - from);

    /// <summary>Whether that is at most 0.001; null where nothing was published.</summary>
    public bool? IsMet => Deviation is { } off ? Math.Abs(off) <= 0.001 + 1e-9 : null;
}

/// <summary>
/// The table of Zheng, Li, Li, Shan and Cheng (2017), computed again on its data in both modes. Two of its sets, binary1 and binary2, were simulated and
/// cannot be had: in their place stand surrogates with as many tasks, balanced classes, and ten annotators on every task, of whom six are right with
/// probability 0.90 and four with 0.40. That gives majority votes 0.937 and the best weights 0.994, close to what was published of the originals.
/// </summary>
public static class ReferenceTable
{
    private const string Early = "its objective falls at the second iteration, so compatible stops there; published is what comes of going on, as correct does";
    private const string Hundred = "compatible: 100 iterations without a stop, as published";
    private const string Misplaced = "published has the library's misplaced counts; correct has them in place";
    private const string Sparse = "nothing published: workers share too few tasks for it to converge";

    private static readonly (string Data, string Method, double? Published, string Note)[] Cells =
    [
        ("D_Product", "majority-vote", 0.897, ""), ("D_Product", "wawa", 0.897, ""), ("D_Product", "dawid-skene", 0.940, Hundred), ("D_Product", "glad", 0.928, ""),
        ("D_Product", "kos", 0.895, ""), ("D_Product", "mace", 0.929, Misplaced), ("D_Product", "m-msr", null, Sparse),
        ("D_PosSent", "majority-vote", 0.932, ""), ("D_PosSent", "wawa", 0.951, ""), ("D_PosSent", "dawid-skene", 0.960, Hundred), ("D_PosSent", "glad", 0.948, ""),
        ("D_PosSent", "kos", 0.933, ""), ("D_PosSent", "mace", 0.950, Misplaced), ("D_PosSent", "m-msr", 0.937, ""),
        ("S_Rel", "majority-vote", 0.536, ""), ("S_Rel", "wawa", 0.557, ""), ("S_Rel", "dawid-skene", 0.615, Hundred), ("S_Rel", "glad", 0.511, Early),
        ("S_Rel", "mace", 0.501, Misplaced), ("S_Rel", "m-msr", 0.425, ""),
        ("S_Adult", "majority-vote", 0.763, ""), ("S_Adult", "wawa", 0.766, ""), ("S_Adult", "dawid-skene", 0.748, Hundred), ("S_Adult", "glad", 0.760, ""),
        ("S_Adult", "mace", 0.763, Misplaced), ("S_Adult", "m-msr", 0.751, ""),
    ];

    private static readonly (string Data, int Tasks)[] Surrogates = [("surrogate of binary1", 10_000), ("surrogate of binary2", 100_000)];
    private static readonly string[] SurrogateMethods = ["majority-vote", "wawa", "dawid-skene"];

    /// <summary>The data sets that are read, each a folder with labels.csv and truth.csv.</summary>
    public static IReadOnlyList<string> DataSets { get; } = [.. Cells.Select(cell => cell.Data).Distinct()];

    /// <summary>Computes the table.</summary>
    /// <param name="folder">Where the folders of the data sets are.</param>
    /// <param name="progress">Takes how far it is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="stop">Ends it between two cells.</param>
    /// <exception cref="InputException">A data set is missing or does not read.</exception>
    public static IReadOnlyList<ReferenceCell> Compute(string folder, IProgressSink progress, TimeProvider time, CancellationToken stop = default)
    {
        var problems = new InputProblems(folder);
        var sets = DataSets.ToDictionary(name => name, name => problems.Try<Tuple<LabelSet, Truth>>(() =>
            new(LabelSet.Read(Path.Combine(folder, name, "labels.csv")), Truth.Read(Path.Combine(folder, name, "truth.csv")))));
        problems.ThrowIfAny();
        var meter = new ProgressMeter(progress, "reference table", Cells.Length + Surrogates.Length * SurrogateMethods.Length, "cells", time);
        var done = new List<ReferenceCell>();
        ReferenceCell Take(string data, string method, double? published, double? publishedTo, string note, LabelSet labels, Truth truth)
        {
            stop.ThrowIfCancellationRequested();
            meter.Advance(done.Count, $"{method} on {data}");
            var run = AggregationMethod.All.Single(one => one.Name == method).OfLabels!;
            // The published numbers of Dawid and Skene's method come without a stop; the others stop as the library does.
            var compatible = run(labels, new() { Mode = AggregationMode.Compatible, Tolerance = method == "dawid-skene" ? 0 : null });
            var correct = run(labels, new());
            return new(data, method, published, publishedTo, LabelMetrics.Accuracy(compatible, truth), LabelMetrics.Accuracy(correct, truth), note);
        }

        foreach (var (data, method, published, note) in Cells)
            done.Add(Take(data, method, published, null, note, sets[data]!.Item1, sets[data]!.Item2));
        foreach (var (name, tasks) in Surrogates)
        {
            var (labels, truth) = Surrogate(name, tasks);
            foreach (var method in SurrogateMethods)
            {
                double? published = method switch { "majority-vote" => 0.931, "dawid-skene" => 0.994, _ => null };
                done.Add(Take(name, method, published, method == "majority-vote" ? 0.936 : null, "simulated here; published is of the originals", labels, truth));
            }
        }
        meter.Advance(done.Count);
        return done;
    }

    /// <summary>Answers of six annotators right with probability 0.90 and four right with 0.40 to tasks of two classes, as many of each.</summary>
    internal static (LabelSet Labels, Truth Truth) Surrogate(string name, int tasks)
    {
        var seed = new Seed(1).For(name);
        var order = seed.Permutation(tasks);
        string TruthOf(int task) => order[task] % 2 == 0 ? "0" : "1";
        var names = Enumerable.Range(0, tasks).Select(task => $"t{task}").ToArray();
        var workers = Enumerable.Range(0, 10).Select(worker => $"w{worker}").ToArray();
        bool IsRight(int task, int worker) => seed.Uniform(task, worker) < (worker < 6 ? 0.90 : 0.40);
        return (LabelSet.Of(Enumerable.Range(0, tasks).SelectMany(task => Enumerable.Range(0, 10)
                .Select(worker => new LabelRow(names[task], workers[worker], IsRight(task, worker) == (TruthOf(task) == "1") ? "1" : "0")))),
            Truth.Of(Enumerable.Range(0, tasks).Select(task => (names[task], TruthOf(task)))));
    }
}
