using Attune.Feedback;
using Attune.Torch;

namespace Attune.Tests.Feedback;

public sealed class ProportionTests
{
    [Fact]
    public void Wilson_interval_of_eight_in_ten_worked_by_hand()
    {
        // z = 2: centre (0.8 + 4/20)/(1 + 4/10) = 1/1.4, half-width 2/1.4 · √(0.16/10 + 4/400) = 2/1.4 · √0.026
        var interval = new Proportion(8, 10).Wilson(z: 2);

        Assert.Equal(1 / 1.4 - 2 / 1.4 * Math.Sqrt(0.026), interval.Lower, 12);
        Assert.Equal(1 / 1.4 + 2 / 1.4 * Math.Sqrt(0.026), interval.Upper, 12);
    }

    [Fact]
    public void Wilson_interval_stays_inside_zero_and_one()
    {
        Assert.Equal(1, new Proportion(5, 5).Wilson().Upper);
        Assert.Equal(0, new Proportion(0, 5).Wilson().Lower);
        Assert.InRange(new Proportion(5, 5).Wilson().Lower, 0.5, 0.6); // 5/(5 + z²) = 0.5655
        Assert.Equal(new Interval(0, 1), new Proportion(0, 0).Wilson());
        Assert.True(double.IsNaN(new Proportion(0, 0).Share));
    }

    [Fact]
    public void Bootstrap_of_clusters_that_hold_equal_values_is_as_wide_as_for_the_clusters_alone()
    {
        // 100 clusters, half of 0 and half of 1: the standard error of the mean is 0.5/√100 = 0.05, however many copies each holds
        var once = Enumerable.Range(0, 100).Select(i => (IReadOnlyList<double>)[i % 2]).ToList();
        var tenTimes = once.ConvertAll(cluster => (IReadOnlyList<double>)Enumerable.Repeat(cluster[0], 10).ToArray());

        var interval = ClusterBootstrap.OfMean(once, new Seed(1));

        Assert.Equal(interval, ClusterBootstrap.OfMean(tenTimes, new Seed(1)));
        Assert.InRange(interval.Lower, 0.38, 0.43); // 0.5 − 1.96 · 0.05 = 0.402, steps of 0.01
        Assert.InRange(interval.Upper, 0.57, 0.62);
        Assert.NotEqual(interval, ClusterBootstrap.OfMean(once.Take(50).ToList(), new Seed(1)));
    }

    [Fact]
    public void Bootstrap_of_a_constant_is_that_constant_and_of_nothing_an_error()
    {
        Assert.Equal(new Interval(3, 3), ClusterBootstrap.OfMean([[3.0, 3.0], [], [3.0]], new Seed(1), resamples: 10));
        Assert.Throws<ArgumentException>(() => ClusterBootstrap.OfMean([[]], new Seed(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => ClusterBootstrap.OfMean([[1]], new Seed(1), confidence: 95));
    }
}
