using Attune.Torch.Modules;

namespace Attune.Torch.Optimisers;

/// <summary>Plain gradient descent: value ← value − lr·gradient. Not here: momentum.</summary>
public sealed class Sgd(IEnumerable<(string Name, Parameter Parameter)> parameters)
{
    private readonly Parameter[] _parameters = [.. parameters.Select(p => p.Parameter).Where(p => p.IsTrained)];

    /// <summary>Moves every parameter that has a gradient, then forgets the gradients.</summary>
    public void Step(double learningRate)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        foreach (var parameter in _parameters)
        {
            if (parameter.Value.Grad is not { } gradient)
                continue;
            parameter.Value.AddInPlace(gradient, -learningRate);
            parameter.Value.Grad = null;
        }
    }
}
