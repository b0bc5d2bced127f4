using Attune.Models;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// −c · Σ entropy over answer tokens: added to a loss it rewards keeping options open (Mnih 2016 §4). A sum: divide by the whole
/// batch's count of answer tokens. Trap: entropy over padding says nothing about the policy, and some trainers report it.
/// Not here: an adaptive coefficient.
/// </summary>
public static class EntropyBonus
{
    /// <summary>The bonus as a loss, shape <c>[]</c>.</summary>
    /// <param name="entropy"><c>[B,T]</c>, from <see cref="LogProbs.WithEntropy"/>.</param>
    /// <param name="mask"><c>[B,T]</c>, true at answer tokens.</param>
    /// <param name="coefficient">Price per nat.</param>
    public static Tensor Of(Tensor entropy, Tensor mask, double coefficient) => entropy.ZeroOutside(mask).Sum() * -coefficient;
}
