using Attune.Torch;

namespace Attune.Models;

/// <summary>
/// The masks of one pass as attention adds them, 0 or −∞: query heads of a group are stacked along time, <c>[1 or B·G, H/G·T, K]</c>.
/// </summary>
/// <param name="config">The model.</param>
/// <param name="compute">Where it is.</param>
/// <param name="input">What the pass reads, T tokens a row.</param>
/// <param name="cached">Tokens of every row before them.</param>
internal sealed class AttentionMasks(TransformerConfig config, Compute compute, ModelInput input, int cached)
{
    private readonly long _time = input.Ids.Size(1);

    /// <summary>For layers that see everything before a place; null where every key counts.</summary>
    public Tensor? Plain()
    {
        if (input.Mask is { } mask)
            return Stacked(mask);
        if (_time == 1)
            return null;
        if (cached > 0)
            throw new InvalidOperationException("several tokens after cached ones need a mask: give ModelInput.Of the segments of the cached ones too");
        return StackedForAll(Tensor.Full([_time, _time], double.NegativeInfinity, compute).Triu(1));
    }

    /// <summary>
    /// For layers with a sliding window (Beltagy et al. 2020, arXiv:2004.05150): place q sees q − window + 1 … q. Documents of one row are contiguous, so
    /// places of the row serve as well as places of the document. Null where there is none, or it hides nothing and every key counts.
    /// </summary>
    public Tensor? Windowed()
    {
        if (config.SlidingWindow is not { } window)
            return null;
        var span = cached + _time;
        if (span <= window)
            return Plain();
        // −∞ where key ≤ query − window; row q of the pass stands at place cached + q.
        var tooFar = Tensor.Full([_time, span], double.NegativeInfinity, compute).Tril(cached - window);
        if (input.Mask is { } mask)
            return Stacked(mask + tooFar);
        return StackedForAll(_time == 1 ? tooFar : tooFar + Tensor.Full([_time, span], double.NegativeInfinity, compute).Triu(1 + cached));
    }

    private int PerGroup => config.Heads / config.KeyValueHeads;

    /// <summary><c>[T,K]</c> for every row and head.</summary>
    private Tensor StackedForAll(Tensor mask) =>
        PerGroup == 1 ? mask.Unsqueeze(0) : Tensor.Cat(1, [.. Enumerable.Repeat(mask.Unsqueeze(0), PerGroup)]);

    /// <summary><c>[B,T,K]</c> for every head.</summary>
    private Tensor Stacked(Tensor mask)
    {
        var (batch, groups, span) = (mask.Size(0), config.KeyValueHeads, mask.Size(2));
        return mask.View(batch, 1, 1, _time, span).Expand(batch, groups, PerGroup, _time, span).Reshape(batch * groups, PerGroup * _time, span);
    }
}
