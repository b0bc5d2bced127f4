using Attune.Feedback.Aggregation;
using Attune.Torch;

namespace Attune.Feedback.Quality;

/// <summary>How near scores are after so many comparisons to those of the whole log.</summary>
/// <param name="Comparisons">How many were asked for.</param>
/// <param name="FixedTau">Kendall's τ with the order by the whole log, where every pair is asked alike.</param>
/// <param name="ActiveTau">The same where pairs are chosen.</param>
/// <param name="FixedError">Root of the mean squared difference of scores (centred, natural-log odds), where every pair is asked alike.</param>
/// <param name="ActiveError">The same where pairs are chosen.</param>
/// <param name="FixedForTau">Comparisons with which asking alike reaches <paramref name="ActiveTau"/>; null where it never does.</param>
/// <param name="FixedForError">Comparisons with which asking alike reaches <paramref name="ActiveError"/>; null where it never does.</param>
public sealed record PairPoint(double Comparisons, double FixedTau, double ActiveTau, double FixedError, double ActiveError, double? FixedForTau, double? FixedForError)
{
    /// <summary>The share of comparisons that choosing saves at the same τ; below 0 where it needs more.</summary>
    public double? TauSaving => 1 - Comparisons / FixedForTau;

    /// <summary>The same at the same error.</summary>
    public double? ErrorSaving => 1 - Comparisons / FixedForError;
}

/// <summary>
/// Fixed overlap (every pair alike, in random order) against active pairs, on a log of comparisons: whoever asks for a pair gets the next of its logged votes, in an
/// order drawn from the seed and the same for both; each vote is given once, so that a pair can be asked as often as it was. What is reached for are the scores of the whole
/// log, which are themselves uncertain and to which both ways come in the end.
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
            var (order, alike, chosen) = (new Queue<(int, int)>(FixedPairs([.. pairs.Order()], seed, votes.Max(pair => pair.Count()))), new Votes(votes, seed), new Votes(votes, seed));
            Follow(log.Items, budgets, options, whole, byFixed, (_, _) => order.Count > 0 ? [order.Dequeue()] : [], alike);
            Follow(log.Items, budgets, options, whole, byActive,
                (beliefs, asked) => [.. ActivePairs.Next(beliefs, Batch, options, seed, asked, (first, second) => chosen.Left(first, second) > 0).Select(choice => (choice.First, choice.Second))], chosen);
            done?.Invoke(number);
        }
        var (ofFixed, ofActive) = (byFixed.Select(Mean).ToList(), byActive.Select(Mean).ToList());
        var tau = budgets.Zip(ofFixed, (budget, point) => ((double)budget, point.Tau)).ToList();
        var error = budgets.Zip(ofFixed, (budget, point) => ((double)budget, -point.Error)).ToList();
        return [.. budgets.Select((budget, i) => new PairPoint(budget, ofFixed[i].Tau, ofActive[i].Tau, ofFixed[i].Error, ofActive[i].Error,
            CostCurve.At(ofActive[i].Tau, tau), CostCurve.At(-ofActive[i].Error, error)))];
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

    private static (double Tau, double Error) Mean(List<(double Tau, double Error)> points) => (points.Average(point => point.Tau), points.Average(point => point.Error));

    private static void Follow(IReadOnlyList<string> items, int[] budgets, ActivePairOptions options, IReadOnlyList<double> whole, List<(double Tau, double Error)>[] reached,
        Func<PairBeliefs, int, IReadOnlyList<(int First, int Second)>> choose, Votes votes)
    {
        var rows = new List<PairRow>();
        var beliefs = PairBeliefs.Of(items, rows, options.PriorTies);
        for (var i = 0; i < budgets.Length; i++)
        {
            while (rows.Count < budgets[i] && choose(beliefs, rows.Count) is { Count: > 0 } pairs)
            {
                rows.AddRange(pairs.Select(votes.Next).OfType<PairRow>().Take(budgets[i] - rows.Count));
                if (pairs.Count > 1 || rows.Count == budgets[i]) // asking alike does not look at the beliefs
                    beliefs = PairBeliefs.Of(items, rows, options.PriorTies);
            }
            reached[i].Add((KendallTau(beliefs.Scores, whole), Error(beliefs.Scores, whole)));
        }
    }

    /// <summary>The pairs so many times, in an order drawn anew for each time through them.</summary>
    private static IEnumerable<(int, int)> FixedPairs((int, int)[] pairs, Seed seed, int times) =>
        Enumerable.Range(0, times).SelectMany(time => seed.For("fixed").For(time).Permutation(pairs.Length).Select(place => pairs[place]));

    private static double Error(IReadOnlyList<double> scores, IReadOnlyList<double> whole)
    {
        var (own, other) = (scores.Average(), whole.Average());
        return Math.Sqrt(scores.Zip(whole, (a, b) => (a - own - b + other) * (a - own - b + other)).Average());
    }

    private static ((int First, int Second) Pair, PairRow Row) Vote(ComparisonSet log, int row) =>
        ((Math.Min(log.Left[row], log.Right[row]), Math.Max(log.Left[row], log.Right[row])), new(log.Items[log.Left[row]], log.Items[log.Right[row]], log.Result[row]));

    /// <summary>The votes of each pair, given one after another: the same ones whoever asks.</summary>
    private sealed class Votes(ILookup<(int First, int Second), PairRow> logged, Seed seed)
    {
        private readonly Dictionary<(int, int), Queue<PairRow>> _left = logged.ToDictionary(pair => pair.Key, pair =>
        {
            var rows = pair.ToArray();
            return new Queue<PairRow>(seed.For("votes").For(((long)pair.Key.First << 32) + pair.Key.Second).Permutation(rows.Length).Select(place => rows[place]));
        });

        public int Left(int first, int second) => _left.TryGetValue((first, second), out var votes) ? votes.Count : 0;

        /// <summary>The next vote; null where all were given.</summary>
        public PairRow? Next((int First, int Second) pair) => _left[pair].TryDequeue(out var vote) ? vote : null;
    }
}
