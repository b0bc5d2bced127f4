using Attune.Torch;

namespace Attune.Updates;

/// <summary>How far the probability ratio may move before its gradient stops.</summary>
/// <param name="Low">Below 1 by this much: 0.2 stops at a ratio of 0.8.</param>
/// <param name="High">Above 1 by this much.</param>
/// <param name="Dual">Where given, above 1: the loss of a token with negative advantage is at most this times −A (Ye 2020).</param>
public readonly record struct RatioClip(double Low, double High, double? Dual = null)
{
    /// <summary>The same distance in both directions, Schulman 2017.</summary>
    public static RatioClip Symmetric(double range, double? dual = null) => new(range, range, dual);
}

/// <summary>Sums over answer tokens, all of shape <c>[]</c>; divide by the whole batch's count of answer tokens. Only the loss has a gradient.</summary>
/// <param name="Loss">Σ of the clipped surrogate's loss.</param>
/// <param name="ClippedTokens">How many tokens' loss the clip decides.</param>
/// <param name="DualClippedTokens">How many tokens' loss the dual clip decides.</param>
/// <param name="HalfSquaredLogRatio">Σ ½(logp − oldLogp)²: "approxkl" (k2) of the update, at least 0.</param>
/// <param name="NegativeLogRatio">Σ (oldLogp − logp): "policykl" (k1) of the update, never clamped, has a sign.</param>
/// <param name="Ratio">Σ of the ratios.</param>
/// <param name="LargestLogRatio">Largest |logp − oldLogp|, 0 without tokens: not a sum; of several micro-batches take the largest.</param>
public readonly record struct PpoLossSums(
    Tensor Loss, Tensor ClippedTokens, Tensor DualClippedTokens, Tensor HalfSquaredLogRatio, Tensor NegativeLogRatio, Tensor Ratio, Tensor LargestLogRatio);

/// <summary>
/// The clipped surrogate of PPO, Schulman 2017 (arXiv:1707.06347) eq. 7 with its sign turned: Σ max(−A ρ, −A clip(ρ, 1 − ε, 1 + ε)).
/// </summary>
/// <remarks>
/// Deviation: log-ratios are clamped to ±20 before the exponential: e¹⁰⁰ is infinite in float32 and turns the clipped token's zero
/// gradient into NaN. Trap: old log-probabilities must come from the same forward pass as the new ones (dropout off, same
/// temperature), or the first minibatch's ratio is not 1; <see cref="PpoLossSums.LargestLogRatio"/> is there to check that.
/// Not here: the value loss, the entropy bonus, a KL term, any mean.
/// </remarks>
public static class PpoLoss
{
    private const double LargestExponent = 20;

    /// <summary>Loss and statistics of one micro-batch.</summary>
    /// <param name="logp"><c>[B,T]</c>, log-probabilities under the policy being trained.</param>
    /// <param name="oldLogp"><c>[B,T]</c>, under the policy that sampled; a constant.</param>
    /// <param name="advantages"><c>[B,T]</c>, a constant.</param>
    /// <param name="mask"><c>[B,T]</c>, true at answer tokens.</param>
    /// <param name="clip">The ratio's bounds.</param>
    public static PpoLossSums Of(Tensor logp, Tensor oldLogp, Tensor advantages, Tensor mask, RatioClip clip)
    {
        var real = Masks.Real(mask);
        var a = advantages.Detach().ZeroOutside(real);
        var logRatio = (logp - oldLogp.Detach()).ZeroOutside(real); // before the exponential: junk at padding may overflow
        var ratio = logRatio.Clamp(-LargestExponent, LargestExponent).Exp();
        var free = -a * ratio;
        var clipped = -a * ratio.Clamp(1 - clip.Low, 1 + clip.High);
        var loss = Tensor.Maximum(free, clipped);
        var ceiling = clip.Dual is { } dual ? Tensor.Where(a.Less(0), -a * dual, loss) : loss;
        var sum = (clip.Dual is null ? loss : Tensor.Minimum(loss, ceiling)).Sum(); // outside the mask the advantage, so the loss, is 0

        using var constants = Autograd.NoGrad();
        return new(
            sum,
            clipped.Greater(free).To(logp.DType).Sum(),
            loss.Greater(ceiling).To(logp.DType).Sum(),
            logRatio.Square().Sum() * 0.5,
            -logRatio.Sum(),
            ratio.SumWhere(real),
            logRatio.Count == 0 ? logRatio.Sum() : logRatio.Abs().Max());
    }
}
