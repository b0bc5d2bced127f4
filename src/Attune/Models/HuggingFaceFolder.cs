using System.Text.Json.Nodes;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>What reading a folder into a module left aside.</summary>
/// <param name="NotInFolder">The module's parameters that the folder lacks, for instance a fresh head; they keep their values.</param>
/// <param name="NotInModule">The folder's parameters that the module lacks, for instance a head that is being replaced.</param>
public sealed record FolderRemainder(IReadOnlyList<string> NotInFolder, IReadOnlyList<string> NotInModule);

/// <summary>How a folder is written.</summary>
public sealed record FolderOptions
{
    /// <summary>The weights are split into files of at most so many bytes; a single larger tensor has a file of its own.</summary>
    public long MaximumShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Settings for sampling; the special tokens of the config where they name none.</summary>
    public GenerationConfig Generation { get; init; } = new();

    /// <summary>Adds further files, such as the tokenizer's, to the folder named; called before the folder takes its final name.</summary>
    public Action<string>? AddFiles { get; init; }
}

/// <summary>
/// A model in the layout of the Hugging Face hub: <c>config.json</c>, <c>model.safetensors</c> or shards with an index, and
/// <c>generation_config.json</c>. Opening checks everything before the first weight is read. See docs/model-folder.md.
/// </summary>
public sealed class HuggingFaceFolder : IDisposable
{
    /// <summary>The name of the file that says what model it is.</summary>
    public const string ConfigName = "config.json";

    private readonly SafetensorsFolder _weights;
    private readonly TransformerConfig _stored;
    private readonly KeyMap _map;
    private readonly List<AdapterFolder> _adapters = []; // from the one on the model itself up

    private HuggingFaceFolder(string path, TransformerConfig config, SafetensorsFolder weights)
    {
        (Path, Config, _stored) = (path, config, config);
        _weights = weights;
        _map = KeyMap.For(config);
    }

    /// <summary>The model's shape.</summary>
    public TransformerConfig Config { get; private set; }

    /// <summary>Where the folder is.</summary>
    public string Path { get; }

    /// <summary>Bytes of the weights on disk.</summary>
    public long WeightBytes => _weights.ByteLength + _adapters.Sum(adapter => adapter.ByteLength);

    /// <summary>Stands for the weights on disk, those of an adapter's base included: see <see cref="Models.WeightsHash"/>.</summary>
    internal string WeightsHash() => _adapters.Aggregate(_weights.Hash(), (below, adapter) => adapter.HashOn(below));

    /// <summary>The parameters that the folder holds, an absent score bias (which is 0) included.</summary>
    public IEnumerable<KeyMapParameter> Parameters =>
        KeyMap.For(Config).Parameters.Where(p => !p.IsOptional || p.Name == "score.bias" || IsStored(p.Name));

    /// <summary>
    /// Opens a model folder and checks that config and weights are whole and fit each other. An adapter's folder stands for its base with the
    /// adapter merged into it.
    /// </summary>
    /// <exception cref="InputException">Something is missing, malformed, contradictory, or beyond what Attune computes.</exception>
    public static HuggingFaceFolder Open(string path)
    {
        if (!Directory.Exists(path))
            throw InputException.One(path, "does not exist", "a model folder", "check the path");
        var chain = AdapterFolder.ChainOf(path);
        var config = ModelFamily.ReadConfig(System.IO.Path.Combine(chain[^1], ConfigName));
        var folder = new HuggingFaceFolder(path, config, SafetensorsFolder.Open(chain[^1]));
        try
        {
            var problems = folder._map.Check(folder._weights);
            if (problems.Count > 0)
                throw new InputException(chain[^1], ProblemList.Shortened(problems));
            foreach (var adapter in chain.Reverse().Skip(1))
                folder.Add(adapter);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Reads a folder's config alone; of an adapter that of its base, with the adapter's head.</summary>
    /// <exception cref="InputException">It is missing, malformed, or beyond what Attune computes.</exception>
    public static TransformerConfig ReadConfig(string path)
    {
        var chain = AdapterFolder.ChainOf(path);
        var config = ModelFamily.ReadConfig(System.IO.Path.Combine(chain[^1], ConfigName));
        return chain.Reverse().Skip(1).Aggregate(config, (below, adapter) => AdapterFolder.ConfigOf(adapter, below));
    }

    /// <summary>Reads every parameter, one at a time, in the order of <see cref="Parameters"/>; each belongs to the scope around its step.</summary>
    /// <param name="compute">Device and element type of the results.</param>
    public IEnumerable<(string Name, Tensor Value)> ReadTensors(Compute compute)
    {
        foreach (var parameter in Parameters)
            yield return (parameter.Name, ReadTensor(parameter, compute));
    }

    /// <summary>
    /// Overwrites a module's parameters with the folder's of the same names, converting element type and device on the way. Nothing but one
    /// piece of one tensor stands in memory besides the module.
    /// </summary>
    /// <param name="module">What to fill.</param>
    /// <param name="done">Told of each parameter that was read, before the next; it may take its values from the module.</param>
    public FolderRemainder ReadInto(Module module, Action<string>? done = null)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var targets = module.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Value);
        var read = new HashSet<string>();
        foreach (var parameter in Parameters.Where(p => targets.ContainsKey(p.Name)))
        {
            var target = targets[parameter.Name];
            if (!target.Shape.SequenceEqual(parameter.Shape))
            {
                var (own, stored) = (SafetensorsTypes.Print(target.Shape), SafetensorsTypes.Print(parameter.Shape));
                throw new ArgumentException($"{parameter.Name} is {own}, in {Path} {stored}", nameof(module));
            }

            Fill(parameter.Name, target);
            read.Add(parameter.Name);
            done?.Invoke(parameter.Name);
        }

        return new([.. targets.Keys.Where(n => !read.Contains(n))], [.. Parameters.Select(p => p.Name).Where(n => !targets.ContainsKey(n))]);
    }

    /// <summary>Writes a model folder. It takes its name only when all its files are on the disk, and replaces an older model of that name.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="config">The model's shape; <see cref="TransformerConfig.StoredDType"/> is the element type written.</param>
    /// <param name="parameters">The model's parameters by name; optional ones where they are to be kept.</param>
    /// <param name="options">Shards and further files.</param>
    /// <exception cref="InputException">The path holds something that is no model.</exception>
    /// <exception cref="RunFailedException">The disk is full, or the place may not be written; an older model at the path is unharmed.</exception>
    public static void Write(string path, TransformerConfig config, IEnumerable<(string Name, Tensor Value)> parameters, FolderOptions? options = null)
    {
        options ??= new FolderOptions();
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var items = Items(config, parameters.ToDictionary(p => p.Name, p => p.Value));
        RefuseOther(path);
        AtomicFolder.Write(path, folder =>
        {
            ModelFamily.WriteConfig(System.IO.Path.Combine(folder, ConfigName), config);
            options.Generation.With(config).Write(folder);
            WriteWeights(folder, items, options.MaximumShardBytes);
            options.AddFiles?.Invoke(folder);
        });
    }

    /// <inheritdoc cref="Write(string, TransformerConfig, IEnumerable{ValueTuple{string, Tensor}}, FolderOptions?)"/>
    public static void Write(string path, TransformerConfig config, Module module, FolderOptions? options = null)
    {
        var (adapted, head) = module is RewardModel reward ? (reward.Trunk, reward.Head) : (module as CausalLm, null);
        if (adapted?.Adapter is null)
        {
            Write(path, config, module.NamedParameters().Select(p => (p.Name, p.Parameter.Value)), options);
            return;
        }

        RefuseOther(path);
        AdapterFolder.Write(path, adapted, head, options ?? new FolderOptions());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _weights.Dispose();
        foreach (var adapter in _adapters)
            adapter.Dispose();
    }

    private void Add(string adapter)
    {
        var config = AdapterFolder.ConfigOf(adapter, Config);
        var opened = AdapterFolder.Open(adapter, Config);
        try
        {
            if (opened.BaseHash is not null)
                opened.RequireBase(WeightsHash());
        }
        catch
        {
            opened.Dispose();
            throw;
        }

        _adapters.Add(opened);
        Config = config;
    }

    private bool IsStored(string name) => _adapters.Any(a => a.Holds(name)) || _map.Entries.Any(e => e.Name == name && _weights.Find(_map.KeyIn(_weights, e)) is not null);

    private Tensor ReadTensor(KeyMapParameter parameter, Compute compute)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var tensor = Tensor.Zeros(parameter.Shape, compute);
        Fill(parameter.Name, tensor);
        return scope.Keep(tensor);
    }

    private void Fill(string name, Tensor target)
    {
        using var scope = TensorScope.Begin();
        if (_adapters.FindLast(a => a.Holds("score.weight")) is { } head && name.StartsWith("score.", StringComparison.Ordinal))
        {
            if (head.Holds(name))
                head.ReadWhole(name, target);
            else
                target.ZeroInPlace(); // PEFT writes no bias
            return;
        }

        foreach (var entry in _map.Entries.Where(e => e.Name == name))
        {
            var values = entry.AsOnDisk(target);
            var key = _map.KeyIn(_weights, entry);
            if (_weights.Find(key) is null)
                values.ZeroInPlace(); // the score's bias, which other programs do not write
            else
                _weights.ReadInto(key, values);
        }

        foreach (var adapter in _adapters)
            adapter.AddTo(_stored, name, target);
    }

    /// <summary>What stands on disk for the given parameters: views of them, so that nothing is copied yet.</summary>
    private static List<SafetensorsItem> Items(TransformerConfig config, Dictionary<string, Tensor> parameters)
    {
        var map = KeyMap.For(config);
        foreach (var parameter in map.Parameters)
        {
            if (!parameters.TryGetValue(parameter.Name, out var given) ? !parameter.IsOptional : !given.Shape.SequenceEqual(parameter.Shape))
            {
                var found = given is null ? "missing" : SafetensorsTypes.Print(given.Shape);
                throw new ArgumentException($"{parameter.Name} is {found}, expected {SafetensorsTypes.Print(parameter.Shape)}", nameof(parameters));
            }
        }

        var names = map.Parameters.Select(p => p.Name).ToHashSet();
        if (parameters.Keys.FirstOrDefault(n => !names.Contains(n)) is { } unknown)
            throw new ArgumentException($"{unknown} has no place in a {config.Family} folder with a head for {config.Head}", nameof(parameters));
        var items = new List<SafetensorsItem>();
        foreach (var entry in map.Entries.Where(e => parameters.ContainsKey(e.Name)))
            items.Add(new(entry.Key, config.StoredDType, entry.Shape, entry.AsOnDisk(parameters[entry.Name])));
        return items;
    }

    private static void WriteWeights(string folder, List<SafetensorsItem> items, long maximumShardBytes)
    {
        var shards = new List<List<SafetensorsItem>> { new() };
        var filled = 0L;
        foreach (var item in items)
        {
            if (shards[^1].Count > 0 && filled + item.ByteLength > maximumShardBytes)
            {
                shards.Add([]);
                filled = 0;
            }

            shards[^1].Add(item);
            filled += item.ByteLength;
        }

        if (shards.Count == 1)
        {
            WriteFile(System.IO.Path.Combine(folder, SafetensorsFolder.SingleName), items);
            return;
        }

        var shardOf = new SortedDictionary<string, JsonNode?>(StringComparer.Ordinal);
        for (var k = 0; k < shards.Count; k++)
        {
            var name = $"model-{k + 1:00000}-of-{shards.Count:00000}.safetensors";
            WriteFile(System.IO.Path.Combine(folder, name), shards[k]);
            foreach (var item in shards[k])
                shardOf.Add(item.Name, name);
        }

        var sizes = new JsonObject { ["total_size"] = items.Sum(i => i.ByteLength) };
        JsonFile.Write(System.IO.Path.Combine(folder, SafetensorsFolder.IndexName), new JsonObject { ["metadata"] = sizes, ["weight_map"] = new JsonObject(shardOf) });
    }

    private static void WriteFile(string path, List<SafetensorsItem> items)
    {
        using var stream = File.Create(path, bufferSize: 1 << 16);
        SafetensorsWriter.Write(stream, items, SafetensorsWriter.PyTorchMetadata);
    }

    /// <summary>Only an empty folder or an older model may be replaced: a mistyped path must not cost somebody's files.</summary>
    private static void RefuseOther(string path)
    {
        if (File.Exists(path))
            throw InputException.One(path, "is a file", "a folder, or nothing yet", "choose another place");
        var isOther = Directory.Exists(path) && !File.Exists(System.IO.Path.Combine(path, ConfigName)) && !AdapterConfig.IsIn(path) && Directory.EnumerateFileSystemEntries(path).Any();
        if (isOther)
            throw InputException.One(path, "holds files and is no model folder", "an older model, an empty folder or nothing", "choose another place");
    }
}
