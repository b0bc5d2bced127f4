using Attune.Torch;

namespace Attune.Updates;

/// <summary>Where in a sequence the reward model's score is paid.</summary>
public enum ScorePlace
{
    /// <summary>At the last token that counts (Ziegler 2019, OpenRLHF).</summary>
    LastToken,

    /// <summary>One place after it, at the end or padding slot; at the last token where the row is full (TRL).</summary>
    EndSlot,
}

/// <summary>How rewards are made of scores and log-probabilities.</summary>
public sealed record KlPenaltySettings
{
    /// <summary>Price per nat; 0 leaves the score alone.</summary>
    public double Coefficient { get; init; }

    /// <summary>Which estimate of the divergence is charged.</summary>
    public KlEstimator Estimator { get; init; } = KlEstimator.K1;

    /// <summary>Where given, log-ratios are clamped to ± this many nats first.</summary>
    public double? ClampLogRatio { get; init; }

    /// <summary>Where the score is paid.</summary>
    public ScorePlace Place { get; init; } = ScorePlace.LastToken;
}

/// <summary>What each token is paid.</summary>
/// <param name="Rewards"><c>[B,T]</c>, penalty and score; 0 where nothing is paid.</param>
/// <param name="Kl"><c>[B,T]</c>, the estimate per token in nats, without the coefficient; 0 outside the mask.</param>
/// <param name="LogRatio"><c>[B]</c>, Σ (logp − refLogp) of each sequence, never clamped: the KL that controllers and metrics use.</param>
/// <param name="Mask"><c>[B,T]</c> bool, the places whose reward and value count; wider than the tokens' mask for <see cref="ScorePlace.EndSlot"/>.</param>
public sealed record ShapedRewards(Tensor Rewards, Tensor Kl, Tensor LogRatio, Tensor Mask);

/// <summary>
/// Turns one score per answer into a reward per token: r_t = −β·kl_t, plus the score at the end (Ziegler 2019 eq. 2, written per
/// token; InstructGPT eq. 2). Trap: with padding on the right "the last place" is not the last token; the mask decides.
/// Not here: the coefficient's controller (<see cref="AdaptiveKl"/>), whitening (<see cref="Whitening"/>), missing end tokens
/// (<see cref="EndTokenRule"/>) and clips of scores, both to be applied to the scores before.
/// </summary>
public static class KlPenalty
{
    /// <summary>Rewards of a batch of answers. A row without tokens is paid nothing.</summary>
    /// <param name="scores"><c>[B]</c>.</param>
    /// <param name="logp"><c>[B,T]</c>, log-probabilities under the policy that sampled.</param>
    /// <param name="refLogp"><c>[B,T]</c>, under the frozen reference.</param>
    /// <param name="mask"><c>[B,T]</c>, true at the answers' tokens.</param>
    /// <param name="settings">Coefficient, estimator, clamp and place.</param>
    public static ShapedRewards Apply(Tensor scores, Tensor logp, Tensor refLogp, Tensor mask, KlPenaltySettings settings)
    {
        var real = Masks.Real(mask);
        var kl = KlEstimators.Of(logp, refLogp, settings.Estimator, settings.ClampLogRatio).ZeroOutside(real);
        var end = EndOf(real, settings.Place);
        var paid = end.To(kl.DType) * scores.To(kl.DType).Unsqueeze(1);
        return new(paid - kl * settings.Coefficient, kl, (logp - refLogp).ZeroOutside(real).Sum(1), real.Or(end));
    }

    /// <summary>True at the one place of each row where the score is paid, <c>[B,T]</c> bool.</summary>
    private static Tensor EndOf(Tensor mask, ScorePlace place)
    {
        var width = mask.Size(1);
        var places = Tensor.Arange(0, width, device: mask.Device);                             // [T]
        var last = Tensor.Where(mask, places, -Tensor.OnesLike(places)).Max(1, keepDim: true); // [B,1], −1 in an empty row
        if (place == ScorePlace.EndSlot)
            last = Tensor.Where(last.GreaterEqual(0), (last + 1).ClampMax(width - 1), last);
        return places.Equal(last);
    }
}
