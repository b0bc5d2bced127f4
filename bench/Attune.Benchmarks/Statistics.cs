using Attune.Torch;

namespace Attune.Benchmarks;

/// <summary>Medians, and how sure they are.</summary>
internal static class Statistics
{
    private const int Resamples = 2_000;

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>The middle 95 % of the medians of resamples (Efron 1979).</summary>
    public static (double Low, double High) Interval(IReadOnlyList<double> values)
    {
        var seed = new Seed(1);
        var medians = new double[Resamples];
        for (var k = 0; k < Resamples; k++)
            medians[k] = Median(Enumerable.Range(0, values.Count).Select(place => values[seed.Below(values.Count, k, place)]));
        Array.Sort(medians);
        return (medians[(int)(0.025 * Resamples)], medians[(int)(0.975 * Resamples)]);
    }
}
