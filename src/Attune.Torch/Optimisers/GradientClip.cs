using Attune.Torch.Modules;

namespace Attune.Torch.Optimisers;

/// <summary>Bounds the length of the gradient of all parameters taken as one vector (Pascanu et al. 2013, arXiv:1211.5063).</summary>
public static class GradientClip
{
    private static readonly Operator Norms = Operator.Find("aten::_foreach_norm", "Scalar");
    private static readonly Operator Scale = Operator.Find("aten::_foreach_mul_", "Scalar");

    /// <summary>Scales all gradients so that their joint length is at most <paramref name="maximum"/>.</summary>
    /// <param name="parameters">The parameters whose gradients count.</param>
    /// <param name="maximum">Largest length; null only measures.</param>
    /// <returns>The length before clipping.</returns>
    public static double ByGlobalNorm(IEnumerable<Parameter> parameters, double? maximum)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        Tensor[] gradients = [.. parameters.Select(p => p.Value.Grad).OfType<Tensor>()];
        if (gradients.Length == 0)
            return 0;
        var norm = Tensor.Stack(0, Norms.CallMany(gradients.Length, gradients, 2)).Norm().Item();
        if (norm > maximum)
            Scale.Run(gradients, maximum.Value / (norm + 1e-6)); // PyTorch's guard, so that both programs clip alike
        return norm;
    }
}
