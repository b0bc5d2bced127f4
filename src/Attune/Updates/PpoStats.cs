using Attune.Torch;

namespace Attune.Updates;

/// <summary>Sums of one micro-batch over its response tokens, still on the device.</summary>
/// <param name="Policy">Surrogate loss and what the clip did.</param>
/// <param name="Value">Value loss.</param>
/// <param name="Entropy">Σ exact entropy, nats; null where it is not logged.</param>
/// <param name="Kl">Σ KL term of the loss, nats; null where KL is in the reward.</param>
internal readonly record struct PpoSums(PpoLossSums Policy, ValueLossSums Value, Tensor? Entropy, Tensor? Kl)
{
    /// <summary>All sums as one vector, in the order of <see cref="PpoStats"/>'s enum: one transfer a minibatch.</summary>
    public Tensor ToVector()
    {
        using var constants = Autograd.NoGrad();
        var none = Tensor.ZerosLike(Policy.Loss);
        return Tensor.Stack(0, Policy.Loss, Policy.ClippedTokens, Policy.DualClippedTokens, Policy.HalfSquaredLogRatio, Policy.NegativeLogRatio,
            Policy.Ratio, Value.Loss, Value.ClippedTokens, Value.SquaredError, Entropy ?? none, Kl ?? none).Detach();
    }
}

/// <summary>What one minibatch came to: sums over its response tokens or values, and lengths of gradients.</summary>
internal sealed record PpoMinibatch(int Tokens, int Values, double[] Sums, double LargestLogRatio)
{
    public double Mean(PpoSum sum) => Sums[(int)sum] / CountOf(sum);

    /// <summary>Terms of a sum: values are more than tokens where scores are paid behind the last one.</summary>
    public int CountOf(PpoSum sum) => sum is PpoSum.ValueLoss or PpoSum.ValueClipped or PpoSum.SquaredError ? Values : Tokens;

    public double GradientNorm { get; init; }

    public double CriticGradientNorm { get; init; }

    public double PretrainingLoss { get; init; }
}

/// <summary>Places in <see cref="PpoSums.ToVector"/>.</summary>
internal enum PpoSum
{
    PolicyLoss,
    Clipped,
    DualClipped,
    HalfSquaredLogRatio,
    NegativeLogRatio,
    Ratio,
    ValueLoss,
    ValueClipped,
    SquaredError,
    Entropy,
    Kl,
}

/// <summary>
/// Adds up a step's minibatches and names its metrics; docs/metrics.md defines each. Means are over real response tokens, each counted once
/// for every time it was learned from, so that neither padding nor the split into batches changes a number.
/// </summary>
internal sealed class PpoStats
{
    private readonly List<PpoMinibatch> _minibatches = [];

    /// <summary>Whether the KL limit ended the step before all epochs were done.</summary>
    public bool StoppedEarly { get; set; }

    public void Add(PpoMinibatch minibatch) => _minibatches.Add(minibatch);

    /// <summary>What the update did.</summary>
    public void Write(Dictionary<string, double> metrics)
    {
        metrics["policy/entropy"] = Entropy();
        metrics["policy/loss"] = Mean(PpoSum.PolicyLoss);
        metrics["policy/clip_fraction"] = Mean(PpoSum.Clipped);
        metrics["policy/dual_clip_fraction"] = Mean(PpoSum.DualClipped);
        metrics["policy/approx_kl"] = Mean(PpoSum.HalfSquaredLogRatio);
        metrics["policy/kl_from_sampled"] = Mean(PpoSum.NegativeLogRatio);
        metrics["policy/ratio"] = Mean(PpoSum.Ratio);
        metrics["policy/first_log_ratio"] = _minibatches.Count == 0 ? 0 : _minibatches[0].LargestLogRatio;
        metrics["policy/minibatches"] = _minibatches.Count;
        metrics["policy/stopped_early"] = StoppedEarly ? 1 : 0;
        metrics["policy/kl_loss"] = Mean(PpoSum.Kl);
        metrics["value/loss"] = Mean(PpoSum.ValueLoss);
        metrics["value/error"] = Mean(PpoSum.SquaredError);
        metrics["value/clip_fraction"] = Mean(PpoSum.ValueClipped);
        metrics["gradient_norm"] = _minibatches.Select(m => m.GradientNorm).DefaultIfEmpty(0).Average();
        metrics["value/gradient_norm"] = _minibatches.Select(m => m.CriticGradientNorm).DefaultIfEmpty(0).Average();
        metrics["pretraining/loss"] = _minibatches.Select(m => m.PretrainingLoss).DefaultIfEmpty(0).Average();
    }

    /// <summary>What was sampled, how it was judged, and what the value function had expected.</summary>
    public static void Write(Dictionary<string, double> metrics, PpoBatch batch, PpoRewards rewards, Moments rawAdvantages)
    {
        var rows = batch.Rows;
        var (returns, values) = (Of(batch.Returns), Of([.. batch.Returns.Zip(batch.Values!, (r, v) => r - v)]));
        var scores = MomentsOf(rewards.Scores.Totals);
        metrics["objective/kl"] = rewards.LogRatios.Average();
        metrics["objective/score"] = scores.Mean;
        metrics["objective/score_deviation"] = Math.Sqrt(scores.SquaredDeviations / rows);
        metrics["objective/reward"] = batch.Rewards.Sum() / rows;
        metrics["objective/entropy"] = -batch.LogProbs.Sum(p => (double)p) / rows;
        metrics["response/length"] = (double)batch.Tokens / rows;
        metrics["response/end_rate"] = rewards.Ended.Count(ended => ended) / (double)rows;
        metrics["value/mean"] = batch.Values!.Average(v => (double)v);
        metrics["value/explained_variance"] = returns.SquaredDeviations > 0 ? 1 - values.SquaredDeviations / returns.SquaredDeviations : 0;
        metrics["returns/mean"] = returns.Mean;
        metrics["advantages/deviation"] = Math.Sqrt(rawAdvantages.SquaredDeviations / Math.Max(1, rawAdvantages.Count));
        foreach (var (name, part) in rewards.Scores.Parts)
            metrics[$"reward/{name}"] = part.Average();
    }

    /// <summary>Exact entropy, over the minibatches that gave it: those of the first epoch.</summary>
    private double Entropy()
    {
        var with = _minibatches.Where(m => m.Sums[(int)PpoSum.Entropy] != 0).ToArray();
        return with.Length == 0 ? 0 : with.Sum(m => m.Sums[(int)PpoSum.Entropy]) / with.Sum(m => m.Tokens);
    }

    private double Mean(PpoSum sum) => _minibatches.Count == 0 ? 0 : _minibatches.Sum(m => m.Sums[(int)sum]) / _minibatches.Sum(m => m.CountOf(sum));

    private static Moments Of(float[] numbers) => MomentsOf(Array.ConvertAll(numbers, n => (double)n));

    internal static Moments MomentsOf(double[] numbers)
    {
        var all = new double[numbers.Length];
        Array.Fill(all, 1);
        return MaskedStatistics.Of(numbers, all);
    }
}
