using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>
/// Causal self-attention with grouped key-value heads (Vaswani et al. 2017; Ainslie et al. 2023, arXiv:2305.13245) and optional rotary positions
/// (Su et al. 2021, arXiv:2104.09864). Queries, keys and values come from one product; the query heads of a group are stacked along time, so
/// that grouped heads cost no copies of keys and values.
/// </summary>
public sealed class Attention : Module
{
    private readonly TransformerConfig _config;
    private readonly Linear _qkv;
    private readonly Linear _out;

    internal Attention(TransformerConfig config, WeightSource weights)
    {
        _config = config;
        var (inner, shared) = (config.Heads * config.HeadWidth, config.KeyValueHeads * config.HeadWidth);
        _qkv = Register("qkv", weights.Linear("qkv", inner + 2 * shared, config.Width, config.AttentionBias));
        _out = Register("out", weights.Linear("out", config.Width, inner, config.AttentionOutBias, residual: true));
    }

    /// <summary>Its matrices by the names of their weights.</summary>
    internal IEnumerable<(string Name, Linear Matrix)> Matrices => [("qkv.weight", _qkv), ("out.weight", _out)];

    /// <param name="x">Activations <c>[B,T,D]</c>.</param>
    /// <param name="context">Rotary angles and mask of this pass.</param>
    /// <param name="layer">Which layer of the cache.</param>
    /// <param name="places">Flat places <c>[n]</c> whose result is wanted; null for all.</param>
    /// <returns><c>[B,T,D]</c>, or <c>[n,D]</c> at places.</returns>
    internal Tensor Forward(Tensor x, PassContext context, int layer, Tensor? places)
    {
        using var scope = TensorScope.Begin();
        var (batch, time) = (x.Size(0), x.Size(1));
        var (heads, groups, width) = (_config.Heads, _config.KeyValueHeads, _config.HeadWidth);
        var (queries, keys, values) = Project(x, context, layer);
        var (k, v) = context.Cache is { } cache
            ? cache.Append(layer, keys, values)
            : (keys.Reshape(batch * groups, time, width), values.Reshape(batch * groups, time, width));
        var stacked = queries.Reshape(batch * groups, heads / groups * time, width); // query heads of a group share its keys
        var attended = Attend(stacked, k, v, _config.IsWindowed(layer) ? context.WindowedMask : context.Mask);
        var mixed = time == 1
            ? attended.View(batch, 1, heads * width)
            : attended.View(batch, heads, time, width).Transpose(1, 2).Reshape(batch, time, heads * width);
        return scope.Keep(context.Apply(_out, places is null ? mixed : mixed.Flatten(0, 1).IndexSelect(0, places), layer, LayerMatrix.AttentionOut));
    }

    /// <summary>Rotated queries <c>[B,H,T,W]</c> and keys <c>[B,G,T,W]</c>, and values <c>[B,G,T,W]</c>.</summary>
    private (Tensor Queries, Tensor Keys, Tensor Values) Project(Tensor x, PassContext context, int layer)
    {
        var rotary = context.Rotary;
        var (batch, time) = (x.Size(0), x.Size(1));
        var (heads, groups, width) = (_config.Heads, _config.KeyValueHeads, _config.HeadWidth);
        var projected = context.Apply(_qkv, x, layer, LayerMatrix.Qkv);
        if (time == 1) // decoding: the heads of one token lie as they are wanted, and each operator saved counts
        {
            var one = projected.View(batch, heads + 2 * groups, 1, width);
            if (rotary is null)
            {
                var all = one.Split(1, heads, groups, groups);
                return (all[0], all[1], all[2]);
            }

            var two = one.Split(1, heads + groups, groups);
            var turned = rotary.Apply(two[0]).Split(1, heads, groups);
            return (turned[0], turned[1], two[1]);
        }

        var parts = projected.Split(-1, (heads + groups) * width, groups * width);
        var qk = parts[0].View(batch, time, heads + groups, width);
        var split = (rotary?.Apply(qk) ?? qk).Transpose(1, 2).Split(1, heads, groups);
        return (split[0], split[1], parts[1].View(batch, time, groups, width).Transpose(1, 2));
    }

    /// <summary>softmax(q·kᵀ/√W + mask)·v for <c>[N,Q,W]</c>, <c>[N,K,W]</c>, <c>[N,K,W]</c>.</summary>
    private static Tensor Attend(Tensor q, Tensor k, Tensor v, Tensor? mask)
    {
        var scale = 1 / Math.Sqrt(q.Size(-1));
        var scores = mask is null ? (q * scale).Bmm(k.Transpose(1, 2)) : Tensor.AddBmm(mask, q, k.Transpose(1, 2), scale);
        return scores.Softmax(-1).Bmm(v);
    }
}
