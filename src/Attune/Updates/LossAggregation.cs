using Attune.Torch;

namespace Attune.Updates;

/// <summary>A sum and what to divide it by; micro-batches add up field by field, and the division comes last, once.</summary>
/// <param name="Sum">Shape <c>[]</c>.</param>
/// <param name="Count">Tokens or sequences in the sum.</param>
public readonly record struct LossSum(Tensor Sum, double Count)
{
    /// <summary>Both micro-batches together.</summary>
    public static LossSum operator +(LossSum a, LossSum b) => new(a.Sum + b.Sum, a.Count + b.Count);

    /// <summary>Sum over count; 0 where nothing counts.</summary>
    public Tensor Mean => Sum / Math.Max(Count, 1);
}

/// <summary>
/// Ways to make one number of per-token losses. Attune's default is the token mean over the <em>global</em> count of tokens; the
/// others are for comparison with systems that weigh sequences alike. Trap: a mean per micro-batch, averaged, is none of these: it
/// moves with the split. Not here: the choice; a trainer names its function.
/// </summary>
public static class LossAggregation
{
    /// <summary>Every token weighs the same.</summary>
    /// <param name="losses"><c>[B,T]</c>.</param>
    /// <param name="mask"><c>[B,T]</c>, true at tokens that count.</param>
    public static LossSum OverTokens(Tensor losses, Tensor mask) => new(losses.ZeroOutside(mask).Sum(), CountOf(mask));

    /// <summary>Every sequence weighs the same, by the mean of its tokens. Rows without tokens are not counted.</summary>
    /// <inheritdoc cref="OverTokens"/>
    public static LossSum OverSequenceMeans(Tensor losses, Tensor mask)
    {
        var rows = SequenceLogProbs.Of(losses, mask);
        return new(rows.Means.Sum(), CountOf(rows.Counts.Greater(0)));
    }

    /// <summary>The sum of each sequence's tokens, averaged over sequences that have any.</summary>
    /// <inheritdoc cref="OverTokens"/>
    public static LossSum OverSequenceSums(Tensor losses, Tensor mask)
    {
        var rows = SequenceLogProbs.Of(losses, mask);
        return new(rows.Sums.Sum(), CountOf(rows.Counts.Greater(0)));
    }

    private static double CountOf(Tensor mask) => Masks.Real(mask).To(DType.Float64).Sum().Item();
}
