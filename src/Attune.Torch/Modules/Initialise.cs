namespace Attune.Torch.Modules;

/// <summary>First values of weights, drawn from a seed on the processor and then moved: the same on every device.</summary>
public static class Initialise
{
    /// <summary>Independent normal draws with mean 0.</summary>
    /// <param name="shape">Shape of the result.</param>
    /// <param name="standardDeviation">Spread.</param>
    /// <param name="seed">Where the draws come from.</param>
    /// <param name="compute">Device and element type of the result.</param>
    public static Tensor Normal(long[] shape, double standardDeviation, Seed seed, Compute compute) =>
        Draw(shape, compute, draws =>
        {
            seed.Normals(draws);
            for (var k = 0; k < draws.Length; k++)
                draws[k] *= (float)standardDeviation;
        });

    /// <summary>Independent uniform draws from −bound to bound.</summary>
    public static Tensor Uniform(long[] shape, double bound, Seed seed, Compute compute) =>
        Draw(shape, compute, draws =>
        {
            seed.Uniforms(draws);
            for (var k = 0; k < draws.Length; k++)
                draws[k] = (float)((2 * draws[k] - 1) * bound);
        });

    private static Tensor Draw(long[] shape, Compute compute, Action<float[]> fill)
    {
        using var scope = TensorScope.Begin();
        var draws = new float[shape.Aggregate(1L, (a, b) => a * b)];
        fill(draws);
        return scope.Keep(Tensor.From(draws, shape).To(compute));
    }
}
