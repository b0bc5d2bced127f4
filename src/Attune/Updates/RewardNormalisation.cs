namespace Attune.Updates;

/// <summary>reward = gain · raw + bias.</summary>
/// <param name="Gain">Factor, not 0.</param>
/// <param name="Bias">Added afterwards.</param>
public readonly record struct RewardScale(double Gain, double Bias)
{
    /// <summary>Changes nothing.</summary>
    public static RewardScale Identity { get; } = new(1, 0);

    /// <summary>The reward of a raw score.</summary>
    public double Apply(double raw) => Gain * raw + Bias;

    /// <summary>This scale after an earlier one, as one scale of the raw score.</summary>
    public RewardScale After(RewardScale earlier) => new(Gain * earlier.Gain, Gain * earlier.Bias + Bias);
}

/// <summary>
/// Makes scores of different reward models comparable: gain and bias such that samples of the <em>reference</em> policy score mean 0
/// and standard deviation 1 (Ziegler 2019, §2.1 and code: before training and again after it, 256 samples each).
/// Trap: normalising on the training pairs instead moves the zero to what people compared, not to what the policy writes.
/// Not here: running normalisation during PPO (<see cref="Moments.Combine"/>).
/// </summary>
public static class RewardNormalisation
{
    /// <summary>Solves for gain and bias.</summary>
    /// <param name="scores">Raw scores of reference-policy samples, at least two that differ.</param>
    /// <param name="variance">Population in the original.</param>
    /// <param name="shiftOnly">Whether the gain stays 1.</param>
    /// <exception cref="ArgumentException">The scores do not differ, or one is not finite: no gain exists.</exception>
    public static RewardScale Solve(ReadOnlySpan<double> scores, VarianceKind variance = VarianceKind.Population, bool shiftOnly = false)
    {
        Span<double> all = new double[scores.Length];
        all.Fill(1);
        var moments = MaskedStatistics.Of(scores, all);
        var spread = moments.Std(variance);
        if (!(spread > 0) || !double.IsFinite(spread))
            throw new ArgumentException(
                $"{scores.Length} reference scores between {moments.Min:G6} and {moments.Max:G6} have no usable spread, expected at least two finite scores that differ; check that the reward model reads the answers.");
        return shiftOnly ? new(1, -moments.Mean) : new(1 / spread, -moments.Mean / spread);
    }
}
