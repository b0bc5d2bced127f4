using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>What the layers of one forward pass share.</summary>
/// <param name="Rotary">Angles of this pass, for rotary models.</param>
/// <param name="Mask">Added to scores, broadcast to <c>[B·G, H/G·T, K]</c>; null where every key counts.</param>
/// <param name="WindowedMask">The same for layers with a sliding window.</param>
/// <param name="Cache">Keys and values so far, when decoding.</param>
internal sealed record PassContext(RotaryAngles? Rotary, Tensor? Mask, Tensor? WindowedMask, KvCache? Cache)
{
    /// <summary>What stands beside the layers' matrices in this pass; null for the model as it is.</summary>
    public AdapterPass? Adapter { get; init; }

    /// <summary>A matrix of a layer, with what the adapter adds.</summary>
    /// <param name="linear">The matrix.</param>
    /// <param name="x">Its input: of all places <c>[B,T,in]</c>, or of those that the last layer computes <c>[n,in]</c>.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="matrix">Which of its matrices.</param>
    public Tensor Apply(Linear linear, Tensor x, int layer, LayerMatrix matrix) =>
        Adapter is null ? linear.Forward(x) : Adapter.Apply(linear, x, layer, matrix);

    /// <summary>Hands its tensors to the scope around the given one.</summary>
    public void KeepIn(TensorScope scope)
    {
        foreach (var tensor in new[] { Rotary?.Cos, Rotary?.Sin, Mask, WindowedMask })
        {
            if (tensor is not null)
                scope.Keep(tensor);
        }
    }
}

/// <summary>An adapter in one forward pass.</summary>
/// <param name="adapter">The adapter.</param>
/// <param name="input">What is read; where it brings draws, the adapter drops.</param>
/// <param name="places">Flat places <c>[n]</c> that the last layer computes; null for all.</param>
internal sealed class AdapterPass(LoraAdapter adapter, ModelInput input, Tensor? places)
{
    private readonly DropoutDraws? _draws = adapter.Settings.Dropout > 0 ? input.Draws : null;
    private readonly int _width = input.Ids.Size(1);
    private readonly long[]? _chosen = adapter.Settings.Dropout > 0 && input.Draws is not null ? places?.ToArray<long>() : null;

    /// <inheritdoc cref="PassContext.Apply"/>
    public Tensor Apply(Linear linear, Tensor x, int layer, LayerMatrix matrix)
    {
        using var scope = TensorScope.Begin();
        return scope.Keep(adapter.Adapt(linear.Forward(x), x, layer, matrix, _draws is null ? null : Drop));
    }

    private Tensor Drop(string name, Tensor x) =>
        Dropout.Apply(x, adapter.Settings.Dropout, _draws!.Seed.For(name), PlacesOf(x));

    /// <summary>Row and place of each vector: those of all places stand as <c>[B,T,in]</c>, chosen ones as <c>[n,in]</c>.</summary>
    private (long Row, long Place)[] PlacesOf(Tensor x)
    {
        if (x.Rank == 2)
            return Array.ConvertAll(_chosen!, flat => ((long)_draws!.Rows[(int)(flat / _width)], flat % _width));
        var all = new (long Row, long Place)[x.Size(0) * _width];
        for (var k = 0; k < all.Length; k++)
            all[k] = (_draws!.Rows[k / _width], k % _width);
        return all;
    }
}
