using Attune.Runs;
using Attune.Torch;

namespace Attune.Feedback.Quality;

/// <summary>Who counts as a good annotator when golden tasks are judged in their turn, and when a task goes.</summary>
public sealed record GoldenDifficultyOptions : IChecked
{
    /// <summary>An annotator is good whose accuracy on the other golden tasks (mean of the Beta posterior, uniform prior) is at least this.</summary>
    public double GoodFrom { get; init; } = 0.75;

    /// <summary>Other golden tasks without which nobody is known to be good.</summary>
    public int MinimumOthers { get; init; } = 5;

    /// <summary>Good annotators whose answers decide whether a task goes.</summary>
    public int MinimumAnswers { get; init; } = 5;

    /// <summary>A task goes where fewer of the good annotators get it than this.</summary>
    public double RetireBelow { get; init; } = 0.6;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (GoodFrom is not (> 0 and < 1))
            yield return Problem.Of("goodFrom", $"is {GoodFrom}", "between 0 and 1", "0.75 is usual");
        if (MinimumOthers < 1)
            yield return Problem.Of("minimumOthers", $"is {MinimumOthers}", "at least 1", "5 is usual");
        if (MinimumAnswers < 1)
            yield return Problem.Of("minimumAnswers", $"is {MinimumAnswers}", "at least 1", "5 is usual");
        if (RetireBelow is not (> 0 and < 1))
            yield return Problem.Of("retireBelow", $"is {RetireBelow}", "between 0 and 1", "0.6 is usual");
    }
}

/// <summary>How hard a golden task turned out to be.</summary>
/// <param name="ComparisonId">The task.</param>
/// <param name="Right">How many of the good annotators got it.</param>
/// <param name="IsRetired">Whether so few did that the task, and not they, must be taken to be wrong.</param>
public sealed record GoldenDifficulty(string ComparisonId, Proportion Right, bool IsRetired)
{
    /// <summary>Each golden task's difficulty, in the order of the facts. Whether an annotator is good is decided without the task in question: it may be the wrong one.</summary>
    public static IReadOnlyList<GoldenDifficulty> Of(QualityInput input, GoldenDifficultyOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        options ??= new();
        var golden = input.Tasks.Where(task => task.Expected is not null).DistinctBy(task => task.ComparisonId).ToList();
        var answers = golden.ToDictionary(task => task.ComparisonId, _ => new List<(string Annotator, bool IsRight)>(), StringComparer.Ordinal);
        var expected = golden.ToDictionary(task => task.ComparisonId, task => task.Expected!, StringComparer.Ordinal);
        foreach (var judgment in JudgmentLog.InForce(input.Judgments).Where(judgment => judgment.Outcome != Outcome.CannotJudge && expected.ContainsKey(judgment.ComparisonId)))
            answers[judgment.ComparisonId].Add((judgment.AnnotatorId, expected[judgment.ComparisonId].IsMetBy(judgment)));
        var totals = answers.Values.SelectMany(list => list).GroupBy(answer => answer.Annotator, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => (Right: group.Count(answer => answer.IsRight), All: group.Count()), StringComparer.Ordinal);

        bool IsGood((string Annotator, bool IsRight) answer)
        {
            var (right, all) = totals[answer.Annotator];
            var others = new Proportion(right - (answer.IsRight ? 1 : 0), all - 1);
            return others.Trials >= options.MinimumOthers && BetaPosterior.Of(others, 1, 1).Mean >= options.GoodFrom;
        }

        return golden.ConvertAll(task =>
        {
            var good = answers[task.ComparisonId].Where(IsGood).ToList();
            var share = new Proportion(good.Count(answer => answer.IsRight), good.Count);
            return new GoldenDifficulty(task.ComparisonId, share, share.Trials >= options.MinimumAnswers && share.Share < options.RetireBelow);
        });
    }
}

/// <summary>
/// How often a golden task comes: often for someone new, of whom nothing is known, and rarely for someone known:
/// rate(n) = floor + (start − floor) · 2^(−n/halving) after n tasks done.
/// </summary>
public sealed record GoldenRate : IChecked
{
    /// <summary>The rate for someone new.</summary>
    public double Start { get; init; } = 0.3;

    /// <summary>The rate towards which it falls.</summary>
    public double Floor { get; init; } = 0.05;

    /// <summary>Tasks after which half of what is above the floor is left.</summary>
    public double Halving { get; init; } = 50;

    /// <summary>The share of golden tasks after so many tasks done.</summary>
    public double After(int done)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(done);
        return Floor + (Start - Floor) * Math.Pow(2, -done / Halving);
    }

    /// <summary>Whether an annotator's next task is golden: a draw from (seed, annotator, tasks done), so that asking again gives the same.</summary>
    public bool IsNextGolden(string annotator, int done, Seed seed) => seed.For("golden rate").For(annotator).Uniform(row: done) < After(done);

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Start is not (>= 0 and <= 1))
            yield return Problem.Of("start", $"is {Start}", "from 0 to 1", "0.3 is usual");
        if (!(Floor >= 0 && Floor <= Start))
            yield return Problem.Of("floor", $"is {Floor}", $"from 0 to start, {Start}", "0.05 is usual");
        if (!(Halving > 0 && double.IsFinite(Halving)))
            yield return Problem.Of("halving", $"is {Halving}", "a number above 0", "50 is usual");
    }
}
