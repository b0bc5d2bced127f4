using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>
/// First values of a new model's weights (Radford et al. 2019): normal with one standard deviation, divided by √(2·layers) where a layer adds to
/// the residual stream, biases 0. Each tensor draws from its own name, so adding a layer changes no other's draws.
/// </summary>
internal sealed record WeightSource(TransformerConfig Config, Seed? Seed, Compute Compute, string Path = "")
{
    /// <summary>The source for a child's weights.</summary>
    public WeightSource Within(string name) => this with { Path = $"{Path}{name}." };

    public Linear Linear(string name, int output, int input, bool bias, bool residual = false) =>
        new(Weight(name + ".weight", [output, input], residual ? 1 / Math.Sqrt(2 * Config.Layers) : 1), bias ? Tensor.Zeros([output], Compute) : null);

    /// <summary>Normal draws; no values yet where they come from a checkpoint anyway.</summary>
    public Tensor Weight(string name, long[] shape, double scale = 1) => Seed is { } seed
        ? Initialise.Normal(shape, Config.InitializerRange * scale, seed.For(Path + name), Compute)
        : Tensor.Empty(shape, Compute);
}
