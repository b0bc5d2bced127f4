using Attune.Torch;

namespace Attune.Models;

/// <summary>
/// An adapter that is added to its base's weights for a while. Taking s·B·A off again would leave rounding behind, so the matrices that it
/// touches are kept as they were, and put back.
/// </summary>
public sealed class AdapterMerge : IDisposable
{
    private readonly List<(Tensor Weight, Tensor Before)> _touched = [];

    internal AdapterMerge(CausalLm model, LoraAdapter adapter)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        foreach (var (name, parameter) in model.NamedParameters().Where(p => adapter.Changed.Contains(p.Name)))
        {
            _touched.Add((parameter.Value, TensorScope.Detach(parameter.Value.Clone())));
            adapter.AddTo(name, parameter.Value);
        }
    }

    /// <summary>Whether the weights are again what they were.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Puts the weights back.</summary>
    public void Dispose()
    {
        if (IsOver)
            return;
        IsOver = true;
        using var frozen = Autograd.NoGrad();
        foreach (var (weight, before) in _touched)
        {
            weight.CopyFrom(before);
            before.Dispose();
        }
    }

    /// <summary>Writes an adapter's folder, and what it stands on, as the folder of one model; its other files, such as the tokenizer, come along.</summary>
    /// <param name="adapter">The adapter's folder.</param>
    /// <param name="target">Where to; an older model there is replaced.</param>
    /// <param name="stored">Element type of the weights written; the base's where not given.</param>
    /// <exception cref="Runs.InputException">The folder holds no adapter, or something that cannot be used; nothing is written.</exception>
    /// <exception cref="Runs.RunFailedException">The disk is full, or the place may not be written.</exception>
    public static void Write(string adapter, string target, DType? stored = null)
    {
        if (!AdapterConfig.IsIn(adapter))
            throw Runs.InputException.One(adapter, $"has no {AdapterConfig.FileName}", "the folder of an adapter", "a model that is whole needs no merging");
        if (Path.GetFullPath(adapter).TrimEnd('/') == Path.GetFullPath(target).TrimEnd('/'))
            throw Runs.InputException.One(target, "is the adapter's own folder", "another one", "choose another place");
        using var scope = TensorScope.Begin();
        using var folder = HuggingFaceFolder.Open(adapter);
        var config = folder.Config with { StoredDType = stored ?? folder.Config.StoredDType };
        var compute = new Compute(Device.Cpu, config.StoredDType == DType.Float64 ? DType.Float64 : DType.Float32);
        HuggingFaceFolder.Write(target, config, folder.ReadTensors(compute), new() { AddFiles = to => CopyOthers(adapter, to) });
    }

    /// <summary>The files of an adapter's folder that are neither the adapter nor a description of it, and its base's tokenizer where it has none.</summary>
    private static void CopyOthers(string adapter, string target)
    {
        foreach (var folder in AdapterFolder.ChainOf(adapter).Reverse())
        {
            foreach (var file in Directory.EnumerateFiles(folder).Where(f => IsOther(Path.GetFileName(f))))
                File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
        }
    }

    private static bool IsOther(string name) => name != HuggingFaceFolder.ConfigName && !name.StartsWith("adapter_", StringComparison.Ordinal) &&
        !name.StartsWith('.') && !name.StartsWith("README", StringComparison.OrdinalIgnoreCase) &&
        (Path.GetExtension(name) is ".json" or ".jinja" or ".model" or ".txt" or ".tiktoken") && !name.EndsWith(".index.json", StringComparison.Ordinal);
}
