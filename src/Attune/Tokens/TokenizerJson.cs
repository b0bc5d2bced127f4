using System.Text.Encodings.Web;
using System.Text.Json;

namespace Attune.Tokens;

/// <summary>Writes a tokenizer as Hugging Face's libraries read it.</summary>
internal static class TokenizerJson
{
    private static readonly JsonWriterOptions Layout = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    /// <summary><c>tokenizer.json</c>: the same definition gives the same bytes.</summary>
    public static byte[] Main(TokenizerDefinition definition) => Write(json =>
    {
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        WriteAdded(json, definition.Added);
        WriteComponent(json, "normalizer", definition.Normaliser);
        WriteComponent(json, "pre_tokenizer", definition.PreTokeniser);
        WriteComponent(json, "post_processor", definition.PostProcessor);
        WriteComponent(json, "decoder", definition.Decoder);
        WriteModel(json, definition);
    });

    /// <summary><c>tokenizer_config.json</c>: which tokens play which part, and the template of conversations.</summary>
    public static byte[] Settings(TokenizerDefinition definition) => Write(json =>
    {
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        json.WriteString("bos_token", definition.Roles.Begin);
        json.WriteString("eos_token", definition.Roles.End);
        json.WriteString("pad_token", definition.Roles.Padding);
        if (definition.ChatTemplate is { } template)
            json.WriteString("chat_template", template);
    });

    /// <summary>The components of a byte-level tokenizer that cuts by a pattern.</summary>
    public static (JsonElement PreTokeniser, JsonElement Decoder) ByteLevel(SplitPattern split) =>
        (Parsed(split == SplitPattern.Gpt2 ? Bytes(usesRegex: true) : Split(SplitScanner.RegexOf(split)!)), Parsed(Bytes(usesRegex: true)));

    /// <summary>A cut at a regular expression, and then bytes.</summary>
    public static string Split(string regex) =>
        $$"""{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": {{Quoted(regex)}}}, "behavior": "Isolated", "invert": false}, {{Bytes(usesRegex: false)}}]}""";

    /// <summary>A component of its text.</summary>
    public static JsonElement Parsed(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    public static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private static string Bytes(bool usesRegex) => $$"""{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": {{(usesRegex ? "true" : "false")}}}""";

    private static byte[] Write(Action<Utf8JsonWriter> body)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Layout))
        {
            json.WriteStartObject();
            body(json);
            json.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private static void WriteComponent(Utf8JsonWriter json, string key, JsonElement? component)
    {
        json.WritePropertyName(key);
        if (component is { } value)
            value.WriteTo(json);
        else
            json.WriteNullValue();
    }

    private static void WriteAdded(Utf8JsonWriter json, IReadOnlyList<AddedToken> added)
    {
        json.WriteStartArray("added_tokens");
        foreach (var token in added.OrderBy(token => token.Id))
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            json.WriteString("content", token.Content);
            json.WriteBoolean("single_word", token.IsWord);
            json.WriteBoolean("lstrip", token.StripsLeft);
            json.WriteBoolean("rstrip", token.StripsRight);
            json.WriteBoolean("normalized", token.IsNormalised);
            json.WriteBoolean("special", token.IsSpecial);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteModel(Utf8JsonWriter json, TokenizerDefinition definition)
    {
        json.WriteStartObject("model");
        if (definition.Scores is { } scores)
            WriteUnigram(json, definition, scores);
        else
            WriteBpe(json, definition);
        json.WriteEndObject();
    }

    private static void WriteUnigram(Utf8JsonWriter json, TokenizerDefinition definition, IReadOnlyList<double> scores)
    {
        json.WriteString("type", "Unigram");
        if (definition.Rules.UnknownId is { } unknown)
            json.WriteNumber("unk_id", unknown);
        else
            json.WriteNull("unk_id");
        var names = Names(definition);
        json.WriteStartArray("vocab");
        for (var id = 0; id < scores.Count; id++)
        {
            json.WriteStartArray();
            json.WriteStringValue(names[id]);
            json.WriteNumberValue(scores[id]);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteBoolean("byte_fallback", definition.Rules.FallsBackToBytes);
    }

    private static void WriteBpe(Utf8JsonWriter json, TokenizerDefinition definition)
    {
        var (rules, names) = (definition.Rules, Names(definition));
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteString("unk_token", rules.UnknownId is { } unknown ? names[unknown] : null);
        json.WriteString("continuing_subword_prefix", rules.Prefix.Length > 0 ? rules.Prefix : null);
        json.WriteString("end_of_word_suffix", rules.Suffix.Length > 0 ? rules.Suffix : null);
        json.WriteBoolean("fuse_unk", rules.FusesUnknown);
        json.WriteBoolean("byte_fallback", rules.FallsBackToBytes);
        json.WriteBoolean("ignore_merges", rules.IgnoresMerges);
        json.WriteStartObject("vocab");
        for (var id = 0; id < definition.Pieces.Count; id++)
        {
            if (names[id] is { } name) // readers count the vocabulary: leave no hole where a special token stands
                json.WriteNumber(name, id);
        }
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var merge in definition.Merges)
        {
            var (left, right) = (definition.Pieces[merge.Left]!, definition.Pieces[merge.Right]!);
            if (!left.Contains(' ') && !right.Contains(' '))
                json.WriteStringValue($"{left} {right}");
            else // only the other form can tell where the first ends
            {
                json.WriteStartArray();
                json.WriteStringValue(left);
                json.WriteStringValue(right);
                json.WriteEndArray();
            }
        }
        json.WriteEndArray();
    }

    private static string?[] Names(TokenizerDefinition definition)
    {
        string?[] names = [.. definition.Pieces];
        foreach (var token in definition.Added.Where(token => token.Id < names.Length))
            names[token.Id] ??= token.Content;
        return names;
    }
}
