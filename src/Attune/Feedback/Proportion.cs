using Attune.Torch;

namespace Attune.Feedback;

/// <summary>A count of successes among trials, with its uncertainty. Successes may be fractional: a tie is half of one.</summary>
/// <param name="Successes">From 0 to <paramref name="Trials"/>.</param>
/// <param name="Trials">How many there were; with 0 everything is unknown.</param>
public readonly record struct Proportion(double Successes, int Trials)
{
    /// <summary>The share of successes, NaN without trials.</summary>
    public double Share => Trials == 0 ? double.NaN : Successes / Trials;

    /// <summary>
    /// Wilson's score interval (Wilson 1927), which stays inside [0, 1] and is honest near its ends. It takes the trials as independent:
    /// for several answers of one annotator or one prompt use <see cref="ClusterBootstrap"/>.
    /// </summary>
    /// <param name="z">Standard normal quantile; 1.959964 for 95 %.</param>
    public Interval Wilson(double z = 1.959963984540054)
    {
        if (Trials == 0)
            return new(0, 1);
        var n = (double)Trials;
        var centre = (Share + z * z / (2 * n)) / (1 + z * z / n);
        var half = z / (1 + z * z / n) * Math.Sqrt(Share * (1 - Share) / n + z * z / (4 * n * n));
        return new(Math.Max(0, centre - half), Math.Min(1, centre + half));
    }
}

/// <summary>A range that holds the true value with the stated confidence.</summary>
/// <param name="Lower">Its lower end.</param>
/// <param name="Upper">Its upper end.</param>
public readonly record struct Interval(double Lower, double Upper)
{
    /// <summary>Whether a value lies in it, ends included.</summary>
    public bool Contains(double value) => Lower <= value && value <= Upper;
}

/// <summary>
/// Intervals for a mean over observations that come in clusters (several votes on one comparison, several samples of one prompt):
/// whole clusters are drawn with replacement, and the interval holds the middle of the means so obtained (percentile bootstrap, Efron 1979).
/// </summary>
public static class ClusterBootstrap
{
    /// <summary>The interval of the mean over all observations.</summary>
    /// <param name="clusters">Observations by cluster; at least one observation in all.</param>
    /// <param name="seed">Decides the draws.</param>
    /// <param name="resamples">How many sets of clusters are drawn.</param>
    /// <param name="confidence">For instance 0.95.</param>
    public static Interval OfMean(IReadOnlyList<IReadOnlyList<double>> clusters, Seed seed, int resamples = 2_000, double confidence = 0.95)
    {
        ArgumentNullException.ThrowIfNull(clusters);
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 1);
        if (confidence is <= 0 or >= 1)
            throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "Expected a confidence between 0 and 1; 0.95 is usual.");
        var filled = clusters.Where(cluster => cluster.Count > 0).Select(cluster => (Sum: cluster.Sum(), cluster.Count)).ToArray();
        if (filled.Length == 0)
            throw new ArgumentException("There is no observation in any cluster; a mean needs at least one.", nameof(clusters));

        var draws = seed.For("cluster bootstrap");
        var means = new double[resamples];
        for (var resample = 0; resample < resamples; resample++)
        {
            var (sum, count) = (0.0, 0L);
            for (var i = 0; i < filled.Length; i++)
            {
                var drawn = filled[draws.Below(filled.Length, row: resample, position: i)];
                sum += drawn.Sum;
                count += drawn.Count;
            }
            means[resample] = sum / count;
        }
        return Middle(means, confidence);
    }

    /// <summary>The middle of values found on resamples, those left out that are no number; null where none is left.</summary>
    internal static Interval? MiddleOf(double[] values, double confidence = 0.95) =>
        Array.FindAll(values, value => !double.IsNaN(value)) is { Length: > 0 } known ? Middle(known, confidence) : null;

    private static Interval Middle(double[] values, double confidence)
    {
        Array.Sort(values);
        return new(Quantile(values, (1 - confidence) / 2), Quantile(values, (1 + confidence) / 2));
    }

    /// <summary>The value below which a share of sorted numbers lies, interpolated between neighbours (NumPy's "linear").</summary>
    private static double Quantile(double[] sorted, double share)
    {
        var place = share * (sorted.Length - 1);
        var below = (int)place;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }
}
