using Attune.Evaluation;

namespace Attune.Tests.Evaluation;

public sealed class BestOfNTests
{
    [Fact]
    public void Kl_bound_matches_the_formula()
    {
        Assert.Equal(0.0, BestOfN.KlBound(1));
        Assert.Equal(Math.Log(2) - 0.5, BestOfN.KlBound(2), 15);
        Assert.Equal(3.174508, BestOfN.KlBound(64), 6); // 4.1588831 - 0.984375
    }

    [Fact]
    public void Expected_best_of_two_among_four_is_the_mean_over_all_six_pairs()
    {
        // Pairs of 1, 2, 4, 8 have maxima 2, 4, 8, 4, 8, 8: mean 34/6.
        Assert.Equal(34 / 6.0, BestOfN.ExpectedBest([4, 1, 8, 2], 2), 12);
        Assert.Equal(15 / 4.0, BestOfN.ExpectedBest([4, 1, 8, 2], 1), 12);
        Assert.Equal(8.0, BestOfN.ExpectedBest([4, 1, 8, 2], 4), 12);
    }

    [Fact]
    public void Expected_best_of_three_agrees_with_enumeration()
    {
        double[] rewards = [0.3, -1.2, 2.5, 0.9, 0.1, 1.7, -0.4];
        var maxima = from a in Enumerable.Range(0, 7)
                     from b in Enumerable.Range(a + 1, 6 - a)
                     from c in Enumerable.Range(b + 1, 6 - b)
                     select Math.Max(rewards[a], Math.Max(rewards[b], rewards[c]));

        Assert.Equal(maxima.Average(), BestOfN.ExpectedBest(rewards, 3), 12);
    }

    [Fact]
    public void Gold_score_follows_the_proxys_choice()
    {
        // The proxy prefers the third answer, whose gold score is worst: pairs choose gold 20, 5, 5.
        Assert.Equal(10.0, BestOfN.ExpectedGold([1, 2, 3], [10, 20, 5], 2), 12);
        // All tied: any choice is a random one.
        Assert.Equal(35 / 3.0, BestOfN.ExpectedGold([1, 1, 1], [10, 20, 5], 2), 12);
    }

    [Fact]
    public void More_answers_than_sampled_is_refused()
    {
        var problem = Assert.Throws<ArgumentOutOfRangeException>(() => BestOfN.ExpectedBest([1, 2], 3));
        Assert.Contains("outside 1 to 2", problem.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => BestOfN.ExpectedBest([1, 2], 0));
        Assert.Throws<ArgumentException>(() => BestOfN.ExpectedGold([1, 2], [1], 1));
    }

    [Fact]
    public void A_curve_averages_over_prompts_with_its_error()
    {
        var curve = BestOfN.Curve([[0, 2], [4, 6]], [1, 2], "file");

        Assert.Equal(["best of 1", "best of 2"], curve.Select(p => p.Label));
        Assert.Equal([3.0, 4.0], curve.Select(p => p.Reward)); // means of 1 and 5, of 2 and 6
        Assert.Equal(2.0, curve[0].RewardStandardError!.Value, 12); // deviation √8, over √2
        Assert.Equal(BestOfN.KlBound(2), curve[1].Kl);
    }
}
