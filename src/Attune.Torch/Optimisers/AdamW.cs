using Attune.Torch.Modules;

namespace Attune.Torch.Optimisers;

/// <summary>Where Adam adds its ε: the two published programs differ, and early steps differ with them.</summary>
public enum AdamForm
{
    /// <summary>ε is added to the corrected root: lr·m̂/(√v̂ + ε).</summary>
    PyTorch,

    /// <summary>ε is added to the uncorrected root: lr·√(1−β₂ᵗ)/(1−β₁ᵗ)·m/(√v + ε), the form of the original RLHF programs.</summary>
    TensorFlow,
}

/// <summary>Settings of <see cref="AdamW"/>.</summary>
public sealed record AdamWOptions
{
    /// <summary>Decay of the mean of gradients.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the mean of squared gradients.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Keeps the division finite; where it is added is the <see cref="Form"/>'s choice.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Share of each weight taken off per step, times the learning rate; decoupled from the gradient.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Which published form.</summary>
    public AdamForm Form { get; init; } = AdamForm.PyTorch;
}

/// <summary>
/// Adam (Kingma &amp; Ba 2015) with decoupled weight decay (Loshchilov &amp; Hutter 2019, arXiv:1711.05101 algorithm 2). All parameters move
/// in a few multi-tensor calls. Not here: AMSGrad, per-group settings.
/// </summary>
public sealed class AdamW : IDisposable
{
    private const long CachedValues = 1 << 18; // of each of four lists: 4 MiB of float32
    private static readonly Operator MulList = Operator.Find("aten::_foreach_mul_", "Scalar"), AddList = Operator.Find("aten::_foreach_add_", "List");
    private static readonly Operator AddScalarList = Operator.Find("aten::_foreach_add_", "Scalar"), SqrtList = Operator.Find("aten::_foreach_sqrt");
    private static readonly Operator AddcMulList = Operator.Find("aten::_foreach_addcmul_", "Scalar"), AddcDivList = Operator.Find("aten::_foreach_addcdiv_", "Scalar");

    private readonly (string Name, Parameter Parameter)[] _parameters;
    private readonly Tensor[] _means;
    private readonly Tensor[] _squares;

    /// <summary>Creates the optimiser for the parameters that are trained, with zero moments.</summary>
    /// <param name="parameters">Names and parameters, for instance <see cref="Module.NamedParameters"/>.</param>
    /// <param name="options">Decay rates, ε, weight decay and form.</param>
    public AdamW(IEnumerable<(string Name, Parameter Parameter)> parameters, AdamWOptions options)
    {
        Options = options;
        _parameters = [.. parameters.Where(p => p.Parameter.IsTrained)];
        using var frozen = Autograd.NoGrad();
        _means = [.. _parameters.Select(p => TensorScope.Detach(Tensor.ZerosLike(p.Parameter.Value)))];
        _squares = [.. _parameters.Select(p => TensorScope.Detach(Tensor.ZerosLike(p.Parameter.Value)))];
    }

    /// <summary>The settings.</summary>
    public AdamWOptions Options { get; }

    /// <summary>Steps done: the t of the bias corrections.</summary>
    public long Steps { get; set; }

    /// <summary>The moments, to be saved and restored: keys <c>NAME.mean</c> and <c>NAME.square</c>.</summary>
    public IEnumerable<(string Name, Tensor Value)> State()
    {
        for (var k = 0; k < _parameters.Length; k++)
        {
            yield return (_parameters[k].Name + ".mean", _means[k]);
            yield return (_parameters[k].Name + ".square", _squares[k]);
        }
    }

    /// <summary>Moves every trained parameter that has a gradient, then forgets the gradients.</summary>
    /// <param name="learningRate">Step size of this step.</param>
    public void Step(double learningRate)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var values = new List<Tensor>(_parameters.Length);
        var gradients = new List<Tensor>(_parameters.Length);
        var means = new List<Tensor>(_parameters.Length);
        var squares = new List<Tensor>(_parameters.Length);
        for (var k = 0; k < _parameters.Length; k++)
        {
            if (_parameters[k].Parameter.Value.Grad is not { } gradient)
                continue;
            values.Add(_parameters[k].Parameter.Value);
            gradients.Add(gradient);
            means.Add(_means[k]);
            squares.Add(_squares[k]);
        }

        Steps++;
        foreach (var group in Groups(values))
            Move([.. values[group]], [.. gradients[group]], [.. means[group]], [.. squares[group]], learningRate);
        foreach (var value in values)
            value.Grad = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _means.Concat(_squares))
            tensor.Dispose();
    }

    /// <summary>
    /// On a processor, neighbours whose values and moments fit into its cache together, so that the passes over them need not fetch them
    /// from memory again and again; elsewhere all at once, which takes the fewest calls. Each value's arithmetic is the same.
    /// </summary>
    private static IEnumerable<Range> Groups(List<Tensor> values)
    {
        var (start, size) = (0, 0L);
        for (var k = 0; k < values.Count; k++)
        {
            if (k > start && values[k].Device.Kind == DeviceKind.Cpu && size + values[k].Count > CachedValues)
            {
                yield return start..k;
                (start, size) = (k, 0);
            }

            size += values[k].Count;
        }

        if (values.Count > 0)
            yield return start..values.Count;
    }

    private void Move(Tensor[] values, Tensor[] gradients, Tensor[] means, Tensor[] squares, double learningRate)
    {
        if (Options.WeightDecay != 0)
            MulList.Run(values, 1 - learningRate * Options.WeightDecay);
        MulList.Run(means, Options.Beta1);
        AddList.Run(means, gradients, 1 - Options.Beta1);
        MulList.Run(squares, Options.Beta2);
        AddcMulList.Run(squares, gradients, gradients, 1 - Options.Beta2);

        // lr·m̂/(√v̂ + ε) with m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ) is the second form with ε·√(1−β₂ᵗ) for ε.
        var meanCorrection = 1 - Math.Pow(Options.Beta1, Steps);
        var squareCorrection = Math.Sqrt(1 - Math.Pow(Options.Beta2, Steps));
        var denominators = SqrtList.CallMany(values.Length, squares);
        AddScalarList.Run(denominators, Options.Form == AdamForm.PyTorch ? Options.Epsilon * squareCorrection : Options.Epsilon);
        AddcDivList.Run(values, means, denominators, -learningRate * squareCorrection / meanCorrection);
    }
}
