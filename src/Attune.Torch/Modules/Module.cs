namespace Attune.Torch.Modules;

/// <summary>A learned tensor with its name within the module that registered it.</summary>
public sealed class Parameter(string name, Tensor value)
{
    /// <summary>Name within the owning module; the full name joins the path with dots.</summary>
    public string Name { get; } = name;

    /// <summary>The value; requires a gradient while it is trained.</summary>
    public Tensor Value { get; } = value;

    /// <summary>Whether gradients are computed for it.</summary>
    public bool IsTrained
    {
        get => Value.RequiresGrad;
        set => Value.RequiresGrad = value;
    }
}

/// <summary>Something with parameters. Owns them and its children; names join with dots into checkpoint keys.</summary>
public abstract class Module : IDisposable
{
    private readonly List<(string Name, Module Module)> _children = [];
    private readonly List<Parameter> _parameters = [];
    private readonly List<Parameter> _buffers = [];

    /// <summary>All parameters with their full names, in order of registration.</summary>
    public IEnumerable<(string Name, Parameter Parameter)> NamedParameters() => Named("", m => m._parameters);

    /// <summary>All tensors that are saved but not learned, with their full names.</summary>
    public IEnumerable<(string Name, Parameter Buffer)> NamedBuffers() => Named("", m => m._buffers);

    /// <summary>All parameters.</summary>
    public IEnumerable<Parameter> Parameters => NamedParameters().Select(p => p.Parameter);

    /// <summary>The parameters that are trained.</summary>
    public IEnumerable<Parameter> TrainedParameters => Parameters.Where(p => p.IsTrained);

    /// <summary>Number of learned values.</summary>
    public long ParameterCount => Parameters.Sum(p => p.Value.Count);

    /// <summary>Switches gradients on or off for every parameter.</summary>
    public void Train(bool on)
    {
        foreach (var parameter in Parameters)
            parameter.IsTrained = on;
    }

    /// <summary>Forgets all gradients.</summary>
    public void ClearGradients()
    {
        foreach (var parameter in Parameters)
            parameter.Value.Grad = null;
    }

    /// <summary>Copies every parameter's value from a module of the same structure.</summary>
    public void CopyFrom(Module other)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        foreach (var (mine, theirs) in NamedParameters().Zip(other.NamedParameters()))
        {
            if (mine.Name != theirs.Name)
                throw new ArgumentException($"the modules differ: {mine.Name} meets {theirs.Name}", nameof(other));
            mine.Parameter.Value.CopyFrom(theirs.Parameter.Value);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees parameters, buffers and children.</summary>
    protected virtual void Dispose(bool disposing)
    {
        foreach (var (_, child) in _children)
            child.Dispose();
        foreach (var parameter in _parameters.Concat(_buffers))
            parameter.Value.Dispose();
    }

    /// <summary>Takes ownership of a learned tensor.</summary>
    protected Parameter Register(string name, Tensor value) => Add(_parameters, name, value, isTrained: true);

    /// <summary>Takes ownership of a tensor that is saved but not learned.</summary>
    protected Parameter RegisterBuffer(string name, Tensor value) => Add(_buffers, name, value, isTrained: false);

    /// <summary>Takes ownership of a child module.</summary>
    protected T Register<T>(string name, T module)
        where T : Module
    {
        _children.Add((name, module));
        return module;
    }

    private static Parameter Add(List<Parameter> list, string name, Tensor value, bool isTrained)
    {
        TensorScope.Detach(value).RequiresGrad = isTrained;
        var parameter = new Parameter(name, value);
        list.Add(parameter);
        return parameter;
    }

    private IEnumerable<(string Name, Parameter Parameter)> Named(string prefix, Func<Module, List<Parameter>> of)
    {
        foreach (var parameter in of(this))
            yield return (prefix + parameter.Name, parameter);
        foreach (var (name, child) in _children)
        {
            // A child registered without a name is transparent in checkpoint keys.
            foreach (var inner in child.Named(name.Length == 0 ? prefix : $"{prefix}{name}.", of))
                yield return inner;
        }
    }
}
