using System.Text.Json;
using Attune.Runs;

namespace Attune.Tokens.Files;

/// <summary>What stands beside a tokenizer's vocabulary: <c>tokenizer_config.json</c>, <c>added_tokens.json</c>, <c>chat_template.jinja</c>.</summary>
internal sealed record TokenizerSettings
{
    public const string FileName = "tokenizer_config.json";
    private const string TemplateFile = "chat_template.jinja", AddedFile = "added_tokens.json", UsualTemplate = "default";

    /// <summary>Whether there is a <see cref="FileName"/>.</summary>
    public bool IsThere { get; private init; }

    public TokenRoles Roles { get; private init; } = new();

    /// <summary>Tokens beside those of the vocabulary's file.</summary>
    public IReadOnlyList<AddedToken> Added { get; private init; } = [];

    public string? ChatTemplate { get; private init; }

    /// <summary>The class that reads the tokenizer elsewhere; empty where it is not said.</summary>
    public string Class { get; private init; } = "";

    /// <summary>Whether the begin token stands before every text; null where it is not said.</summary>
    public bool? AddsBegin { get; private init; }

    /// <summary>Whether the end token stands behind every text; null where it is not said.</summary>
    public bool? AddsEnd { get; private init; }

    public static TokenizerSettings Read(string folder)
    {
        var added = ReadAdded(Path.Combine(folder, AddedFile));
        var template = Path.Combine(folder, TemplateFile) is var file && File.Exists(file) ? ReadFailure.Told(file, () => File.ReadAllText(file)) : null;
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return new() { Added = added, ChatTemplate = template };
        return TokenizerFile.Read(path, () =>
        {
            using var document = TokenizerFile.Parse(path);
            var root = document.RootElement;
            return new TokenizerSettings
            {
                IsThere = true,
                Roles = new() { End = Role(path, root, "eos_token"), Begin = Role(path, root, "bos_token"), Padding = Role(path, root, "pad_token") },
                Added = Joined(added, ReadDecoder(path, root)),
                ChatTemplate = template ?? Template(path, root),
                Class = Text(path, root, "tokenizer_class") ?? "",
                AddsBegin = Flag(path, root, "add_bos_token"),
                AddsEnd = Flag(path, root, "add_eos_token"),
            };
        });
    }

    private static List<AddedToken> ReadAdded(string path) => !File.Exists(path) ? [] : TokenizerFile.Read(path, () =>
    {
        using var document = TokenizerFile.Parse(path);
        return TokenizerReader.ReadVocabulary(path, document.RootElement).Select(entry => new AddedToken(entry.Value, entry.Key)).ToList();
    });

    /// <summary>The object from ids to tokens.</summary>
    private static List<AddedToken> ReadDecoder(string path, JsonElement root)
    {
        if (!root.TryGetProperty("added_tokens_decoder", out var tokens) || tokens.ValueKind == JsonValueKind.Null)
            return [];
        if (tokens.ValueKind != JsonValueKind.Object)
            throw Wrong(path, "added_tokens_decoder", "is no object", "an object from ids to tokens");
        return [.. tokens.EnumerateObject().Select(entry => int.TryParse(entry.Name, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var id)
            ? TokenizerReader.Token(path, entry.Value, id) : throw Wrong(path, "added_tokens_decoder", $"has the id '{entry.Name}'", "a whole number"))];
    }

    private static List<AddedToken> Joined(List<AddedToken> first, List<AddedToken> better) => [.. better, .. first.Where(token => better.All(other => other.Content != token.Content))];

    private static string? Role(string path, JsonElement root, string key)
    {
        if (!root.TryGetProperty(key, out var value))
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

    /// <summary>One template, or several with names, of which the one named "default" is meant.</summary>
    private static string? Template(string path, JsonElement root)
    {
        if (!root.TryGetProperty("chat_template", out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind == JsonValueKind.String)
            return value.GetString();
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in value.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.Object && Text(path, item, "name") == UsualTemplate && Text(path, item, "template") is { } template)
                    return template;
            }
        }
        throw Wrong(path, "chat_template", "is neither a text nor a list in which one is named 'default'", "a template");
    }

    private static string? Text(string path, JsonElement root, string key) => !root.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(path, key, $"is {value.GetRawText()}", "a string or null");

    private static bool? Flag(string path, JsonElement root, string key) => !root.TryGetProperty(key, out var value) ? null : value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(path, key, $"is {value.GetRawText()}", "true or false"),
    };

    private static InputException Wrong(string path, string key, string found, string expected) => new(path, [Problem.Of(key, found, expected, "correct it, or get the file again from where the model came from")]);
}
