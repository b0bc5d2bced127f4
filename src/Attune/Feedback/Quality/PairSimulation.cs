using Attune.Feedback.Aggregation;
using Attune.Torch;

namespace Attune.Feedback.Quality;

/// <summary>How near scores are after so many comparisons to those of the whole log.</summary>
/// <param name="Comparisons">How many were asked for.</param>
/// <param name="FixedTau">Kendall's τ with the order by the whole log, where every pair is asked alike.</param>
/// <param name="ActiveTau">The same where pairs are chosen.</param>
/// <param name="FixedError">Root of the mean squared difference of scores (centred, natural-log odds), where every pair is asked alike.</param>
/// <param name="ActiveError">The same where pairs are chosen.</param>
/// <param name="FixedComparisons">Comparisons with which asking alike reaches <paramref name="ActiveError"/>; null where it never does.</param>
public sealed record PairPoint(double Comparisons, double FixedTau, double ActiveTau, double FixedError, double ActiveError, double? FixedComparisons)
{
    /// <summary>The share of comparisons that choosing saves at the same error; below 0 where it needs more.</summary>
    public double? Saving => 1 - Comparisons / FixedComparisons;
}

/// <summary>
/// Fixed overlap (every pair alike, in random order) against active pairs, on a log of comparisons: whoever asks for a pair gets one of its logged votes, drawn with
/// replacement, the same draws for both. What is reached for are the scores of the whole log, which are themselves uncertain; a pair that the log lacks is not asked.
/// </summary>
public static class PairSimulation
{
    private const int Batch = 20;

    /// <summary>Mean points over seeds, at a quarter, a half, … of the pairs and at each of them up to <paramref name="mostOverlap"/> times.</summary>
    /// <param name="log">All comparisons.</param>
    /// <param name="options">How pairs are chosen.</param>
    /// <param name="mostOverlap">How often every pair is asked at the end.</param>
    /// <param name="seeds">How many times it is simulated.</param>
    /// <param name="done">Called after each simulation.</param>
    public static IReadOnlyList<PairPoint> Run(ComparisonSet log, ActivePairOptions options, int mostOverlap, int seeds, Action<int>? done = null)
    {
        ArgumentNullException.ThrowIfNull(log);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(mostOverlap, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(seeds, 1);
        var votes = Enumerable.Range(0, log.Count).Select(row => Vote(log, row)).ToLookup(vote => vote.Pair, vote => vote.Row);
        var pairs = votes.Select(pair => pair.Key).ToHashSet();
        var whole = PairBeliefs.Of(log.Items, votes.SelectMany(pair => pair), options.PriorTies).Scores;
        var budgets = Enumerable.Range(1, 4 * mostOverlap).Where(quarter => quarter < 4 || quarter % 2 == 0).Select(quarter => pairs.Count * quarter / 4).ToArray();
        var (byFixed, byActive) = (budgets.Select(_ => new List<(double Tau, double Error)>()).ToArray(), budgets.Select(_ => new List<(double Tau, double Error)>()).ToArray());
        for (var number = 1; number <= seeds; number++)
        {
            var seed = new Seed((ulong)number).For("pair simulation");
            var draws = new VoteDraws(votes, seed);
            Follow(log.Items, budgets, options, whole, byFixed, (_, asked) => FixedPairs([.. pairs.Order()], seed, asked), draws);
            draws = new VoteDraws(votes, seed);
            Follow(log.Items, budgets, options, whole, byActive, (beliefs, asked) => ActivePairs.Next(beliefs, Batch, options, seed, asked, (first, second) => pairs.Contains((first, second))).Select(choice => (choice.First, choice.Second)), draws);
            done?.Invoke(number);
        }
        var curve = budgets.Select((budget, i) => ((double)budget, -byFixed[i].Average(point => point.Error))).ToList();
        return [.. budgets.Select((budget, i) => new PairPoint(budget, byFixed[i].Average(point => point.Tau), byActive[i].Average(point => point.Tau),
            -curve[i].Item2, byActive[i].Average(point => point.Error), CostCurve.At(-byActive[i].Average(point => point.Error), curve)))];
    }

    /// <summary>Kendall's τ-a of two orders: (pairs ordered alike − pairs ordered otherwise)/pairs.</summary>
    public static double KendallTau(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        var (sum, n) = (0, first.Count);
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < i; j++)
                sum += Math.Sign(first[i] - first[j]) * Math.Sign(second[i] - second[j]);
        }
        return sum / (n * (n - 1) / 2.0);
    }

    private static void Follow(IReadOnlyList<string> items, int[] budgets, ActivePairOptions options, IReadOnlyList<double> whole, List<(double Tau, double Error)>[] reached,
        Func<PairBeliefs, int, IEnumerable<(int First, int Second)>> choose, VoteDraws draws)
    {
        var rows = new List<PairRow>();
        var beliefs = PairBeliefs.Of(items, rows, options.PriorTies);
        for (var i = 0; i < budgets.Length; i++)
        {
            while (rows.Count < budgets[i])
            {
                rows.AddRange(choose(beliefs, rows.Count).Take(budgets[i] - rows.Count).Select(draws.Next).ToList());
                beliefs = PairBeliefs.Of(items, rows, options.PriorTies);
            }
            reached[i].Add((KendallTau(beliefs.Scores, whole), Error(beliefs.Scores, whole)));
        }
    }

    /// <summary>The pairs in an order drawn anew for each time through them; from a place on, to the end of that time.</summary>
    private static IEnumerable<(int, int)> FixedPairs((int, int)[] pairs, Seed seed, int asked) =>
        seed.For("fixed").For(asked / pairs.Length).Permutation(pairs.Length).Skip(asked % pairs.Length).Select(place => pairs[place]);

    private static double Error(IReadOnlyList<double> scores, IReadOnlyList<double> whole)
    {
        var (own, other) = (scores.Average(), whole.Average());
        return Math.Sqrt(scores.Zip(whole, (a, b) => (a - own - b + other) * (a - own - b + other)).Average());
    }

    private static ((int First, int Second) Pair, PairRow Row) Vote(ComparisonSet log, int row) =>
        ((Math.Min(log.Left[row], log.Right[row]), Math.Max(log.Left[row], log.Right[row])), new(log.Items[log.Left[row]], log.Items[log.Right[row]], log.Result[row]));

    /// <summary>The votes that a pair's askings get: the same ones whoever asks.</summary>
    private sealed class VoteDraws(ILookup<(int First, int Second), PairRow> votes, Seed seed)
    {
        private readonly Dictionary<(int, int), int> _asked = [];

        public PairRow Next((int First, int Second) pair)
        {
            var times = _asked[pair] = _asked.GetValueOrDefault(pair) + 1;
            var logged = votes[pair].ToArray();
            return logged[seed.For("votes").Below(logged.Length, row: ((long)pair.First << 32) + pair.Second, position: times)];
        }
    }
}
