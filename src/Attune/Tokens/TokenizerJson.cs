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
        json.WriteNull("normalizer");
        WriteSplit(json, definition.Split);
        json.WritePropertyName("post_processor");
        json.WriteRawValue(definition.PostProcessor ?? "null");
        json.WriteStartObject("decoder");
        WriteByteLevel(json, useRegex: true);
        json.WriteEndObject();
        WriteModel(json, definition);
    });

    /// <summary><c>tokenizer_config.json</c>: which tokens play which part.</summary>
    public static byte[] Settings(TokenRoles roles) => Write(json =>
    {
        json.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        json.WriteString("bos_token", roles.Begin);
        json.WriteString("eos_token", roles.End);
        json.WriteString("pad_token", roles.Padding);
    });

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

    private static void WriteAdded(Utf8JsonWriter json, IReadOnlyList<AddedToken> added)
    {
        json.WriteStartArray("added_tokens");
        foreach (var token in added.OrderBy(token => token.Id))
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            json.WriteString("content", token.Content);
            foreach (var flag in new[] { "single_word", "lstrip", "rstrip", "normalized" })
                json.WriteBoolean(flag, false);
            json.WriteBoolean("special", token.IsSpecial);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteSplit(Utf8JsonWriter json, SplitPattern split)
    {
        json.WriteStartObject("pre_tokenizer");
        if (split == SplitPattern.Gpt2)
            WriteByteLevel(json, useRegex: true);
        else
        {
            json.WriteString("type", "Sequence");
            json.WriteStartArray("pretokenizers");
            json.WriteStartObject();
            json.WriteString("type", "Split");
            json.WriteStartObject("pattern");
            json.WriteString("Regex", SplitScanner.RegexOf(split));
            json.WriteEndObject();
            json.WriteString("behavior", "Isolated");
            json.WriteBoolean("invert", false);
            json.WriteEndObject();
            json.WriteStartObject();
            WriteByteLevel(json, useRegex: false);
            json.WriteEndObject();
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter json, bool useRegex)
    {
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", useRegex);
    }

    private static void WriteModel(Utf8JsonWriter json, TokenizerDefinition definition)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        foreach (var unused in new[] { "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix" })
            json.WriteNull(unused);
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", definition.IgnoreMerges);
        json.WriteStartObject("vocab");
        var pieces = definition.Pieces;
        var added = definition.Added.ToDictionary(token => token.Id, token => token.Content);
        for (var id = 0; id < pieces.Count; id++)
        {
            if (pieces[id] is { } bytes)
                json.WriteNumber(ByteAlphabet.Write(bytes), id);
            else if (added.TryGetValue(id, out var content)) // readers count the vocabulary: leave no hole where an added token stands
                json.WriteNumber(content, id);
        }
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var merge in definition.Merges)
            json.WriteStringValue($"{ByteAlphabet.Write(pieces[merge.Left]!)} {ByteAlphabet.Write(pieces[merge.Right]!)}");
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
