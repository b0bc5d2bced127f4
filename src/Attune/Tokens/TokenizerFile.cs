using System.Text.Json;

using Attune.Runs;

namespace Attune.Tokens;

/// <summary>Finds and reads tokenizers. What a file asks for and this program does not do is refused by name: ids that differ a little are worse than none.</summary>
internal static class TokenizerFile
{
    internal const string Main = "tokenizer.json";
    internal const string Settings = "tokenizer_config.json";
    private const string EndOfText = "<|endoftext|>";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static readonly (string Vocabulary, string Merges)[] OldPairs = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")];

    public static Tokenizer Load(string path)
    {
        if (File.Exists(path))
            return new Tokenizer(ReadMain(path), path);
        if (In(path) is not { } file)
        {
            throw InputException.One(path, Directory.Exists(path) ? "holds no tokenizer" : "does not exist",
                "a folder with tokenizer.json, or with vocab.json and merges.txt", "give the model's folder, or train one with 'attune tokenizer'");
        }
        var merges = OldPairs.FirstOrDefault(pair => pair.Vocabulary == Path.GetFileName(file)).Merges;
        return merges is null ? new Tokenizer(ReadMain(file), file) : new Tokenizer(ReadPair(file, Path.Combine(path, merges)), path);
    }

    /// <summary>The file of a folder's tokenizer, or null.</summary>
    public static string? In(string folder)
    {
        if (File.Exists(Path.Combine(folder, Main)))
            return Path.Combine(folder, Main);
        var pair = OldPairs.FirstOrDefault(pair => File.Exists(Path.Combine(folder, pair.Vocabulary)) && File.Exists(Path.Combine(folder, pair.Merges)));
        return pair.Vocabulary is null ? null : Path.Combine(folder, pair.Vocabulary);
    }

    public static void Save(Tokenizer tokenizer, string folder)
    {
        AtomicFile.Write(Path.Combine(folder, Main), stream => stream.Write(TokenizerJson.Main(tokenizer.Definition)));
        AtomicFile.Write(Path.Combine(folder, Settings), stream => stream.Write(TokenizerJson.Settings(tokenizer.Roles)));
    }

    private static TokenizerDefinition ReadMain(string path) => Read(path, () =>
    {
        using var document = Parse(path);
        var reader = new TokenizerReader(path);
        var definition = reader.Read(document.RootElement);
        return definition with { Roles = ReadRoles(path, definition.Added) };
    });

    private static TokenRoles ReadRoles(string mainPath, IReadOnlyList<AddedToken> added)
    {
        var path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(mainPath))!, Settings);
        if (!File.Exists(path))
            return new() { End = added.Any(token => token.Content == EndOfText) ? EndOfText : null };
        return Read(path, () =>
        {
            using var document = Parse(path);
            return new TokenRoles { End = Role(document, "eos_token"), Begin = Role(document, "bos_token"), Padding = Role(document, "pad_token") };
        });

        string? Role(JsonDocument document, string key)
        {
            if (!document.RootElement.TryGetProperty(key, out var value))
                return null;
            if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out var content)) // an older way to write it
                value = content;
            return value.ValueKind switch
            {
                JsonValueKind.Null => null,
                JsonValueKind.String => value.GetString(),
                _ => throw InputException.One(path, $"has {key} {value.GetRawText()}", "a string or null", "write the token's text"),
            };
        }
    }

    private static TokenizerDefinition ReadPair(string vocabularyPath, string mergesPath) => Read<TokenizerDefinition>(vocabularyPath, () =>
    {
        using var document = Parse(vocabularyPath);
        var vocabulary = TokenizerReader.ReadVocabulary(vocabularyPath, document.RootElement);
        var lines = Read(mergesPath, () => File.ReadAllLines(mergesPath)).Where(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal));
        AddedToken[] added = vocabulary.TryGetValue(EndOfText, out var end) ? [new(end, EndOfText)] : [];
        return new()
        {
            Pieces = TokenizerReader.Pieces(vocabularyPath, vocabulary, added),
            Merges = TokenizerReader.Merges(mergesPath, vocabulary, lines.Select(TokenizerReader.SplitMerge)),
            Added = added,
            Roles = new() { End = added.Length > 0 ? EndOfText : null },
        };
    });

    private static T Read<T>(string path, Func<T> read)
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

    private static JsonDocument Parse(string path)
    {
        try
        {
            var document = JsonDocument.Parse(File.ReadAllBytes(path), Strict);
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
}
