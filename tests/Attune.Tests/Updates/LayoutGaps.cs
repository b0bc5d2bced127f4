namespace Attune.Tests.Updates;

/// <summary>What the layout of the work may change: rounding, which has no direction.</summary>
internal static class LayoutGaps
{
    /// <summary>The largest difference of two runs' losses, and the mean signed one: a bias far below the largest would still show there.</summary>
    public static void ShouldBeRounding(double[] losses, double[] others, double largest, double mean)
    {
        Assert.Equal(losses.Length, others.Length);
        var gaps = losses.Zip(others, (a, b) => a - b).ToArray();
        Assert.True(gaps.Max(Math.Abs) <= largest && Math.Abs(gaps.Average()) <= mean,
            $"the losses are up to {gaps.Max(Math.Abs):G3} apart and {gaps.Average():G3} in the mean, expected at most {largest:G3} and {mean:G3}");
    }

    /// <summary>Each metric is near the other run's: by a share of its size, or a floor for those around 0. Counts of tensors are no result.</summary>
    public static void ShouldBeRounding(IReadOnlyDictionary<string, double> metrics, IReadOnlyDictionary<string, double> others, double share, double floor)
    {
        Assert.Equal(metrics.Keys.Order(), others.Keys.Order());
        var apart = metrics.Keys.Except(["tensors_live"]).Where(name => !(Math.Abs(metrics[name] - others[name]) <= share * Math.Abs(metrics[name]) + floor));
        Assert.Equal("", string.Join("; ", apart.Select(name => $"{name} is {metrics[name]:G9} and {others[name]:G9}")));
    }
}
