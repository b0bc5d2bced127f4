using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>One layer: x + attention(norm(x)), then x + mlp(norm(x)); where layers are parallel, both read the same x.</summary>
public sealed class Block : Module
{
    private readonly Norm _norm1;
    private readonly Attention _attention;
    private readonly Norm _norm2;
    private readonly Mlp _mlp;
    private readonly int _layer;
    private readonly bool _isParallel;

    internal Block(TransformerConfig config, int layer, WeightSource weights)
    {
        _layer = layer;
        _isParallel = config.IsParallel;
        _norm1 = Register("norm1", new Norm(config, weights.Compute));
        _attention = Register("attention", new Attention(config, weights.Within("attention")));
        _norm2 = Register("norm2", new Norm(config, weights.Compute));
        _mlp = Register("mlp", new Mlp(config, weights.Within("mlp")));
    }

    /// <summary>Its matrices by the names of their weights.</summary>
    internal IEnumerable<(string Name, Linear Matrix)> Matrices =>
        _attention.Matrices.Select(m => ("attention." + m.Name, m.Matrix)).Concat(_mlp.Matrices.Select(m => ("mlp." + m.Name, m.Matrix)));

    /// <param name="x">Activations <c>[B,T,D]</c>.</param>
    /// <param name="context">What this pass's layers share.</param>
    /// <param name="places">Flat places <c>[n]</c> whose result is wanted; null for all.</param>
    /// <returns><c>[B,T,D]</c>, or <c>[n,D]</c> at places.</returns>
    internal Tensor Forward(Tensor x, PassContext context, Tensor? places)
    {
        using var scope = TensorScope.Begin();
        var attention = _attention.Forward(_norm1.Forward(x), context, _layer, places);
        var before = places is null ? x : x.Flatten(0, 1).IndexSelect(0, places);
        var attended = before + attention;
        return scope.Keep(attended + _mlp.Forward(_norm2.Forward(_isParallel ? before : attended), context, _layer));
    }
}

/// <summary>The family's normalisation.</summary>
public sealed class Norm : Module
{
    private readonly Func<Tensor, Tensor> _forward;

    internal Norm(TransformerConfig config, Compute compute)
    {
        // The kind is a fact of the model, so checkpoint keys carry no name for it: weight and bias stand here directly.
        if (config.Norm == NormKind.LayerNorm)
            _forward = Register("", new LayerNorm(config.Width, config.NormEpsilon, compute)).Forward;
        else
            _forward = Register("", new RmsNorm(config.Width, config.NormEpsilon, compute, config.NormGainFromOne)).Forward;
    }

    /// <param name="x">Activations <c>[…,D]</c>.</param>
    public Tensor Forward(Tensor x) => _forward(x);
}

/// <summary>The position-wise network: down(act(up(x))), or down(act(gate(x))·up(x)) when gated (Shazeer 2020, arXiv:2002.05202).</summary>
public sealed class Mlp : Module
{
    private readonly TransformerConfig _config;
    private readonly Linear _up;
    private readonly Linear _down;

    internal Mlp(TransformerConfig config, WeightSource weights)
    {
        _config = config;
        _up = config.IsGated
            ? Register("gate_up", weights.Linear("gate_up", 2 * config.InnerWidth, config.Width, config.MlpBias))
            : Register("up", weights.Linear("up", config.InnerWidth, config.Width, config.MlpBias));
        _down = Register("down", weights.Linear("down", config.Width, config.InnerWidth, config.MlpBias, residual: true));
    }

    /// <summary>Its matrices by the names of their weights.</summary>
    internal IEnumerable<(string Name, Linear Matrix)> Matrices => [(_config.IsGated ? "gate_up.weight" : "up.weight", _up), ("down.weight", _down)];

    /// <param name="x">Activations <c>[…,D]</c>.</param>
    /// <param name="context">What this pass's layers share.</param>
    /// <param name="layer">Which layer it belongs to.</param>
    internal Tensor Forward(Tensor x, PassContext context, int layer)
    {
        using var scope = TensorScope.Begin();
        var inner = context.Apply(_up, x, layer, LayerMatrix.Up);
        if (!_config.IsGated)
            return scope.Keep(context.Apply(_down, Activate(inner), layer, LayerMatrix.Down));
        var halves = inner.Split(-1, _config.InnerWidth, _config.InnerWidth); // gate, up
        return scope.Keep(context.Apply(_down, Activate(halves[0]) * halves[1], layer, LayerMatrix.Down));
    }

    private Tensor Activate(Tensor x) => _config.Activation switch
    {
        ActivationKind.GeluTanh => x.Gelu(approximateTanh: true),
        ActivationKind.Gelu => x.Gelu(approximateTanh: false),
        ActivationKind.Silu => x.Silu(),
        ActivationKind.Relu => x.Relu(),
        _ => throw new InvalidOperationException($"unknown activation {_config.Activation}"),
    };
}
