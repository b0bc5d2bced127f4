using System.Text.Json;
using Attune.Runs;

namespace Attune.Tokens;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c>: a BPE or unigram model, added tokens, and the components around it, which are understood when the tokenizer is put together.
/// Truncation and padding that it asks for are left to whoever encodes.
/// </summary>
internal sealed class TokenizerReader(string path)
{
    private const int LargestId = 10_000_000;

    private static readonly string[] Keys = ["version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"];
    private static readonly string[] BpeKeys = ["type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"];
    private static readonly string[] UnigramKeys = ["type", "unk_id", "vocab", "byte_fallback"];

    public TokenizerDefinition Read(JsonElement root)
    {
        RequireKnown(root, "", Keys);
        var added = ReadAdded(root);
        var model = Object(root, "model");
        var type = TypeOf(model);
        var definition = type switch
        {
            "BPE" => ReadBpe(model, added),
            "Unigram" => ReadUnigram(model, added),
            "without a type" when model.TryGetProperty("merges", out _) => ReadBpe(model, added),
            _ => throw Unsupported("model", type, "BPE or Unigram"),
        };
        return definition with
        {
            Added = added,
            Normaliser = Component(root, "normalizer"),
            PreTokeniser = Component(root, "pre_tokenizer"),
            PostProcessor = Component(root, "post_processor"),
            Decoder = Component(root, "decoder"),
        };
    }

    public static Dictionary<string, int> ReadVocabulary(string path, JsonElement vocabulary)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var owners = new HashSet<int>();
        foreach (var piece in vocabulary.EnumerateObject())
        {
            if (piece.Value.ValueKind != JsonValueKind.Number || !piece.Value.TryGetInt32(out var id) || id is < 0 or > LargestId)
                throw Wrong(path, "vocabulary", $"has id {piece.Value.GetRawText()} for '{piece.Name}'", "a number from 0 to 10000000", "get the file again");
            if (!ids.TryAdd(piece.Name, id) || !owners.Add(id))
                throw Wrong(path, "vocabulary", $"has piece '{piece.Name}' or its id {id} twice", "each once", "get the file again");
        }
        return ids;
    }

    /// <summary>Pieces by id, without those that are special tokens: no text may be spelled with them.</summary>
    public static string?[] Pieces(Dictionary<string, int> vocabulary, IReadOnlyList<AddedToken> added)
    {
        var pieces = new string?[vocabulary.Count == 0 ? 0 : vocabulary.Values.Max() + 1];
        foreach (var (text, id) in vocabulary)
            pieces[id] = text;
        foreach (var token in added.Where(token => token.IsSpecial && vocabulary.TryGetValue(token.Content, out var id) && id == token.Id))
            pieces[token.Id] = null;
        return pieces;
    }

    /// <summary>The merges; those that would spell a special token are left out, as other programs never come to them either.</summary>
    public static List<Merge> Merges(string path, Dictionary<string, int> vocabulary, IReadOnlyList<AddedToken> added, IEnumerable<(string Left, string Right)> pairs, string prefix = "")
    {
        var special = added.Where(token => token.IsSpecial).Select(token => token.Id).ToHashSet();
        var merges = new List<Merge>();
        var number = 0;
        foreach (var (left, right) in pairs)
        {
            number++;
            var joined = left + (prefix.Length > 0 && right.StartsWith(prefix, StringComparison.Ordinal) ? right[prefix.Length..] : right);
            if (!vocabulary.TryGetValue(left, out var leftId) || !vocabulary.TryGetValue(right, out var rightId) || !vocabulary.TryGetValue(joined, out var product))
                throw Wrong(path, "merges", $"have '{left}' + '{right}' as number {number}", "both parts and their product in the vocabulary", "get vocabulary and merges from the same place");
            if (!special.Contains(product) && !special.Contains(leftId) && !special.Contains(rightId))
                merges.Add(new(leftId, rightId, product));
        }
        return merges;
    }

    /// <summary>Parts of a merge written as one string; without two parts the merge names no piece and fails as such.</summary>
    public static (string Left, string Right) SplitMerge(string line)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        return space < 0 ? (line, "") : (line[..space], line[(space + 1)..]);
    }

    public static AddedToken Token(string path, JsonElement item, int? key = null)
    {
        var number = key ?? -1;
        if (item.ValueKind != JsonValueKind.Object || (key is null && (!item.TryGetProperty("id", out var id) || id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out number))) || number is < 0 or > LargestId
            || !item.TryGetProperty("content", out var content) || content.ValueKind != JsonValueKind.String)
            throw Wrong(path, "added_tokens", $"have {item.GetRawText()}", "an id and a content each", "get the file again");
        return new(number, content.GetString()!, IsTrue(item, "special"))
        {
            StripsLeft = IsTrue(item, "lstrip"),
            StripsRight = IsTrue(item, "rstrip"),
            IsWord = IsTrue(item, "single_word"),
            IsNormalised = IsTrue(item, "normalized"),
        };
    }

    private TokenizerDefinition ReadBpe(JsonElement model, IReadOnlyList<AddedToken> added)
    {
        RequireKnown(model, "model.", BpeKeys);
        if (IsSet(model, "dropout") && model.GetProperty("dropout").GetRawText() is not ("0" or "0.0"))
            throw Unsupported("model.dropout", model.GetProperty("dropout").GetRawText(), "none: one text has one encoding");
        var vocabulary = ReadVocabulary(path, Object(model, "vocab"));
        var unknown = Text(model, "unk_token");
        var rules = new PieceRules
        {
            IgnoresMerges = IsTrue(model, "ignore_merges"),
            FallsBackToBytes = IsTrue(model, "byte_fallback"),
            FusesUnknown = IsTrue(model, "fuse_unk"),
            Prefix = Text(model, "continuing_subword_prefix") ?? "",
            Suffix = Text(model, "end_of_word_suffix") ?? "",
            UnknownId = unknown is null ? null : vocabulary.TryGetValue(unknown, out var id) ? id
                : throw Wrong(path, "model.unk_token", $"is '{unknown}'", "a piece of the vocabulary", "get the file again"),
        };
        return new()
        {
            Pieces = Pieces(vocabulary, added),
            Merges = Merges(path, vocabulary, added, ReadMerges(model), rules.Prefix),
            Rules = rules,
        };
    }

    private TokenizerDefinition ReadUnigram(JsonElement model, IReadOnlyList<AddedToken> added)
    {
        RequireKnown(model, "model.", UnigramKeys);
        var list = model.TryGetProperty("vocab", out var vocab) && vocab.ValueKind == JsonValueKind.Array ? vocab : throw Wrong(path, "model.vocab", "is no list", "a list of pieces with their log-probs", "get the file again");
        var (ids, scores) = (new Dictionary<string, int>(StringComparer.Ordinal), new List<double>());
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Array || item.GetArrayLength() != 2 || item[0].ValueKind != JsonValueKind.String || item[1].ValueKind != JsonValueKind.Number || !double.IsFinite(item[1].GetDouble()))
                throw Wrong(path, "model.vocab", $"has {item.GetRawText()} as number {scores.Count + 1}", "[piece, log-prob]", "get the file again");
            if (!ids.TryAdd(item[0].GetString()!, scores.Count))
                throw Wrong(path, "model.vocab", $"has piece '{item[0].GetString()}' twice", "each once", "get the file again");
            scores.Add(item[1].GetDouble());
        }
        var unknown = !IsSet(model, "unk_id") ? -1 : model.GetProperty("unk_id").ValueKind == JsonValueKind.Number && model.GetProperty("unk_id").TryGetInt32(out var id) ? id : int.MaxValue;
        var usesBytes = IsTrue(model, "byte_fallback");
        if (unknown >= scores.Count || (unknown < 0 && !usesBytes))
            throw Wrong(path, "model.unk_id", IsSet(model, "unk_id") ? $"is {model.GetProperty("unk_id").GetRawText()}" : "is missing", $"an id below the vocabulary's size {scores.Count}", "get the file again");
        return new()
        {
            Pieces = Pieces(ids, added),
            Scores = scores,
            Rules = new() { FallsBackToBytes = usesBytes, UnknownId = unknown < 0 ? null : unknown },
        };
    }

    /// <summary>A file that lost them must not pass: all its text would come out as single bytes.</summary>
    private IEnumerable<(string Left, string Right)> ReadMerges(JsonElement model) =>
        model.TryGetProperty("merges", out var merges) && merges.ValueKind == JsonValueKind.Array
            ? merges.EnumerateArray().Select(merge => merge.ValueKind switch
            {
                JsonValueKind.String => SplitMerge(merge.GetString()!),
                JsonValueKind.Array when merge.GetArrayLength() == 2 && merge.EnumerateArray().All(part => part.ValueKind == JsonValueKind.String)
                    => (merge[0].GetString()!, merge[1].GetString()!),
                _ => (merge.GetRawText(), ""),
            })
            : throw Wrong(path, "model.merges", merges.ValueKind == JsonValueKind.Undefined ? "is missing" : "is no list", "a list, which may be empty", "get the file again");

    private List<AddedToken> ReadAdded(JsonElement root)
    {
        if (!IsSet(root, "added_tokens"))
            return [];
        var list = root.GetProperty("added_tokens");
        return list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray().Select(item => Token(path, item))]
            : throw Wrong(path, "added_tokens", "is no list", "a list, which may be empty", "get the file again");
    }

    private void RequireKnown(JsonElement parent, string place, string[] keys)
    {
        foreach (var property in parent.EnumerateObject())
        {
            if (!keys.Contains(property.Name))
                throw Wrong(path, place + property.Name, "is no key that is known", string.Join(", ", keys), "use a model with such a tokenizer");
        }
    }

    private string? Text(JsonElement parent, string key) => !IsSet(parent, key) ? null
        : parent.GetProperty(key) is { ValueKind: JsonValueKind.String } text ? text.GetString()
        : throw Wrong(path, $"model.{key}", $"is {parent.GetProperty(key).GetRawText()}", "a string or null", "get the file again");

    private JsonElement Object(JsonElement parent, string key) =>
        parent.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Object ? value
        : throw Wrong(path, key, parent.TryGetProperty(key, out _) ? "is no object" : "is missing", "an object", "get the file again, or convert the tokenizer to this format");

    private InputException Unsupported(string key, string value, string known) => Wrong(path, key, $"is {value}, which is not supported", known, "use a model with such a tokenizer");

    private static JsonElement? Component(JsonElement root, string key)
    {
        if (!IsSet(root, key))
            return null;
        JsonTexts.Check(root.GetProperty(key)); // it is read later, when nobody knows the file any more
        return root.GetProperty(key).Clone();
    }

    private static InputException Wrong(string path, string key, string found, string expected, string fix) => new(path, [Problem.Of(key, found, expected, fix)]);

    private static bool IsSet(JsonElement parent, string key) => parent.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    private static bool IsTrue(JsonElement parent, string key) => parent.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.True;

    private static string TypeOf(JsonElement component) =>
        component.ValueKind == JsonValueKind.Object && component.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString()! : "without a type";
}
