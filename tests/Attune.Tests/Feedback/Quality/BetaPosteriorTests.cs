using Attune.Feedback;
using Attune.Feedback.Quality;

namespace Attune.Tests.Feedback.Quality;

public sealed class BetaPosteriorTests
{
    [Fact]
    public void Densities_that_integrate_by_hand()
    {
        Assert.Equal(0.3, new BetaPosterior(1, 1).Below(0.3), 12);                       // uniform
        Assert.Equal(0.3 * 0.3, new BetaPosterior(2, 1).Below(0.3), 12);                 // ∫ 2x
        Assert.Equal(1 - Math.Pow(0.7, 5), new BetaPosterior(1, 5).Below(0.3), 12);      // ∫ 5(1 − x)⁴
        Assert.Equal(0.5, new BetaPosterior(0.5, 0.5).Below(0.5), 12);                   // 2/π·arcsin √x
        Assert.Equal(2 / Math.PI * Math.Asin(Math.Sqrt(0.1)), new BetaPosterior(0.5, 0.5).Below(0.1), 12);
    }

    [Fact]
    public void Whole_parameters_are_a_sum_of_binomial_chances()
    {
        // I_x(a, b) = P(at least a successes of a + b − 1 trials)
        var sum = 0.0;
        for (var k = 40; k <= 99; k++)
            sum += Math.Exp(LogChoose(99, k) + k * Math.Log(0.42) + (99 - k) * Math.Log(0.58));

        Assert.Equal(sum, new BetaPosterior(40, 60).Below(0.42), 10);

        static double LogChoose(int n, int k) => Enumerable.Range(1, k).Sum(i => Math.Log(n - k + i) - Math.Log(i));
    }

    [Fact]
    public void Quantiles_undo_chances_and_the_interval_holds_the_middle()
    {
        var posterior = BetaPosterior.Of(new Proportion(17, 20), 1, 1);
        var interval = posterior.Credible();

        Assert.Equal((18, 4), (posterior.Successes, posterior.Failures));
        Assert.Equal(0.025, posterior.Below(interval.Lower), 10);
        Assert.Equal(0.975, posterior.Below(interval.Upper), 10);
        Assert.True(interval.Contains(posterior.Mean));
        var mirrored = new BetaPosterior(4, 18).Credible();
        Assert.Equal(1 - interval.Upper, mirrored.Lower, 10);
    }
}
