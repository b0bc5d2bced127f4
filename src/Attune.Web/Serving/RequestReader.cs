using System.Text.Json;
using Attune.Runs;

namespace Attune.Web.Serving;

/// <summary>Reads the members of a request's body and collects everything that is wrong with them. A key that nobody asked for is refused in the end.</summary>
internal sealed class RequestReader(JsonElement root)
{
    private const int MostProblems = 50; // a body can have millions

    private readonly HashSet<string> _known = [];

    public List<Problem> Problems { get; } = [];

    /// <summary>A member that is there and not null.</summary>
    public JsonElement? Find(string key)
    {
        _known.Add(key);
        return root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public bool Has(string key) => Find(key) is not null;

    public int? Whole(string key, int least, int most)
    {
        if (Find(key) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most)
            return number;
        Note(key, value, $"a whole number from {least} to {most}", "correct it");
        return null;
    }

    public double? Number(string key, double least, double most)
    {
        if (Find(key) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= least && number <= most)
            return number;
        Note(key, value, $"a number from {least} to {most}", "correct it");
        return null;
    }

    public bool Flag(string key)
    {
        if (Find(key) is not { } value)
            return false;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
            return value.GetBoolean();
        Note(key, value, "true or false", "correct it");
        return false;
    }

    public string? Text(string key)
    {
        if (Find(key) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.String)
            return value.GetString();
        Note(key, value, "a string", "correct it");
        return null;
    }

    /// <summary>A string or several.</summary>
    public IReadOnlyList<string> Texts(string key, int most)
    {
        if (Find(key) is not { } value)
            return [];
        var items = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToArray() : [value];
        if (items.Length <= most && items.All(i => i.ValueKind == JsonValueKind.String && i.GetString()!.Length > 0))
            return [.. items.Select(i => i.GetString()!)];
        Note(key, value, $"a text, or up to {most} of them, none empty", "correct it");
        return [];
    }

    /// <summary>Keys that change nothing here: who asks, and what for.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
            _known.Add(key);
    }

    /// <summary>A key that asks for what there is not, unless it has one of the values that ask for nothing.</summary>
    public void Refuse(string key, string expected, string fix, Func<JsonElement, bool>? isHarmless = null)
    {
        if (Find(key) is { } value && isHarmless?.Invoke(value) != true)
            Note(key, value, expected, fix);
    }

    public void Note(string key, JsonElement value, string expected, string fix)
    {
        if (Problems.Count < MostProblems)
            Problems.Add(Problem.Of(Shortened(key), $"is {Shortened(value)}", expected, fix));
    }

    public void RefuseUnknown()
    {
        foreach (var member in root.EnumerateObject().Where(m => !_known.Contains(m.Name) && m.Value.ValueKind != JsonValueKind.Null).Take(MostProblems))
            Problems.Add(Problem.Of(Shortened(member.Name), "is a key that this server does not know", "only known keys, as others may change the answer", "leave it out"));
    }

    public static string Shortened(JsonElement value) => Shortened(value.GetRawText());

    /// <summary>As much of a text as a message shows, no half character at its end.</summary>
    public static string Shortened(string text)
    {
        const int Most = 60;
        return text.Length <= Most ? text : text[..(char.IsHighSurrogate(text[Most - 1]) ? Most - 1 : Most)] + "…";
    }
}
