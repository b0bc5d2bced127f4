using System.Globalization;
using System.Text.Json.Nodes;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>
/// An adapter in the layout of PEFT: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, whose keys are those of the base model's
/// matrices behind <c>base_model.model.</c>. A reward model's head is saved whole beside it. See docs/adapters.md.
/// </summary>
internal sealed class AdapterFolder : IDisposable
{
    public const string WeightsName = "adapter_model.safetensors";

    /// <summary>Attune's own: says which weights the adapter was trained beside. Other programs pass it over.</summary>
    public const string BaseName = "adapter_base.json";

    private const string BaseKey = "weights";
    private const string Prefix = "base_model.model.";
    private const int DeepestChain = 8;

    private readonly SafetensorsFile _file;
    private LoraAdapter? _read;

    private AdapterFolder(string path, SafetensorsFile file)
    {
        (Path, _file, BaseHash) = (path, file, ReadBaseHash(path));
        Stored = AdapterConfig.Read(path, [.. Names.Where(n => n.EndsWith(".lora_A.weight", StringComparison.Ordinal)).Select(n => n[Prefix.Length..^".lora_A.weight".Length])]);
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>What its config says.</summary>
    public AdapterConfig Stored { get; }

    /// <summary>The <see cref="WeightsHash"/> of what the adapter was trained beside; null where the folder does not say, as those of other programs.</summary>
    public string? BaseHash { get; }

    /// <summary>Bytes of its tensors.</summary>
    public long ByteLength => _file.Entries.Sum(e => e.ByteLength);

    private IEnumerable<string> Names => _file.Entries.Select(e => e.Name).Where(n => n.StartsWith(Prefix, StringComparison.Ordinal));

    /// <summary>The folder of the model that a folder is about: itself, or for an adapter its base's, and so on.</summary>
    /// <exception cref="InputException">A base is not there.</exception>
    public static string ModelFolderOf(string folder) => ChainOf(folder)[^1];

    /// <summary>A folder, then for an adapter its base's folder, down to one that holds a model.</summary>
    /// <exception cref="InputException">A base is not there, or they name each other.</exception>
    public static IReadOnlyList<string> ChainOf(string folder)
    {
        var chain = new List<string> { folder };
        while (AdapterConfig.IsIn(chain[^1]))
        {
            if (chain.Count > DeepestChain)
                throw InputException.One(folder, $"stands on {chain.Count} adapters that stand on each other", $"at most {DeepestChain}, and a model in the end", "merge some with 'attune merge'");
            chain.Add(BaseOf(chain[^1]));
        }

        return chain;
    }

    /// <summary>The folder in which a file of this name is found first, from an adapter down to its base; the first folder where it is nowhere.</summary>
    public static string FolderWith(string folder, Func<string, bool> isThere) => ChainOf(folder).FirstOrDefault(isThere) ?? folder;

    /// <summary>Whether a folder is an adapter right on the model of another folder.</summary>
    public static bool IsOn(string folder, string? model) =>
        model is not null && AdapterConfig.IsIn(folder) && AreSame(BaseOf(folder), model);

    /// <summary>Whether two paths are one folder's.</summary>
    public static bool AreSame(string one, string other) => Resolved(one) == Resolved(other);

    /// <summary>Opens an adapter and checks that config and weights are whole and fit the model.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="model">The shape of the model below it.</param>
    /// <exception cref="InputException">Something is missing, malformed, contradictory, or beyond what Attune computes.</exception>
    public static AdapterFolder Open(string folder, TransformerConfig model)
    {
        var file = SafetensorsFile.Open(System.IO.Path.Combine(folder, WeightsName));
        try
        {
            var opened = new AdapterFolder(folder, file);
            opened.Check(model);
            return opened;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a base with other weights than those that the adapter was trained beside, where both are known.</summary>
    /// <param name="hash">The base's <see cref="WeightsHash"/>.</param>
    /// <exception cref="InputException">They differ.</exception>
    public void RequireBase(string? hash)
    {
        if (BaseHash is null || hash is null || BaseHash == hash)
            return;
        throw new InputException(System.IO.Path.Combine(Path, BaseName), [Problem.Of(BaseKey, $"is {BaseHash}, the hash of the weights that the adapter was trained beside",
            $"{hash}, that of {BaseOf(Path)}", $"name the folder of the right model in {AdapterConfig.FileName}; to use this one all the same, delete {BaseName}")]);
    }

    /// <summary>Stands for the adapter together with what it stands on.</summary>
    /// <param name="below">The <see cref="WeightsHash"/> of that.</param>
    public string HashOn(string below) =>
        WeightsHash.Of(_file.Entries.Select(e => (e.Name, _file)), Stored.Settings.Scale.ToString("R", CultureInfo.InvariantCulture), below);

    /// <summary>The shape of the model with an adapter.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="model">The shape of the model below it.</param>
    public static TransformerConfig ConfigOf(string folder, TransformerConfig model)
    {
        var head = AdapterConfig.Read(folder, [AdapterSettings.AllLinear]).Head;
        if (head == HeadKind.NextToken && model.Head == HeadKind.Score)
            throw InputException.One(System.IO.Path.Combine(folder, AdapterConfig.FileName), "has the task_type CAUSAL_LM", "SEQ_CLS, as its base gives scores", "correct it, or name another base");
        return model with { Head = head ?? model.Head };
    }

    /// <summary>Reads the adapter; the caller owns it.</summary>
    /// <param name="model">The shape of the model that it is for.</param>
    /// <param name="compute">Device and element type to compute with.</param>
    public LoraAdapter Read(TransformerConfig model, Compute compute)
    {
        var stored = _file.Entries.First(e => e.Name.Contains(".lora_A.", StringComparison.Ordinal)).DType;
        var adapter = LoraAdapter.Blank(model, Stored.Settings, compute, stored);
        foreach (var (name, parameter) in adapter.NamedParameters())
            _file.ReadInto(Prefix + name, parameter.Value);
        return adapter;
    }

    /// <summary>Whether the folder holds a parameter of the model whole: those of a reward model's head.</summary>
    public bool Holds(string name) => name.StartsWith("score.", StringComparison.Ordinal) && _file.Find(Prefix + name) is not null;

    /// <summary>Reads a parameter that it <see cref="Holds"/>.</summary>
    public void ReadWhole(string name, Tensor target) => _file.ReadInto(Prefix + name, target);

    /// <summary>Adds what the adapter changes of a parameter, computed in float32 at least.</summary>
    /// <param name="model">The shape of the model that it is for.</param>
    /// <param name="name">The parameter.</param>
    /// <param name="target">Its values, changed in place.</param>
    public void AddTo(TransformerConfig model, string name, Tensor target)
    {
        _read ??= Read(model, new Compute(target.Device, target.DType == DType.Float64 ? DType.Float64 : DType.Float32));
        _read.AddTo(name, target);
    }

    /// <summary>Writes an adapted model's adapter, and its head where it is a reward model, whole or not at all.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="view">The adapted model.</param>
    /// <param name="head">The head of a reward model; null for a language model.</param>
    /// <param name="options">Further files.</param>
    public static void Write(string path, CausalLm view, ScalarHead? head, FolderOptions options)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var adapter = view.Adapter!;
        var items = adapter.NamedParameters().Select(p => Item(p.Name, adapter.StoredDType, p.Parameter.Value))
            .Concat((head?.NamedParameters() ?? []).Select(p => Item("score." + p.Name, p.Parameter.Value.DType, p.Parameter.Value)));
        var from = view.Folder is { } folder ? System.IO.Path.GetFullPath(folder) : null;
        AtomicFolder.Write(path, target =>
        {
            new AdapterConfig(from, adapter.Settings, view.Config.Head).Write(target, view.Config);
            if (view.Base!.WeightsHash is { } hash)
                JsonFile.Write(System.IO.Path.Combine(target, BaseName), new JsonObject { [BaseKey] = hash });
            options.Generation.With(view.Config).Write(target);
            using (var stream = File.Create(System.IO.Path.Combine(target, WeightsName), bufferSize: 1 << 16))
                SafetensorsWriter.Write(stream, items, SafetensorsWriter.PyTorchMetadata);
            options.AddFiles?.Invoke(target);
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _read?.Dispose();
    }

    private static string Resolved(string folder) => System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder));

    private static SafetensorsItem Item(string name, DType dtype, Tensor value) => new(Prefix + name, dtype, value.Shape, value);

    private static string BaseOf(string folder)
    {
        var path = System.IO.Path.Combine(folder, AdapterConfig.FileName);
        using var document = JsonFile.Read(path);
        var name = new ConfigReader(document.RootElement).Text("base_model_name_or_path");
        string[] places = name is null ? [] : [System.IO.Path.Combine(folder, name), name]; // an absolute path is the same twice
        return places.FirstOrDefault(Directory.Exists) ?? throw new InputException(path, [Problem.Of("base_model_name_or_path", name is null ? "is missing" : $"is \"{name}\", which is no folder here",
            "the folder of the base model, absolute, or relative to this folder or the current one", "download the base model and write its path there")]);
    }

    private static string? ReadBaseHash(string folder)
    {
        var path = System.IO.Path.Combine(folder, BaseName);
        if (!File.Exists(path))
            return null;
        using var document = JsonFile.Read(path);
        return new ConfigReader(document.RootElement).Text(BaseKey) ?? throw InputException.One(path, $"has no text {BaseKey}", "the hash of the base's weights, as Attune writes it",
            "restore the file, or delete it: then nobody checks the base");
    }

    private void Check(TransformerConfig model)
    {
        var problems = Stored.Settings.CheckFor(model).Select(p => p with { Key = p.Key.Replace("adapter.targets", "target_modules", StringComparison.Ordinal).Replace("adapter.rank", "r", StringComparison.Ordinal) }).ToList();
        if (problems.Count > 0)
            throw new InputException(System.IO.Path.Combine(Path, AdapterConfig.FileName), problems);
        var expected = new Dictionary<string, long[]>();
        foreach (var entry in AdapterTargets.Chosen(model, Stored.Settings.Targets))
        {
            expected.Add(Prefix + LoraAdapter.KeyOfA(entry), [Stored.Settings.Rank, entry.IsTransposed ? entry.Shape[0] : entry.Shape[1]]);
            expected.Add(Prefix + LoraAdapter.KeyOfB(entry), [entry.RowCount, Stored.Settings.Rank]);
        }

        var needsScore = Stored.Head == HeadKind.Score && model.Head != HeadKind.Score;
        if (needsScore || _file.Find(Prefix + "score.weight") is not null)
            expected.Add(Prefix + "score.weight", [1, model.Width]);
        if (_file.Find(Prefix + "score.bias") is not null)
            expected.Add(Prefix + "score.bias", [1]);
        foreach (var (key, shape) in expected)
        {
            if (_file.Find(key) is not { } found)
                problems.Add(Problem.Of(key, "is missing", $"a tensor {SafetensorsTypes.Print(shape)}", $"check target_modules in {AdapterConfig.FileName}, or download the weights again"));
            else if (!found.Shape.SequenceEqual(shape))
                problems.Add(Problem.Of(key, $"is {SafetensorsTypes.Print(found.Shape)}", SafetensorsTypes.Print(shape), "the adapter and its base model do not belong together"));
            else if (!found.DType.IsFloat())
                problems.Add(Problem.Of(key, $"is {SafetensorsTypes.NameOf(found.DType)}", "F32, F16, BF16 or F64", "convert it"));
        }

        foreach (var entry in _file.Entries.Where(e => !expected.ContainsKey(e.Name)).OrderBy(e => e.Name, StringComparer.Ordinal))
        {
            problems.Add(Problem.Of(entry.Name, $"is a tensor {SafetensorsTypes.Print(entry.Shape)} that this adapter has no place for",
                "A and B of the targeted matrices alone", $"check target_modules in {AdapterConfig.FileName}; Attune adapts no embeddings and no output layer"));
        }

        if (problems.Count > 0)
            throw new InputException(System.IO.Path.Combine(Path, WeightsName), ProblemList.Shortened(problems));
    }
}
