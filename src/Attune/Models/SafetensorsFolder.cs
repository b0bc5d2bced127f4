using System.Text.Json;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Models;

/// <summary>The weights of a model folder, whether in one <c>model.safetensors</c> or in shards with an index.</summary>
public sealed class SafetensorsFolder : IDisposable
{
    /// <summary>The name of an unsharded folder's file.</summary>
    public const string SingleName = "model.safetensors";

    /// <summary>The name of the index of a sharded folder.</summary>
    public const string IndexName = "model.safetensors.index.json";

    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsFile> _byName = [];

    private SafetensorsFolder(string folder) => Folder = folder;

    /// <summary>Where the folder is.</summary>
    public string Folder { get; }

    /// <summary>All tensors' names.</summary>
    public IReadOnlyCollection<string> Names => _byName.Keys;

    /// <summary>Bytes of all tensors.</summary>
    public long ByteLength => _files.Sum(f => f.Entries.Sum(e => e.ByteLength));

    /// <summary>Opens all files of a folder's weights and checks their headers and the index.</summary>
    /// <exception cref="InputException">A file is missing or malformed, or the index does not fit the files.</exception>
    public static SafetensorsFolder Open(string folder)
    {
        var opened = new SafetensorsFolder(folder);
        try
        {
            if (File.Exists(Path.Combine(folder, SingleName)))
                opened.Add(Path.Combine(folder, SingleName));
            else if (File.Exists(Path.Combine(folder, IndexName)))
                opened.AddShards(Path.Combine(folder, IndexName));
            else
                throw Missing(folder);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of a name, or null.</summary>
    public SafetensorsEntry? Find(string name) => _byName.GetValueOrDefault(name)?.Find(name);

    /// <summary>The file that holds a tensor.</summary>
    public SafetensorsFile FileOf(string name) => _byName[name];

    /// <inheritdoc cref="SafetensorsFile.ReadInto"/>
    public void ReadInto(string name, Tensor destination) => _byName[name].ReadInto(name, destination);

    /// <summary>Stands for all tensors: see <see cref="WeightsHash"/>.</summary>
    internal string Hash() => WeightsHash.Of(_byName.Select(t => (t.Key, t.Value)));

    /// <summary>Whether two tensors hold the same bytes.</summary>
    public bool AreEqual(string one, string other)
    {
        var (a, b) = (Find(one)!, Find(other)!);
        if (a.DType != b.DType || !a.Shape.SequenceEqual(b.Shape))
            return false;
        var (left, right) = (new byte[SafetensorsFile.ChunkBytes], new byte[SafetensorsFile.ChunkBytes]);
        for (var from = 0L; from < a.ByteLength; from += left.Length)
        {
            var count = (int)Math.Min(left.Length, a.ByteLength - from);
            _byName[one].Read(one, left.AsSpan(0, count), from);
            _byName[other].Read(other, right.AsSpan(0, count), from);
            if (!left.AsSpan(0, count).SequenceEqual(right.AsSpan(0, count)))
                return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _files)
            file.Dispose();
    }

    private SafetensorsFile Add(string path)
    {
        var file = SafetensorsFile.Open(path);
        _files.Add(file);
        foreach (var entry in file.Entries)
            _byName.TryAdd(entry.Name, file);
        return file;
    }

    private void AddShards(string indexPath)
    {
        var shardOf = ReadIndex(indexPath);
        var problems = new List<Problem>();
        foreach (var shard in shardOf.GroupBy(s => s.Value, s => s.Key).OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            var path = Path.Combine(Folder, shard.Key);
            if (!File.Exists(path))
            {
                problems.Add(Problem.Of(shard.Key, "is missing", $"the shard with {shard.Count()} tensors", "download it too"));
                continue;
            }

            var file = Add(path);
            problems.AddRange(shard.Where(name => file.Find(name) is null)
                .Select(name => Problem.Of(name, $"is not in {shard.Key}", "it there, as the index says", "download index and shards again")));
            problems.AddRange(file.Entries.Where(e => !shardOf.TryGetValue(e.Name, out var at) || at != shard.Key)
                .Select(e => Problem.Of(e.Name, $"is in {shard.Key}", "only tensors that the index has there", "download index and shards again")));
        }

        if (problems.Count > 0)
            throw new InputException(indexPath, ProblemList.Shortened(problems));
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        using var document = JsonFile.Read(path);
        if (!document.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
            throw InputException.One(path, "has no object weight_map", "one from tensor to shard", "download the index again");
        var shardOf = new Dictionary<string, string>();
        foreach (var member in map.EnumerateObject())
        {
            // Only plain names: an index is no way to read other files of the machine.
            var shard = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : "";
            if (shard.Length == 0 || shard != Path.GetFileName(shard) || shard is "." or "..")
            {
                var found = $"is in {ConfigReader.Shortened(member.Value)}";
                throw new InputException(path, [Problem.Of(member.Name, found, "the name of a file of the same folder", "download the index again")]);
            }


            shardOf.Add(member.Name, shard);
        }

        return shardOf;
    }

    private static InputException Missing(string folder)
    {
        if (!Directory.Exists(folder))
            return InputException.One(folder, "does not exist", "a model folder", "check the path");
        if (Directory.EnumerateFiles(folder, "pytorch_model*.bin").Any())
        {
            return InputException.One(folder, "holds its weights as pytorch_model.bin, which can run code when it is read", SingleName,
                "load it in Python with transformers and call save_pretrained(folder, safe_serialization=True)");
        }

        return InputException.One(folder, $"holds neither {SingleName} nor {IndexName}", "one of them", "download the model's weights too");
    }
}
