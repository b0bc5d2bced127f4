using Attune.Runs;
using Attune.Torch;

namespace Attune.Models;

/// <summary>One tensor on disk and the rows of Attune's parameter that it holds.</summary>
/// <param name="Key">Its key on disk, with the family's prefix.</param>
/// <param name="Name">The parameter's name in the model.</param>
/// <param name="Shape">Its shape on disk.</param>
/// <param name="FirstRow">The parameter's row at which it starts.</param>
/// <param name="IsTransposed">Whether it stands on disk as <c>[in, out]</c>; the parameter is <c>[out, in]</c>.</param>
/// <param name="IsOptional">Whether a folder may lack it.</param>
public sealed record KeyMapEntry(string Key, string Name, long[] Shape, long FirstRow, bool IsTransposed, bool IsOptional)
{
    /// <summary>Rows of the parameter that it holds.</summary>
    public long RowCount => IsTransposed ? Shape[1] : Shape[0];

    /// <summary>
    /// Heads, where queries, keys and values of one head stand together on disk, head after head; the parameter has all queries, all keys, all
    /// values. 0 where rows have the same order.
    /// </summary>
    public int HeadByHead { get; private init; }

    /// <summary>A view of the parameter whose elements, row by row, are those on disk; its first axis may be split in several.</summary>
    /// <param name="parameter">The whole parameter, or its gradient.</param>
    public Tensor AsOnDisk(Tensor parameter)
    {
        var rows = parameter.Narrow(0, FirstRow, RowCount);
        if (HeadByHead > 0)
            return rows.View([3, HeadByHead, RowCount / 3 / HeadByHead, .. Shape[1..]]).Transpose(0, 1);
        return IsTransposed ? rows.Transpose(0, 1) : rows;
    }

    /// <summary>Rows that stand in the order of the disk, in that of the parameter.</summary>
    /// <param name="rows"><c>[RowCount, …]</c>.</param>
    internal Tensor RowsFromDisk(Tensor rows) =>
        HeadByHead == 0 ? rows : rows.View([HeadByHead, 3, RowCount / 3 / HeadByHead, .. rows.Shape[1..]]).Transpose(0, 1).Reshape(rows.Shape);

    internal static KeyMapEntry Same(string key, string name, params long[] shape) =>
        new(key, name, shape, 0, IsTransposed: false, IsOptional: false);

    internal static KeyMapEntry Rows(string key, string name, long firstRow, params long[] shape) =>
        new(key, name, shape, firstRow, IsTransposed: false, IsOptional: false);

    internal static KeyMapEntry Transposed(string key, string name, long output, long input) =>
        new(key, name, [input, output], 0, IsTransposed: true, IsOptional: false);

    internal static KeyMapEntry OfHeads(string key, string name, int heads, params long[] shape) =>
        new(key, name, shape, 0, IsTransposed: false, IsOptional: false) { HeadByHead = heads };
}

/// <summary>A parameter of Attune's model: its name and shape in memory.</summary>
/// <param name="Name">As the modules register it.</param>
/// <param name="Shape">Rows first.</param>
/// <param name="IsOptional">Whether a folder may lack it.</param>
public sealed record KeyMapParameter(string Name, long[] Shape, bool IsOptional)
{
    /// <summary>Number of its values.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>
/// Which tensors a folder of a given config holds, and where each belongs in the model. The scalar head is <c>score.weight</c>, as
/// transformers has it, and <c>score.bias</c>, which is Attune's own (transformers ignores it: its scores then lack that constant). PPO's
/// value head is <c>v_head.summary</c>, as TRL writes it.
/// </summary>
public sealed class KeyMap
{
    private readonly ModelFamily _family;
    private readonly TransformerConfig _config;

    private KeyMap(ModelFamily family, TransformerConfig config)
    {
        _family = family;
        _config = config;
        Entries = [.. family.Trunk(config), .. Heads(family, config)];
        Parameters = [.. Entries.GroupBy(e => e.Name).Select(Joined)];
    }

    /// <summary>The tensors on disk, in the order of transformers' state dict.</summary>
    public IReadOnlyList<KeyMapEntry> Entries { get; }

    /// <summary>The model's parameters, in the same order.</summary>
    public IReadOnlyList<KeyMapParameter> Parameters { get; }

    /// <summary>The map of a config.</summary>
    public static KeyMap For(TransformerConfig config) => new(ModelFamily.Of(config), config);

    /// <summary>The key under which a folder holds an entry: some published files leave the family's prefix out.</summary>
    internal string KeyIn(SafetensorsFolder weights, KeyMapEntry entry) =>
        UsesPrefix(weights) || !entry.Key.StartsWith(_family.Prefix, StringComparison.Ordinal) ? entry.Key : entry.Key[_family.Prefix.Length..];

    /// <summary>Everything about a folder's weights that does not fit the config.</summary>
    internal IReadOnlyList<Problem> Check(SafetensorsFolder weights)
    {
        var problems = new List<Problem>();
        var expected = new HashSet<string>();
        foreach (var entry in Entries)
        {
            var key = KeyIn(weights, entry);
            expected.Add(key);
            if (weights.Find(key) is not { } found)
            {
                if (!entry.IsOptional)
                    problems.Add(Missing(key, entry));
            }
            else if (!found.Shape.SequenceEqual(entry.Shape))
            {
                var (stored, implied) = (SafetensorsTypes.Print(found.Shape), SafetensorsTypes.Print(entry.Shape));
                problems.Add(Problem.Of(key, $"is {stored}", implied, "config.json and the weights do not belong together"));
            }
            else if (!found.DType.IsFloat())
            {
                var type = SafetensorsTypes.NameOf(found.DType);
                problems.Add(Problem.Of(key, $"is {type}", "F32, F16, BF16 or F64", "convert the model; quantised weights are not read"));
            }
        }

        foreach (var key in weights.Names.Where(n => !expected.Contains(n) && !_family.IsConstant(n)).Order(StringComparer.Ordinal))
            CheckUnexpected(weights, key, problems);
        return problems;
    }

    private void CheckUnexpected(SafetensorsFolder weights, string key, List<Problem> problems)
    {
        if (key != _family.HeadKey || !_config.TiedEmbeddings)
        {
            var found = $"is a tensor {SafetensorsTypes.Print(weights.Find(key)!.Shape)} that this model has no place for";
            problems.Add(Problem.Of(key, found, "only the tensors that config.json implies", "check config.json, or remove it"));
        }
        else if (weights.Find(KeyIn(weights, Entries.First(e => e.Name == "embed.weight"))) is { } embedding && !weights.AreEqual(key, embedding.Name))
        {
            const string Expected = "the same values, as tie_word_embeddings is true";
            problems.Add(Problem.Of(key, $"differs from {embedding.Name}", Expected, "set tie_word_embeddings to false, or remove it"));
        }
    }

    private static Problem Missing(string key, KeyMapEntry entry) =>
        Problem.Of(key, "is missing", $"a tensor {SafetensorsTypes.Print(entry.Shape)}", "check config.json, or download the weights again");

    private bool UsesPrefix(SafetensorsFolder weights) => weights.Names.Any(n => n.StartsWith(_family.Prefix, StringComparison.Ordinal));

    private static IEnumerable<KeyMapEntry> Heads(ModelFamily family, TransformerConfig config)
    {
        if (config.Head == HeadKind.Score)
        {
            yield return KeyMapEntry.Same("score.weight", "score.weight", 1, config.Width);
            yield return KeyMapEntry.Same("score.bias", "score.bias", 1) with { IsOptional = true };
            yield break;
        }

        if (config.HasOwnHead)
            yield return KeyMapEntry.Same(family.HeadKey, "head.weight", config.VocabularySize, config.Width);
        yield return KeyMapEntry.Same("v_head.summary.weight", "value.weight", 1, config.Width) with { IsOptional = true };
        yield return KeyMapEntry.Same("v_head.summary.bias", "value.bias", 1) with { IsOptional = true };
    }

    private static KeyMapParameter Joined(IGrouping<string, KeyMapEntry> parts)
    {
        var first = parts.First();
        var rows = parts.Sum(p => p.RowCount);
        long[] shape = first.Shape.Length == 1 ? [rows] : [rows, first.IsTransposed ? first.Shape[0] : first.Shape[1]];
        return new(parts.Key, shape, first.IsOptional);
    }
}
