namespace Attune.Evaluation;

/// <summary>
/// Best-of-N: draw N answers, keep the one the reward prefers. The yardstick for every policy update, because its distance from the
/// sampling model is known without measuring. Not here: the sampling itself.
/// </summary>
public static class BestOfN
{
    /// <summary>
    /// Upper bound on KL(best-of-N ‖ sampling model) in nats per answer, log N − (N−1)/N (Stiennon 2020, appendix G.3). It is exact when
    /// rewards never tie and each answer is improbable, as sampled texts are; ties make the true distance smaller.
    /// </summary>
    public static double KlBound(int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        return Math.Log(n) - (n - 1.0) / n;
    }

    /// <summary>
    /// Unbiased estimate of the expected best reward among N answers, from M ≥ N answers to one prompt: the mean of the maximum over all
    /// C(M, N) subsets (Nakano 2021, appendix). Far less noisy than drawing one subset.
    /// </summary>
    /// <param name="rewards">Rewards of the M answers, in any order; not changed.</param>
    /// <param name="n">Answers among which the best is kept, 1 to M.</param>
    public static double ExpectedBest(ReadOnlySpan<double> rewards, int n)
    {
        var sorted = rewards.ToArray();
        Array.Sort(sorted);
        return Weighted(sorted, n);
    }

    /// <summary>
    /// Expected gold score of the answer that a proxy reward would choose among N: the curve that bends down when the proxy is
    /// over-optimised (Gao 2022). Answers tied on the proxy share their mean gold score, as a random choice among them would.
    /// </summary>
    /// <param name="proxy">What the choice is made by, one value per answer.</param>
    /// <param name="gold">What the choice is judged by, in the same order.</param>
    /// <param name="n">Answers among which the best is kept, 1 to the number of answers.</param>
    public static double ExpectedGold(ReadOnlySpan<double> proxy, ReadOnlySpan<double> gold, int n)
    {
        if (proxy.Length != gold.Length)
            throw new ArgumentException($"{gold.Length} gold scores for {proxy.Length} proxy scores; give one of each per answer.", nameof(gold));

        var keys = proxy.ToArray();
        var values = gold.ToArray();
        Array.Sort(keys, values);
        for (int start = 0, end; start < keys.Length; start = end)
        {
            for (end = start + 1; end < keys.Length && keys[end].Equals(keys[start]);)
                end++;
            var tied = values.AsSpan(start, end - start);
            double sum = 0;
            foreach (var value in tied)
                sum += value;
            tied.Fill(sum / tied.Length);
        }

        return Weighted(values, n);
    }

    /// <summary>Points of the best-of-N curve: the mean over prompts at each N, with its standard error, at the analytic KL.</summary>
    /// <param name="rewardsPerPrompt">Rewards of the answers to each prompt; every prompt needs at least max(N) answers.</param>
    /// <param name="sizes">The values of N, for instance 1, 4, 16, 64.</param>
    /// <param name="source">Id of the <see cref="Source"/> the rewards came from.</param>
    public static IReadOnlyList<FrontierPoint> Curve(
        IReadOnlyList<double[]> rewardsPerPrompt, IReadOnlyList<int> sizes, string? source = null) =>
        [.. sizes.Select(n =>
        {
            var mean = MeanAndError.Of([.. rewardsPerPrompt.Select(r => ExpectedBest(r, n))]);
            return new FrontierPoint
            {
                Label = $"best of {n}", Kl = KlBound(n), Reward = mean.Mean, RewardStandardError = mean.StandardError, Source = source,
            };
        })];

    // The i-th smallest of M (1-based) is the best of a subset in C(i-1, N-1) of the C(M, N) subsets: weight N/M for the largest, and each
    // next one is the last times (i-N)/(i-1).
    private static double Weighted(double[] ascending, int n)
    {
        if (n < 1 || n > ascending.Length)
            throw new ArgumentOutOfRangeException(
                nameof(n), n, $"is outside 1 to {ascending.Length}, the number of answers; draw at least N answers per prompt.");

        double sum = 0;
        var weight = (double)n / ascending.Length;
        for (var i = ascending.Length; i >= n; i--)
        {
            sum += weight * ascending[i - 1];
            if (i > 1)
                weight *= (double)(i - n) / (i - 1);
        }

        return sum;
    }
}

/// <summary>A mean over independent units (prompts) and its standard error.</summary>
/// <param name="Mean">The plain mean; NaN without values.</param>
/// <param name="StandardError">Sample standard deviation over √n; NaN below two values.</param>
public readonly record struct MeanAndError(double Mean, double StandardError)
{
    /// <summary>Mean and standard error of the values (n − 1 in the variance).</summary>
    public static MeanAndError Of(IReadOnlyList<double> values)
    {
        if (values.Count == 0)
            return new(double.NaN, double.NaN);
        var mean = values.Average();
        if (values.Count == 1)
            return new(mean, double.NaN);
        var variance = values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1);
        return new(mean, Math.Sqrt(variance / values.Count));
    }
}
