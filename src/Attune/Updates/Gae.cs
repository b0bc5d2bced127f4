using Attune.Torch;

namespace Attune.Updates;

/// <summary>What a rollout's tokens were worth.</summary>
/// <param name="PerToken">Advantages <c>[B,T]</c>, 0 outside the mask; not whitened.</param>
/// <param name="Returns">Advantages + values <c>[B,T]</c>, the value function's targets; 0 outside the mask.</param>
public sealed record Advantages(Tensor PerToken, Tensor Returns);

/// <summary>
/// Generalised advantage estimation, Schulman 2015 (arXiv:1506.02438) eq. 16: δ_t = r_t + γ V_{t+1} − V_t, A_t = δ_t + γλ A_{t+1},
/// with V = 0 after the last token.
/// </summary>
/// <remarks>
/// Places outside the mask (padding on either side, or text that the policy did not write, between its turns) are skipped: the next
/// value and advantage are carried across them undiscounted, so neither they nor their number change any result.
/// Deviations: an answer cut off at the length limit is not bootstrapped, as in all systems we compare with; computed in float64 on
/// the CPU and rounded once. Trap: returns come from the advantages <em>before</em> whitening. Not here: whitening, and gradients:
/// advantages are constants of the policy loss.
/// </remarks>
public static class Gae
{
    /// <summary>Advantages and returns of a batch; results have the dtype and device of the values.</summary>
    /// <param name="rewards"><c>[B,T]</c>.</param>
    /// <param name="values"><c>[B,T]</c>, the value function's estimate before each token.</param>
    /// <param name="mask"><c>[B,T]</c>, true at actions.</param>
    /// <param name="discount">γ, usually 1 for language.</param>
    /// <param name="lambda">λ: 0 trusts the value function, 1 trusts the rewards.</param>
    public static Advantages Estimate(Tensor rewards, Tensor values, Tensor mask, double discount, double lambda)
    {
        if (!rewards.Shape.AsSpan().SequenceEqual(values.Shape) || !mask.Shape.AsSpan().SequenceEqual(values.Shape) || values.Rank != 2)
            throw new ArgumentException(
                $"Rewards [{string.Join(',', rewards.Shape)}], values [{string.Join(',', values.Shape)}] and mask [{string.Join(',', mask.Shape)}] must share one shape [B,T].");
        var (r, v, real) = (rewards.ToDoubles(), values.ToDoubles(), mask.ToDoubles());
        var (advantages, returns) = (new double[v.Length], new double[v.Length]);
        var width = values.Size(1);
        for (var row = 0; row < v.Length; row += width)
        {
            var (nextValue, nextAdvantage) = (0.0, 0.0);
            for (var i = row + width - 1; i >= row; i--)
            {
                if (real[i] == 0)
                    continue;
                var error = r[i] + discount * nextValue - v[i];
                nextAdvantage = error + discount * lambda * nextAdvantage;
                nextValue = v[i];
                advantages[i] = nextAdvantage;
                returns[i] = nextAdvantage + v[i];
            }
        }

        var compute = new Compute(values.Device, values.DType);
        return new(Tensor.From(advantages, values.Shape).To(compute), Tensor.From(returns, values.Shape).To(compute));
    }
}
