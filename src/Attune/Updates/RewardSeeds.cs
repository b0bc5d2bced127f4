using Attune.Runs;

namespace Attune.Updates;

/// <summary>
/// Several finished runs that differ in their seed, as one figure each: an outcome is the mean over the seeds, so that the interval is that of
/// the pairs reported on, and the spread of the seeds stands beside it.
/// </summary>
public sealed record RewardSeeds
{
    /// <summary>The seeds.</summary>
    public required IReadOnlyList<int> Seeds { get; init; }

    /// <summary>The accuracy of each.</summary>
    public required IReadOnlyList<double> Each { get; init; }

    /// <summary>Mean over the seeds.</summary>
    public required AccuracyFigure Accuracy { get; init; }

    /// <summary>Baselines, mean over the seeds; those that draw nothing are the same for each.</summary>
    public required IReadOnlyList<AccuracyFigure> Nulls { get; init; }

    /// <summary>By how much the model is more often right, mean over the seeds.</summary>
    public required IReadOnlyList<AccuracyFigure> LeadOverNulls { get; init; }

    /// <summary>Fails where a folder holds no finished run, before anything else is done.</summary>
    /// <exception cref="InputException">All such folders.</exception>
    public static void Require(IReadOnlyList<string> folders)
    {
        var problems = new InputProblems("beside");
        foreach (var folder in folders)
            problems.Try(() => Finished(folder));
        problems.ThrowIfAny();
    }

    /// <summary>Joins finished runs.</summary>
    /// <param name="folders">Their folders, at least one.</param>
    /// <exception cref="InputException">One is not finished, or they report on different pairs.</exception>
    public static RewardSeeds Of(IReadOnlyList<string> folders)
    {
        Require(folders);
        var results = folders.Select(Finished).ToArray();
        var runs = folders.Select(folder => ResultFile.ReadLines<ReportedPair>(Path.Combine(folder, RewardTraining.EvaluationName))).ToArray();
        for (var k = 1; k < runs.Length; k++)
        {
            if (!runs[k].Select(Key).SequenceEqual(runs[0].Select(Key)))
                throw InputException.One(folders[k], $"reports on other pairs than {folders[0]}", "runs of one recipe and its data", "leave it out");
        }

        var prompts = runs[0].Select(pair => $"{pair.Prompt}").ToArray();
        var right = Mean(pair => pair.Right);
        var nulls = results[0].Nulls.Select(one => (one.Name, Right: Mean(pair => pair.Nulls[one.Name]))).ToArray();
        return new()
        {
            Seeds = [.. results.Select(result => result.Seed)],
            Each = [.. results.Select(result => result.Accuracy.Share)],
            Accuracy = AccuracyFigure.Of($"reward model ({results.Min(r => r.Accuracy.Share):0.000} to {results.Max(r => r.Accuracy.Share):0.000})", right, prompts),
            Nulls = [.. nulls.Select(one => AccuracyFigure.Of($"null: {one.Name}", one.Right, prompts))],
            LeadOverNulls = [.. nulls.Select(one => AccuracyFigure.Lead($"model − {one.Name}", right, one.Right, prompts))],
        };

        double[] Mean(Func<ReportedPair, double> of) => [.. Enumerable.Range(0, runs[0].Count).Select(pair => runs.Average(run => of(run[pair])))];
    }

    private static (int, string?, string, int) Key(ReportedPair pair) => (pair.Pair, pair.Id, pair.Source, pair.Prompt);

    private static RewardResult Finished(string folder) => ResultFile.Read<RewardResult>(folder)
        ?? throw InputException.One(folder, "holds no finished run", $"a folder with {ResultFile.Name}", "let that run end first");
}
