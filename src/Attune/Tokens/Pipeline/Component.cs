using System.Text.Json;
using Attune.Runs;

namespace Attune.Tokens.Pipeline;

/// <summary>
/// One object of <c>tokenizer.json</c> with the place where it stands. Whatever is wrong with it is told with that place; a key that is not known is
/// refused, as it may change the result.
/// </summary>
internal sealed class Component
{
    private readonly string _file;
    private readonly string _place;
    private readonly JsonElement _json;

    public Component(string file, string place, JsonElement json)
    {
        (_file, _place, _json) = (file, place, json);
        if (json.ValueKind != JsonValueKind.Object)
            throw Wrong("", $"is {Shown(json)}", "an object");
        Type = Text("type", "without a type");
    }

    /// <summary>What it is: <c>ByteLevel</c>, <c>Sequence</c>.</summary>
    public string Type { get; }

    /// <summary>Refuses every key but these and <c>type</c>.</summary>
    public void Allow(params ReadOnlySpan<string> keys)
    {
        foreach (var property in _json.EnumerateObject())
        {
            if (property.Name != "type" && !keys.Contains(property.Name))
                throw new InputException(_file, [Problem.Of($"{_place}.{property.Name}", $"is no key of {Type} that is known", keys.Length == 0 ? "none" : string.Join(", ", keys.ToArray()), "use a model with such a tokenizer")]);
        }
    }

    public bool Has(string key) => _json.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public bool Flag(string key, bool usual) => !Has(key) ? usual : _json.GetProperty(key).ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(key, $"is {Shown(_json.GetProperty(key))}", "true or false"),
    };

    public string Text(string key, string? usual = null) => !Has(key) ? usual ?? throw Missing(key)
        : _json.GetProperty(key) is { ValueKind: JsonValueKind.String } value ? value.GetString()! : throw Wrong(key, $"is {Shown(_json.GetProperty(key))}", "a string");

    public int Number(string key, int? usual, int least, int most)
    {
        if (!Has(key))
            return usual ?? throw Missing(key);
        var value = _json.GetProperty(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most ? number
            : throw Wrong(key, $"is {Shown(value)}", $"a whole number from {least} to {most}");
    }

    /// <summary>One character.</summary>
    public int Character(string key, string? usual = null)
    {
        var text = Text(key, usual);
        return text.EnumerateRunes().Count() == 1 ? text.EnumerateRunes().First().Value : throw Wrong(key, $"is '{text}'", "one character");
    }

    public T Choice<T>(string key, T? usual = null)
        where T : struct, Enum
    {
        if (!Has(key) && usual is { } value)
            return value;
        var text = Text(key).Replace("_", "", StringComparison.Ordinal); // written as "prepend_scheme": "first" or "behavior": "MergedWithNext"
        return Enum.GetNames<T>().FirstOrDefault(name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } found ? Enum.Parse<T>(found)
            : throw Wrong(key, $"is '{Text(key)}'", string.Join(", ", Enum.GetNames<T>()));
    }

    public Component Child(string key) => new(_file, $"{_place}.{key}", Has(key) ? _json.GetProperty(key) : throw Missing(key));

    /// <summary>The objects of a list.</summary>
    public IReadOnlyList<Component> Children(string key) => [.. Elements(key).Select((item, i) => new Component(_file, $"{_place}.{key}[{i}]", item))];

    /// <summary>The items of a list.</summary>
    public IReadOnlyList<JsonElement> Elements(string key) => !Has(key) ? throw Missing(key)
        : _json.GetProperty(key) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : throw Wrong(key, "is no list", "a list");

    /// <summary>The parts of a <c>Sequence</c>, sequences within it too; itself where it is none.</summary>
    public IEnumerable<Component> Flat(string listKey)
    {
        if (Type != "Sequence")
            return [this];
        Allow(listKey);
        return Children(listKey).SelectMany(child => child.Flat(listKey));
    }

    public InputException Unknown(string known) => new(_file, [Problem.Of(_place, $"is {Type}, which is not supported", known, "use a model with such a tokenizer")]);

    public InputException Wrong(string key, string found, string expected) =>
        new(_file, [Problem.Of(key.Length == 0 ? _place : $"{_place}.{key}", found, expected, "get the file again from where the model came from")]);

    private InputException Missing(string key) => Wrong(key, "is missing", $"a value, as {Type} needs one");

    private static string Shown(JsonElement value) => value.GetRawText() is { Length: > 60 } text ? text[..60] + "…" : value.GetRawText();
}
