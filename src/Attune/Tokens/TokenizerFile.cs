using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Runs;
using Attune.Tokens.Files;

namespace Attune.Tokens;

/// <summary>
/// Finds and reads tokenizers: <c>tokenizer.json</c>, else GPT-2's two files, else a SentencePiece model or tiktoken's ranks, which their content tells apart. What a file asks for and this program does not do
/// is refused by name: ids that differ a little are worse than none.
/// </summary>
internal static class TokenizerFile
{
    internal const string Main = "tokenizer.json";
    private const string EndOfText = "<|endoftext|>";
    private const long LargestFile = 256L << 20;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static readonly (string Vocabulary, string Merges)[] Pairs = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")];
    private static readonly string[] Others = ["tokenizer.model", "spiece.model", "*.tiktoken"];

    public static Tokenizer Load(string path)
    {
        if ((File.Exists(path) ? path : In(path)) is not { } file)
        {
            throw InputException.One(path, Directory.Exists(path) ? "holds no tokenizer" : "does not exist",
                "a folder with tokenizer.json, vocab.json and merges.txt, tokenizer.model, or a file of tiktoken", "give the model's folder, or train one with 'attune tokenizer'");
        }
        var settings = TokenizerSettings.Read(Path.GetDirectoryName(Path.GetFullPath(file))!);
        return new Tokenizer(With(ReadAny(file, settings), settings, file), file);
    }

    /// <summary>The file of a folder's tokenizer, or null.</summary>
    public static string? In(string folder)
    {
        if (!Directory.Exists(folder))
            return null;
        if (File.Exists(Path.Combine(folder, Main)))
            return Path.Combine(folder, Main);
        var pair = Pairs.FirstOrDefault(pair => File.Exists(Path.Combine(folder, pair.Vocabulary)) && File.Exists(Path.Combine(folder, pair.Merges)));
        if (pair.Vocabulary is not null)
            return Path.Combine(folder, pair.Vocabulary);
        return ReadFailure.Told(folder, () => Others.SelectMany(name => Directory.EnumerateFiles(folder, name).Order(StringComparer.Ordinal)).FirstOrDefault());
    }

    public static void Save(Tokenizer tokenizer, string folder)
    {
        AtomicFile.Write(Path.Combine(folder, Main), stream => stream.Write(TokenizerJson.Main(tokenizer.Definition)));
        AtomicFile.Write(Path.Combine(folder, TokenizerSettings.FileName), stream => stream.Write(TokenizerJson.Settings(tokenizer.Definition)));
    }

    /// <summary>Reads and says what the system or a broken escape makes impossible.</summary>
    public static T Read<T>(string path, Func<T> read)
    {
        try
        {
            return ReadFailure.Told(path, read);
        }
        catch (InvalidOperationException) // an escape such as \ud800 alone
        {
            throw InputException.One(path, "holds half of a surrogate pair", "well-formed Unicode", "get the file again from where the model came from");
        }
    }

    public static JsonDocument Parse(string path)
    {
        try
        {
            var document = JsonDocument.Parse(Bytes(path), Strict);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            throw InputException.One(path, "holds no JSON object", "a tokenizer's settings", "get the file again from where the model came from");
        }
        catch (JsonException error) when (error.LineNumber is null) // a doubled key: the parser does not say where
        {
            throw InputException.One(path, $"has a key twice ({error.Message.TrimEnd('.')})", "each key of an object once", "get the file again, or remove one of them");
        }
        catch (JsonException error)
        {
            throw InputException.One(path, $"is not JSON at line {error.LineNumber + 1}, byte {error.BytePositionInLine}", "a whole JSON file", "get the file again; it may be cut short");
        }
    }

    private static TokenizerDefinition ReadAny(string file, TokenizerSettings settings)
    {
        var name = Path.GetFileName(file);
        foreach (var (vocabulary, merges) in Pairs)
        {
            if (name.EndsWith(vocabulary, StringComparison.Ordinal))
                return ReadPair(file, file[..^vocabulary.Length] + merges, settings);
        }
        if (name.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
            return ReadMain(file);
        var bytes = Read(file, () => Bytes(file));
        if (bytes.AsSpan().TrimStart(" \t\r\n"u8) is [(byte)'{', ..])
            return ReadMain(file);
        return TiktokenFile.Is(bytes) ? TiktokenFile.Read(file, bytes, settings) : SentencePieceFile.Read(file, bytes);
    }

    private static TokenizerDefinition ReadMain(string path) => Read(path, () =>
    {
        using var document = Parse(path);
        return new TokenizerReader(path).Read(document.RootElement);
    });

    private static TokenizerDefinition ReadPair(string vocabularyPath, string mergesPath, TokenizerSettings settings) => Read<TokenizerDefinition>(vocabularyPath, () =>
    {
        using var document = Parse(vocabularyPath);
        var vocabulary = TokenizerReader.ReadVocabulary(vocabularyPath, document.RootElement);
        if (!File.Exists(mergesPath))
            throw InputException.One(mergesPath, "does not exist", $"the merges that belong to {Path.GetFileName(vocabularyPath)}", "get it from where the vocabulary came from");
        Bytes(mergesPath, length: 0);
        var lines = Read(mergesPath, () => File.ReadAllLines(mergesPath)).Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal));
        IReadOnlyList<AddedToken> added = settings.Added.Count == 0 && vocabulary.TryGetValue(EndOfText, out var end) ? [new(end, EndOfText)] : settings.Added;
        var isQwen = settings.Class.StartsWith("Qwen2", StringComparison.Ordinal);
        var (cutter, decoder) = TokenizerJson.ByteLevel(isQwen ? SplitPattern.Qwen2 : SplitPattern.Gpt2);
        return new()
        {
            Pieces = TokenizerReader.Pieces(vocabulary, added),
            Merges = TokenizerReader.Merges(mergesPath, vocabulary, added, lines.Select(TokenizerReader.SplitMerge)),
            Added = added,
            Normaliser = isQwen ? TokenizerJson.Parsed("""{"type": "NFC"}""") : null,
            PreTokeniser = cutter,
            Decoder = decoder,
        };
    });

    /// <summary>What stands beside the vocabulary, joined with it. Tokens with a part to play that are plain pieces become special ones.</summary>
    private static TokenizerDefinition With(TokenizerDefinition definition, TokenizerSettings settings, string origin)
    {
        var added = definition.Added.ToList();
        foreach (var token in settings.Added)
        {
            var known = added.Find(other => other.Content == token.Content);
            if (known is not null && known.Id != token.Id)
                throw new InputException(origin, [Problem.Of("added_tokens", $"have '{token.Content}' with id {known.Id}", $"{token.Id}, as {TokenizerSettings.FileName} or added_tokens.json beside it has it", "get both files from the same place")]);
            if (known is null)
                added.Add(token);
        }
        var roles = settings.IsThere ? settings.Roles : definition.Roles;
        if (!settings.IsThere && roles == new TokenRoles())
            roles = new() { End = added.Exists(token => token.Content == EndOfText) ? EndOfText : null };
        string?[] pieces = [.. definition.Pieces];
        foreach (var role in new[] { roles.End, roles.Begin, roles.Padding }.OfType<string>().Distinct())
        {
            if (added.Exists(token => token.Content == role) || Array.IndexOf(pieces, role) is var id && id < 0)
                continue;
            added.Add(new(id, role));
        }
        foreach (var token in added.Where(token => token.IsSpecial && token.Id < pieces.Length && pieces[token.Id] == token.Content))
            pieces[token.Id] = null;
        var joined = definition with
        {
            Added = added,
            Roles = roles,
            Pieces = pieces,
            Merges = [.. definition.Merges.Where(merge => pieces[merge.Left] is not null && pieces[merge.Right] is not null && pieces[merge.Product] is not null)],
            ChatTemplate = settings.ChatTemplate,
        };
        return joined.PostProcessor is null ? joined with { PostProcessor = Frame(joined, settings) } : joined;
    }

    /// <summary>The tokens around a text that the settings ask for, where the vocabulary's file cannot say it. Llama and Gemma begin texts unless the settings say no.</summary>
    private static JsonElement? Frame(TokenizerDefinition definition, TokenizerSettings settings)
    {
        var usuallyBegins = definition.PreTokeniser is { ValueKind: JsonValueKind.Object } cutter && cutter.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("Metaspace") && (settings.Class.Contains("Llama", StringComparison.Ordinal) || settings.Class.Contains("Gemma", StringComparison.Ordinal));
        var begins = settings.AddsBegin ?? usuallyBegins ? definition.Roles.Begin : null;
        var ends = settings.AddsEnd == true ? definition.Roles.End : null;
        string[] tokens = [.. new[] { begins, ends }.OfType<string>().Distinct()];
        if (tokens.Length == 0 || tokens.Any(token => definition.Added.All(known => known.Content != token)))
            return null;
        var text = new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } };
        JsonObject? Special(string? token) => token is null ? null : new() { ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = 0 } };
        var named = new JsonObject();
        foreach (var token in tokens)
            named[token] = new JsonObject { ["id"] = token, ["ids"] = new JsonArray(definition.Added.First(known => known.Content == token).Id), ["tokens"] = new JsonArray(token) };
        var frame = new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = new JsonArray([.. new[] { Special(begins), text, Special(ends) }.OfType<JsonNode>()]),
            ["pair"] = new JsonArray(),
            ["special_tokens"] = named,
        };
        return TokenizerJson.Parsed(frame.ToJsonString());
    }

    /// <summary>A file's bytes; one that no tokenizer is as large as is refused before anything is read.</summary>
    private static byte[] Bytes(string path, long length = LargestFile)
    {
        if (new FileInfo(path).Length > LargestFile)
            throw InputException.One(path, $"has {new FileInfo(path).Length} bytes", $"at most {LargestFile}", "get the file again from where the model came from");
        return length == 0 ? [] : File.ReadAllBytes(path);
    }
}
