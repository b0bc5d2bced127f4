using Attune.Torch;

namespace Attune.Feedback.Aggregation;

/// <summary>
/// How sure the scores of items are: comparisons are drawn with replacement, in as many rows as there are, kept in their order, and scored again; the
/// interval holds the middle 95 % (percentile bootstrap, Efron 1979). An item that a draw leaves out has no score in it. Comparisons count as independent:
/// where one person gave many, intervals are too narrow.
/// </summary>
public static class ScoreIntervals
{
    /// <summary>The interval of each item's score; null for one without any.</summary>
    /// <param name="data">The comparisons.</param>
    /// <param name="score">The scores of each item from comparisons of the same items.</param>
    /// <param name="rounds">How many times rows are drawn.</param>
    /// <param name="seed">Decides the draws.</param>
    public static Interval?[] Of(ComparisonSet data, Func<ComparisonSet, double[]> score, int rounds, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(score);
        ArgumentOutOfRangeException.ThrowIfLessThan(rounds, 1);
        var draws = new Seed(seed).For("scores of comparisons");
        var scores = Enumerable.Range(0, data.Items.Count).Select(_ => new double[rounds]).ToArray();
        for (var round = 0; round < rounds; round++)
        {
            var times = new int[data.Count];
            for (var i = 0; i < times.Length; i++)
                times[draws.Below(times.Length, round, i)]++;
            var drawn = data.Take(times.SelectMany((count, row) => Enumerable.Repeat(row, count)));
            var seen = new bool[data.Items.Count];
            for (var i = 0; i < drawn.Count; i++)
                seen[drawn.Left[i]] = seen[drawn.Right[i]] = true;
            var found = score(drawn);
            for (var item = 0; item < found.Length; item++)
                scores[item][round] = seen[item] ? found[item] : double.NaN;
        }
        return [.. scores.Select(own => ClusterBootstrap.MiddleOf(own))];
    }
}
