using Attune.Torch;

namespace Attune.Updates;

/// <summary>Sums over answer tokens, all of shape <c>[]</c>; divide by the whole batch's count of answer tokens. Only the loss has a gradient.</summary>
/// <param name="Loss">Σ ½ max(squared error, squared error of the clipped value).</param>
/// <param name="ClippedTokens">How many tokens' loss the clip decides.</param>
/// <param name="SquaredError">Σ (value − return)², without clip and without the ½.</param>
public readonly record struct ValueLossSums(Tensor Loss, Tensor ClippedTokens, Tensor SquaredError);

/// <summary>
/// The value function's loss with the clip of openai/baselines: ½ max((V − R)², (clip(V, V_old ± ε) − R)²).
/// Trap: the ½ is the loss's own; the value coefficient of a preset multiplies what is left. Not here: that coefficient, any mean.
/// </summary>
public static class ValueLoss
{
    /// <summary>Loss and statistics of one micro-batch.</summary>
    /// <param name="values"><c>[B,T]</c>, by the value function being trained.</param>
    /// <param name="oldValues"><c>[B,T]</c>, at the time of sampling; a constant.</param>
    /// <param name="returns"><c>[B,T]</c>, from <see cref="Gae"/>; a constant.</param>
    /// <param name="mask"><c>[B,T]</c>, true where a value counts.</param>
    /// <param name="clipRange">How far a value may move before its gradient stops; null for no clip.</param>
    public static ValueLossSums Of(Tensor values, Tensor oldValues, Tensor returns, Tensor mask, double? clipRange)
    {
        // Zero all three outside the mask first: junk there could be infinite, and its square's gradient NaN.
        var real = Masks.Real(mask);
        var v = values.ZeroOutside(real);
        var target = returns.Detach().ZeroOutside(real);
        var free = (v - target).Square();
        var clipped = clipRange is { } range ? (Near(v, oldValues.Detach().ZeroOutside(real), range) - target).Square() : free;
        var sum = Tensor.Maximum(free, clipped).Sum() * 0.5;

        using var constants = Autograd.NoGrad();
        return new(sum, clipped.Greater(free).To(values.DType).Sum(), free.Sum());
    }

    private static Tensor Near(Tensor values, Tensor old, double range) => Tensor.Minimum(Tensor.Maximum(values, old - range), old + range);
}
