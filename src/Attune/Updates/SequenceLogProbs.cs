using Attune.Torch;

namespace Attune.Updates;

/// <summary>Sums over the tokens of each sequence, <c>[B]</c>, and how many there were, <c>[B]</c>.</summary>
public readonly record struct SequenceLogProbs(Tensor Sums, Tensor Counts)
{
    /// <summary>Mean log-probability of a token, <c>[B]</c>; 0 (not NaN) for a sequence without tokens.</summary>
    public Tensor Means => Sums / Counts.ClampMin(1);

    /// <summary>Adds the log-probabilities of each sequence up.</summary>
    /// <param name="logProbs"><c>[B,T]</c>, from <see cref="Models.LogProbs"/>.</param>
    /// <param name="mask"><c>[B,T]</c>, true at tokens that count.</param>
    public static SequenceLogProbs Of(Tensor logProbs, Tensor mask) =>
        new(logProbs.ZeroOutside(mask).Sum(1), Masks.Real(mask).To(logProbs.DType).Sum(1));
}
