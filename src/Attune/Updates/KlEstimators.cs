using Attune.Torch;

namespace Attune.Updates;

/// <summary>Which estimate of KL(policy ‖ reference) a token contributes; x = log π(token) − log π_ref(token), token drawn from π.</summary>
public enum KlEstimator
{
    /// <summary>x: unbiased, has a sign. Ziegler 2019 and most PPO code.</summary>
    K1,

    /// <summary>x²/2: biased, low variance; as a loss its gradient is that of the reverse KL.</summary>
    K2,

    /// <summary>e⁻ˣ − 1 + x: unbiased and at least 0, but explodes where the reference likes a token far more than the policy does.</summary>
    K3,

    /// <summary>The value of <see cref="K3"/> with the gradient of <see cref="K2"/> ("k3+").</summary>
    K3Plus,

    /// <summary>|x|.</summary>
    Absolute,
}

/// <summary>
/// Per-token estimates of the divergence from the reference model, after Schulman, "Approximating KL divergence" (2020).
/// Deviation: the log-ratio can be clamped first (systems differ: ±20 or not at all), which bounds k3 and stops its gradient there.
/// Not here: the exact KL over the vocabulary, and any masking or mean: multiply by a mask and divide by real tokens yourself.
/// </summary>
public static class KlEstimators
{
    /// <summary>One estimate per token, in nats.</summary>
    /// <param name="logp">Log-probabilities under the policy, any shape.</param>
    /// <param name="refLogp">Log-probabilities of the same tokens under the reference, same shape.</param>
    /// <param name="estimator">Which estimate.</param>
    /// <param name="clampLogRatio">Where given, x is first clamped to ± this many nats.</param>
    public static Tensor Of(Tensor logp, Tensor refLogp, KlEstimator estimator, double? clampLogRatio = null)
    {
        var x = logp - refLogp;
        if (clampLogRatio is { } bound)
            x = x.Clamp(-bound, bound);
        return estimator switch
        {
            KlEstimator.K1 => x,
            KlEstimator.K2 => K2(x),
            KlEstimator.K3 => K3(x),
            KlEstimator.K3Plus => WithGradientOf(K2(x), K3(x)),
            KlEstimator.Absolute => x.Abs(),
            _ => throw new ArgumentOutOfRangeException(nameof(estimator), estimator, "Not a known estimator."),
        };
    }

    private static Tensor K2(Tensor x) => x.Square() * 0.5;

    // expm1: for small x the terms of e^(-x) - 1 + x cancel, and float32 would keep no digit of it below |x| = 3e-4
    private static Tensor K3(Tensor x) => (-x).Expm1() + x;

    // a - a is exactly 0, so the sum's value is exactly the second one's
    private static Tensor WithGradientOf(Tensor gradient, Tensor value) => gradient - gradient.Detach() + value.Detach();
}
