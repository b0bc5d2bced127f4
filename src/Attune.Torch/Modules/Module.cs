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
    /// <exception cref="ArgumentException">Names or shapes differ; nothing was copied.</exception>
    public void CopyFrom(Module other)
    {
        var (mine, theirs) = (NamedParameters().ToArray(), other.NamedParameters().ToArray());
        var (here, there) = (Shapes(mine), Shapes(theirs));
        if (!here.SequenceEqual(there))
        {
            var k = here.Zip(there).TakeWhile(pair => pair.First == pair.Second).Count();
            throw new ArgumentException(
                $"the modules differ: {here.ElementAtOrDefault(k) ?? "no further parameter"} meets {there.ElementAtOrDefault(k) ?? "no further parameter"}, "
                + "expected the same names and shapes in the same order; build both from one configuration", nameof(other));
        }

        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        for (var k = 0; k < mine.Length; k++)
            mine[k].Parameter.Value.CopyFrom(theirs[k].Parameter.Value);

        static string[] Shapes((string Name, Parameter Parameter)[] named) =>
            [.. named.Select(p => $"{p.Name} [{string.Join(",", p.Parameter.Value.Shape)}]")];
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
    /// <exception cref="ArgumentException">The name is taken; the tensor stays its owner's. So for buffers and children.</exception>
    protected Parameter Register(string name, Tensor value) => Add(_parameters, name, value, isTrained: true);

    /// <summary>Frees a learned tensor and forgets its name.</summary>
    protected void Remove(Parameter parameter)
    {
        if (_parameters.Remove(parameter))
            parameter.Value.Dispose();
    }

    /// <summary>Takes ownership of a tensor that is saved but not learned.</summary>
    protected Parameter RegisterBuffer(string name, Tensor value) => Add(_buffers, name, value, isTrained: false);

    /// <summary>Takes ownership of a child module.</summary>
    protected T Register<T>(string name, T module)
        where T : Module
    {
        var prefix = Prefix("", name);
        RefuseTaken(module.AllNames().Select(inner => prefix + inner));
        _children.Add((name, module));
        return module;
    }

    private Parameter Add(List<Parameter> list, string name, Tensor value, bool isTrained)
    {
        RefuseTaken([name]);
        TensorScope.Detach(value).RequiresGrad = isTrained;
        var parameter = new Parameter(name, value);
        list.Add(parameter);
        return parameter;
    }

    private IEnumerable<string> AllNames() => NamedParameters().Concat(NamedBuffers()).Select(p => p.Name);

    private void RefuseTaken(IEnumerable<string> names)
    {
        var taken = AllNames().ToHashSet();
        if (names.FirstOrDefault(taken.Contains) is { } name)
            throw new ArgumentException($"{GetType().Name} has '{name}' already, expected each name once, for names are the keys of checkpoints; register this one under another name");
    }

    // A child registered without a name is transparent in checkpoint keys.
    private static string Prefix(string outer, string name) => name.Length == 0 ? outer : $"{outer}{name}.";

    private IEnumerable<(string Name, Parameter Parameter)> Named(string prefix, Func<Module, List<Parameter>> of)
    {
        foreach (var parameter in of(this))
            yield return (prefix + parameter.Name, parameter);
        foreach (var (name, child) in _children)
        {
            foreach (var inner in child.Named(Prefix(prefix, name), of))
                yield return inner;
        }
    }
}
