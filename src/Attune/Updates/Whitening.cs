using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// Scales masked numbers to unit variance and, if asked, shifts them to mean 0: (x − mean) · (variance + ε)^−½ (+ mean).
/// </summary>
/// <remarks>
/// ε stands <em>inside</em> the root. Systems differ in three ways, all explicit here: population variance (OpenAI 2019) or unbiased
/// (TRL); per minibatch (OpenAI 2019) or once per batch (TRL); advantages lose their mean, rewards keep theirs. Trap: one library's
/// flag of the name "shift mean" adds the mean back; another's whitened rewards are not 0 at padding, which then leaks into the
/// advantages of real tokens. Here the result is 0 outside the mask. Fewer than two numbers are taken to have variance 0.
/// Not here: normalising within groups of answers, and running statistics (<see cref="Moments.Combine"/>).
/// </remarks>
public static class Whitening
{
    /// <summary>The value added to the variance by every system we compare with.</summary>
    public const double DefaultEpsilon = 1e-8;

    /// <summary>Whitened values; 0 outside the mask.</summary>
    /// <param name="values">Any shape, for instance advantages <c>[B,T]</c>.</param>
    /// <param name="mask">The same shape.</param>
    /// <param name="variance">What the sum of squared deviations is divided by.</param>
    /// <param name="shiftMean">True: the result has mean 0. False: it keeps its mean.</param>
    /// <param name="epsilon">Added to the variance before the root.</param>
    public static Tensor Apply(Tensor values, Tensor mask, VarianceKind variance, bool shiftMean, double epsilon = DefaultEpsilon)
    {
        var moments = MaskedStatistics.Of(values, mask);
        var scale = 1 / Math.Sqrt((moments.Count > 1 ? moments.Variance(variance) : 0) + epsilon);
        var centred = (values - moments.Mean) * scale;
        return (shiftMean ? centred : centred + moments.Mean).ZeroOutside(mask);
    }
}
