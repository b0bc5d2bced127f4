using System.Text.Json;

using Attune.Runs;

namespace Attune.Tokens;

/// <summary>Reads Hugging Face's <c>tokenizer.json</c>: a byte-level BPE model and the components around it.</summary>
internal sealed class TokenizerReader(string path)
{
    private static readonly string[] AddedFlags = ["single_word", "lstrip", "rstrip"];

    public TokenizerDefinition Read(JsonElement root)
    {
        Refuse(IsSet(root, "normalizer"), "normalizer", () => TypeOf(root.GetProperty("normalizer")), "none: text is kept as it is");
        var model = Object(root, "model");
        RequireModel(model);
        RequireDecoder(root);
        var vocabulary = ReadVocabulary(path, Object(model, "vocab"));
        var added = ReadAdded(root);
        return new()
        {
            Pieces = Pieces(path, vocabulary, added),
            Merges = Merges(path, vocabulary, ReadMerges(model)),
            Added = added,
            Split = ReadSplit(root),
            IgnoreMerges = IsTrue(model, "ignore_merges"),
            PostProcessor = ReadPostProcessor(root),
        };
    }

    public static Dictionary<string, int> ReadVocabulary(string path, JsonElement vocabulary)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var owners = new HashSet<int>();
        foreach (var piece in vocabulary.EnumerateObject())
        {
            if (piece.Value.ValueKind != JsonValueKind.Number || !piece.Value.TryGetInt32(out var id) || id is < 0 or > 10_000_000)
                throw Wrong(path, "vocabulary", $"has id {piece.Value.GetRawText()} for '{piece.Name}'", "a number from 0 to 10000000", "get the file again");
            if (!ids.TryAdd(piece.Name, id) || !owners.Add(id))
                throw Wrong(path, "vocabulary", $"has piece '{piece.Name}' or its id {id} twice", "each once", "get the file again");
        }
        return ids;
    }

    public static byte[]?[] Pieces(string path, Dictionary<string, int> vocabulary, IReadOnlyList<AddedToken> added)
    {
        var pieces = new byte[]?[vocabulary.Count == 0 ? 0 : vocabulary.Values.Max() + 1];
        var addedIds = added.Select(token => token.Id).ToHashSet();
        foreach (var (text, id) in vocabulary)
        {
            if (!addedIds.Contains(id))
                pieces[id] = ByteAlphabet.Read(text)
                    ?? throw Wrong(path, "vocabulary", $"has piece '{text}' (id {id}), which is not spelled in the byte alphabet", "a byte-level vocabulary", "use a model with a byte-level tokenizer");
        }
        return pieces;
    }

    public static List<Merge> Merges(string path, Dictionary<string, int> vocabulary, IEnumerable<(string Left, string Right)> pairs)
    {
        var merges = new List<Merge>();
        foreach (var (left, right) in pairs)
        {
            if (!vocabulary.TryGetValue(left, out var leftId) || !vocabulary.TryGetValue(right, out var rightId) || !vocabulary.TryGetValue(left + right, out var product))
                throw Wrong(path, "merges", $"have '{left}' + '{right}' as number {merges.Count + 1}", "both parts and their product in the vocabulary", "get vocabulary and merges from the same place");
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

    private void RequireModel(JsonElement model)
    {
        Refuse(TypeOf(model) is not ("BPE" or "without a type"), "model", () => TypeOf(model), "BPE");
        Refuse(IsSet(model, "dropout") && model.GetProperty("dropout").GetRawText() is not ("0" or "0.0"), "model.dropout", () => model.GetProperty("dropout").GetRawText(),
            "none: one text has one encoding");
        foreach (var key in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
            Refuse(IsSet(model, key) && model.GetProperty(key).ToString().Length > 0, $"model.{key}", () => $"'{model.GetProperty(key)}'", "none");
        Refuse(IsTrue(model, "byte_fallback"), "model.byte_fallback", () => "true", "false");
    }

    private void RequireDecoder(JsonElement root)
    {
        var type = IsSet(root, "decoder") ? TypeOf(root.GetProperty("decoder")) : "missing";
        Refuse(type != "ByteLevel", "decoder", () => type, "ByteLevel");
    }

    private SplitPattern ReadSplit(JsonElement root)
    {
        var splitter = Object(root, "pre_tokenizer");
        if (TypeOf(splitter) == "ByteLevel")
        {
            Refuse(IsTrue(splitter, "add_prefix_space"), "pre_tokenizer.add_prefix_space", () => "true", "false");
            Refuse(splitter.TryGetProperty("use_regex", out var use) && use.ValueKind == JsonValueKind.False, "pre_tokenizer.use_regex", () => "false", "true, or a Split before it");
            return SplitPattern.Gpt2;
        }
        var steps = TypeOf(splitter) == "Sequence" && splitter.TryGetProperty("pretokenizers", out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().ToList() : [];
        var kinds = string.Join(" + ", steps.Select(TypeOf));
        Refuse(kinds != "Split + ByteLevel", "pre_tokenizer", () => steps.Count > 0 ? kinds : TypeOf(splitter), "ByteLevel, or Split + ByteLevel");
        Refuse(IsTrue(steps[1], "add_prefix_space"), "pre_tokenizer.add_prefix_space", () => "true", "false");
        var usesRegex = steps[1].TryGetProperty("use_regex", out var given) ? given.GetRawText() : "missing and so true";
        Refuse(usesRegex != "false", "pre_tokenizer.use_regex", () => usesRegex, "false after a Split, whose words would be cut again");
        Refuse(IsTrue(steps[0], "invert") || !steps[0].TryGetProperty("behavior", out var behaviour) || behaviour.ToString() != "Isolated",
            "pre_tokenizer.behavior", () => "not 'Isolated'", "Isolated, not inverted");
        var regex = steps[0].TryGetProperty("pattern", out var pattern) && pattern.ValueKind == JsonValueKind.Object && pattern.TryGetProperty("Regex", out var text) ? text.ToString() : null;
        foreach (var known in Enum.GetValues<SplitPattern>())
        {
            if (SplitScanner.RegexOf(known) == regex)
                return known;
        }
        throw Wrong(path, "pre_tokenizer.pattern", $"is {regex ?? "no regular expression"}", "the pattern of GPT-2, Llama 3 or Qwen 2", "use a model with one of these");
    }

    private List<AddedToken> ReadAdded(JsonElement root)
    {
        var tokens = new List<AddedToken>();
        if (!root.TryGetProperty("added_tokens", out var list) || list.ValueKind != JsonValueKind.Array)
            return tokens;
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty("id", out var id) || id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out var number) || number is < 0 or > 10_000_000
                || !item.TryGetProperty("content", out var content) || content.ValueKind != JsonValueKind.String)
                throw Wrong(path, "added_tokens", $"have {item.GetRawText()}", "an id and a content each", "get the file again");
            foreach (var flag in AddedFlags)
                Refuse(IsTrue(item, flag), $"added_tokens.{flag}", () => $"true for '{content}'", "false");
            tokens.Add(new(number, content.GetString()!, IsTrue(item, "special")));
        }
        return tokens;
    }

    private string? ReadPostProcessor(JsonElement root)
    {
        if (!IsSet(root, "post_processor"))
            return null;
        var processor = root.GetProperty("post_processor");
        var parts = TypeOf(processor) == "Sequence" && processor.TryGetProperty("processors", out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().ToList() : [processor];
        foreach (var part in parts.Select(TypeOf))
            Refuse(part is not ("ByteLevel" or "TemplateProcessing"), "post_processor", () => part, "ByteLevel or TemplateProcessing");
        return processor.GetRawText();
    }

    private JsonElement Object(JsonElement parent, string key) =>
        parent.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Object ? value
        : throw Wrong(path, key, parent.TryGetProperty(key, out _) ? "is no object" : "is missing", "an object", "get the file again, or convert the tokenizer to this format");

    private void Refuse(bool unknown, string key, Func<string> value, string known)
    {
        if (unknown)
            throw Wrong(path, key, $"is {value()}, which is not supported", known, "use a model with such a tokenizer");
    }

    private static InputException Wrong(string path, string key, string found, string expected, string fix) => new(path, [Problem.Of(key, found, expected, fix)]);

    private static bool IsSet(JsonElement parent, string key) => parent.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    private static bool IsTrue(JsonElement parent, string key) => parent.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.True;

    private static string TypeOf(JsonElement component) =>
        component.ValueKind == JsonValueKind.Object && component.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString()! : "without a type";
}
