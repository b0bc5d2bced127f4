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

    /// <summary>Fails where a folder that the recipe puts beside its run holds no finished run of the same settings and a seed of its own, before anything else is done.</summary>
    /// <exception cref="InputException">All such folders.</exception>
    public static void Require(RewardRecipe recipe)
    {
        var problems = new InputProblems("beside");
        var (seen, seeds) = (new HashSet<string>(), new Dictionary<int, string> { [recipe.Seed] = "this run" });
        foreach (var folder in recipe.Beside)
            problems.Try(() => Require(folder, recipe, seen, seeds));
        problems.ThrowIfAny();
    }

    /// <summary>Joins finished runs.</summary>
    /// <param name="recipe">Their recipe but for the seed; names the other runs.</param>
    /// <param name="own">The folder of the recipe's own run.</param>
    /// <exception cref="InputException">One is not finished, of other settings or of a seed that is there already, or they report on different pairs.</exception>
    public static RewardSeeds Of(RewardRecipe recipe, string own)
    {
        Require(recipe);
        string[] folders = [own, .. recipe.Beside];
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

    /// <summary>A seed that counted twice would make the mean, and the spread beside it, those of fewer runs than they say.</summary>
    private static void Require(string folder, RewardRecipe recipe, HashSet<string> seen, Dictionary<int, string> seeds)
    {
        if (!seen.Add(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))))
            throw InputException.One(folder, "is named twice", "each run once", "leave it out once");
        var seed = Finished(folder).Seed;
        if (!seeds.TryAdd(seed, folder))
            throw InputException.One(folder, $"has seed {seed}, as {seeds[seed]} has", "a seed of its own", "leave it out, or run it with another seed");
        var others = Recipe.Differences(File.ReadAllText(Run.RecipePath(folder)), recipe with { Seed = seed });
        if (others.Count > 0)
            throw InputException.One(folder, $"has other settings ({string.Join(", ", others.Select(other => other.Key))})", "those of this recipe but for the seed", "leave it out, or run it with this recipe");
    }

    private static (int, string?, string, int) Key(ReportedPair pair) => (pair.Pair, pair.Id, pair.Source, pair.Prompt);

    private static RewardResult Finished(string folder) => (File.Exists(Run.RecipePath(folder)) ? ResultFile.Read<RewardResult>(folder) : null)
        ?? throw InputException.One(folder, "holds no finished run", $"a folder with {ResultFile.Name}", "let that run end first");
}
