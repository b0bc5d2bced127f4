using Attune.Feedback.Aggregation;
using Attune.Feedback.Quality;
using Attune.Torch;

namespace Attune.Tests.Feedback.Quality;

public sealed class ActivePairsTests
{
    private static readonly string[] Items = ["a", "b", "c", "d"];

    [Fact]
    public void Without_comparisons_all_scores_are_0_and_each_deviation_is_that_of_the_ties()
    {
        var beliefs = PairBeliefs.Of(Items, []);

        // one tie has the information p(1 − p) = 1/4 of a score, so a variance of 4, and 8 of a difference
        Assert.All(beliefs.Scores, score => Assert.Equal(0, score, 6));
        Assert.Equal(Math.Sqrt(8), beliefs.DeviationOf(0, 1), 6);
    }

    [Fact]
    public void The_fit_is_where_the_gradient_is_0()
    {
        PairRow[] rows = [new("a", "b", Winner.Left), new("a", "b", Winner.Left), new("b", "c", Winner.Right), new("c", "a", Winner.Tie)];
        var s = PairBeliefs.Of(["a", "b", "c"], rows, priorTies: 2).Scores;

        // Σ over games of (won − p) for a, the two ties against score 0 included: 2·(1 − p_ab) + (½ − p_ac) + 2·(½ − σ(s_a))
        static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
        Assert.Equal(0, 2 * (1 - Sigmoid(s[0] - s[1])) + (0.5 - Sigmoid(s[0] - s[2])) + 2 * (0.5 - Sigmoid(s[0])), 5);
        Assert.Equal(0, -2 * (1 - Sigmoid(s[0] - s[1])) - Sigmoid(s[1] - s[2]) + 2 * (0.5 - Sigmoid(s[1])), 5);
    }

    [Fact]
    public void Information_is_near_its_expansion_for_small_doubt_and_within_a_coin_for_large()
    {
        // For d ~ N(μ, v) with small v: I ≈ v/2 · p(1 − p)
        PairRow[] rows = [.. Enumerable.Range(0, 4000).Select(i => new PairRow("a", "b", i % 4 == 0 ? Winner.Right : Winner.Left))];
        var beliefs = PairBeliefs.Of(["a", "b"], rows);
        var (p, v) = (0.75, Math.Pow(beliefs.DeviationOf(0, 1), 2));
        Assert.Equal(Math.Log(3), beliefs.Scores[0] - beliefs.Scores[1], 2);
        Assert.Equal(v / 2 * p * (1 - p), beliefs.InformationOf(0, 1), tolerance: 1e-3 * v);

        var unknown = PairBeliefs.Of(Items, []);
        Assert.InRange(unknown.InformationOf(0, 1), 0.1, Math.Log(2));
        Assert.Equal(unknown.InformationOf(0, 1), unknown.InformationOf(1, 0), 12);
        Assert.True(unknown.InformationOf(0, 1) > beliefs.InformationOf(0, 1));
    }

    [Fact]
    public void A_comparison_that_is_expected_shrinks_doubt_as_one_that_happened()
    {
        PairRow[] rows = [new("a", "b", Winner.Tie), new("c", "d", Winner.Tie)];
        var expecting = PairBeliefs.Of(Items, rows).Expecting(0, 1);
        var happened = PairBeliefs.Of(Items, [.. rows, new("a", "b", Winner.Tie)]); // a tie where a tie is expected: the mean stays

        foreach (var (first, second) in new[] { (0, 1), (0, 2), (2, 3), (1, 3) })
            Assert.Equal(happened.DeviationOf(first, second), expecting.DeviationOf(first, second), 5);
    }

    [Fact]
    public void The_next_pair_is_the_one_least_known_and_a_batch_spreads()
    {
        PairRow[] rows = [.. Enumerable.Repeat(new[] { new PairRow("a", "b", Winner.Left), new PairRow("b", "c", Winner.Left), new PairRow("a", "c", Winner.Left) }, 5).SelectMany(row => row)];

        var next = ActivePairs.Next(PairBeliefs.Of(Items, rows), 3, new() { RandomShare = 0 }, new Seed(1));

        Assert.All(next, choice => Assert.Equal((3, false), (choice.Second, choice.IsRandom))); // nobody met d
        Assert.True(next.Select(choice => choice.First).Distinct().Count() > 1);
        Assert.True(next[0].Information > next[1].Information);
    }

    [Fact]
    public void The_random_share_is_kept_marked_and_drawn_from_all_pairs_alike()
    {
        var beliefs = PairBeliefs.Of(Items, []);
        var next = ActivePairs.Next(beliefs, 600, new() { RandomShare = 0.5 }, new Seed(4));

        var random = next.Where(choice => choice.IsRandom).ToList();
        Assert.InRange(random.Count, 251, 349); // four standard deviations of 12.2
        Assert.All(random.CountBy(choice => (choice.First, choice.Second)), pair => Assert.InRange(pair.Value, 20, 80)); // 50 ± 4·6.5 of each of six
        Assert.Equal(next.Skip(100).Where(choice => choice.IsRandom).Take(20).Select(choice => (choice.First, choice.Second)),
            ActivePairs.Next(beliefs, 500, new() { RandomShare = 0.5 }, new Seed(4), asked: 100).Where(choice => choice.IsRandom).Take(20).Select(choice => (choice.First, choice.Second)));
        Assert.Empty(ActivePairs.Next(beliefs, 5, new(), new Seed(1), mayAsk: (_, _) => false));
        Assert.All(ActivePairs.Next(beliefs, 20, new(), new Seed(1), mayAsk: (first, _) => first == 1), choice => Assert.Equal(1, choice.First));
    }

    [Fact]
    public void Kendalls_tau_worked_by_hand()
    {
        Assert.Equal(1, PairSimulation.KendallTau([1, 2, 3], [10, 20, 30]));
        Assert.Equal(-1, PairSimulation.KendallTau([1, 2, 3], [3, 2, 1]));
        Assert.Equal((5 - 1) / 6.0, PairSimulation.KendallTau([1, 2, 3, 4], [1, 2, 4, 3]), 12);
    }

    [Fact]
    public void Choosing_pairs_reaches_scores_with_fewer_comparisons_where_items_lie_far_apart()
    {
        // Twelve items a unit of log odds apart, 20 votes a pair: distant pairs tell nothing
        var seed = new Seed(5);
        var rows = from i in Enumerable.Range(0, 12)
                   from j in Enumerable.Range(i + 1, 11 - i)
                   from vote in Enumerable.Range(0, 20)
                   select new PairRow($"i{i:00}", $"i{j:00}", seed.Uniform(i * 100 + j, vote) < 1 / (1 + Math.Exp(i - j)) ? Winner.Right : Winner.Left);

        var points = PairSimulation.Run(ComparisonSet.Of(rows), new() { RandomShare = 0.1 }, mostOverlap: 3, seeds: 4);

        Assert.Equal([16, 33, 49, 66], points.Take(4).Select(point => (int)point.Comparisons));
        Assert.All(points, point => Assert.InRange(point.ActiveTau, 0.5, 1));
        Assert.True(points[^1].FixedError < points[0].FixedError);
        Assert.True(points.Average(point => point.ActiveTau) > points.Average(point => point.FixedTau), string.Join('\n', points));
    }
}
