using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>How wide a fresh reward head's weights are drawn; they are normal with mean 0, and its bias is 0. D is the model's width.</summary>
public enum HeadStart
{
    /// <summary>Standard deviation 1/√(D+1) (Ziegler et al. 2019).</summary>
    Root,

    /// <summary>Standard deviation 1/(D+1) (OpenRLHF): first scores hardly differ.</summary>
    Inverse,
}

/// <summary>One number per place: hidden·w + b. Reads rewards and values.</summary>
public sealed class ScalarHead : Module
{
    private readonly Parameter _weight;
    private readonly Parameter _bias;

    private ScalarHead(Tensor weight, Compute compute)
    {
        _weight = Register("weight", weight);
        _bias = Register("bias", Tensor.Zeros([1], compute));
    }

    /// <summary>A fresh reward head.</summary>
    public static ScalarHead ForReward(int width, Seed seed, Compute compute, HeadStart start = HeadStart.Root)
    {
        using var scope = TensorScope.Begin();
        var deviation = start == HeadStart.Root ? 1 / Math.Sqrt(width + 1) : 1.0 / (width + 1);
        return new(Initialise.Normal([1, width], deviation, seed, compute), compute);
    }

    /// <summary>A fresh value head: all zero, so that the first values say nothing (Ziegler et al. 2019).</summary>
    public static ScalarHead ForValue(int width, Compute compute)
    {
        using var scope = TensorScope.Begin();
        return new(Tensor.Zeros([1, width], compute), compute);
    }

    /// <param name="hidden">Activations <c>[…,D]</c>.</param>
    /// <returns><c>[…]</c>.</returns>
    public Tensor Forward(Tensor hidden)
    {
        using var scope = TensorScope.Begin();
        return scope.Keep(Tensor.Linear(hidden, _weight.Value, _bias.Value).Squeeze(-1));
    }

    /// <summary>Makes every later output gain·output + bias: how a reward model's scale is set after training.</summary>
    public void Rescale(double gain, double bias)
    {
        using var frozen = Autograd.NoGrad();
        _weight.Value.MulInPlace(gain);
        _bias.Value.MulInPlace(gain).AddInPlace(bias);
    }
}
