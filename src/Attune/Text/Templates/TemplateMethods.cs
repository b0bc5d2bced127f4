namespace Attune.Text.Templates;

/// <summary>The methods of texts, lists and dictionaries that templates call; none of them changes anything.</summary>
internal static class TemplateMethods
{
    public static object? Call(TemplateRun run, object? target, string name, TemplateArguments given) => target switch
    {
        TemplateText text => OfText(run, text, name, given),
        TemplateMap map => OfMap(map, name, given),
        List<object?> list => OfList(run, list, name, given),
        Undefined missing => throw new TemplateException($"calls '{name}' of '{missing.Name}', which is not defined"),
        _ => throw Unknown(target, name),
    };

    private static object? OfText(TemplateRun run, TemplateText text, string name, TemplateArguments given)
    {
        run.Charge(text.Length);
        switch (name)
        {
            case "strip" or "lstrip" or "rstrip":
                return text.Trimmed(given.Get(0, "chars") is { } signs ? Text(signs, name).Text : null, left: name != "rstrip", right: name != "lstrip");
            case "split":
                return Listed(text.Split(Separator(given), Most(given, 1, "maxsplit")));
            case "rsplit":
                return Listed(FromRight(text, Separator(given), Most(given, 1, "maxsplit")));
            case "splitlines":
                return Listed(Lines(text));
            case "upper":
                return text.Mapped(value => value.ToUpperInvariant());
            case "lower":
                return text.Mapped(value => value.ToLowerInvariant());
            case "title":
                return text.Mapped(Titled);
            case "capitalize":
                return text.Mapped(Capitalised);
            case "startswith":
                return Prefixes(given, name).Any(part => text.Text.StartsWith(part, StringComparison.Ordinal));
            case "endswith":
                return Prefixes(given, name).Any(part => text.Text.EndsWith(part, StringComparison.Ordinal));
            case "removeprefix":
                return Prefixes(given, name).First() is var prefix && text.Text.StartsWith(prefix, StringComparison.Ordinal) ? text.Slice(prefix.Length, text.Length) : text;
            case "removesuffix":
                return Prefixes(given, name).First() is var suffix && text.Text.EndsWith(suffix, StringComparison.Ordinal) ? text.Slice(0, text.Length - suffix.Length) : text;
            case "replace":
                return Replaced(run, text, Text(given.Get(0, "old"), name), Text(given.Get(1, "new"), name), Most(given, 2, "count"));
            case "find":
                return (long)text.Text.IndexOf(Text(given.Get(0, "sub"), name).Text, StringComparison.Ordinal);
            case "rfind":
                return (long)text.Text.LastIndexOf(Text(given.Get(0, "sub"), name).Text, StringComparison.Ordinal);
            case "count":
                return Text(given.Get(0, "sub"), name).Text is { Length: > 0 } part ? (long)(text.Text.Split(part).Length - 1) : text.Length + 1L;
            case "join":
                return Join(run, text, TemplateOperators.Items(given.Get(0, "items")));
            case "isdigit":
                return text.Length > 0 && text.Text.All(char.IsDigit);
            case "isalpha":
                return text.Length > 0 && text.Text.All(char.IsLetter);
            case "isalnum":
                return text.Length > 0 && text.Text.All(char.IsLetterOrDigit);
            case "isspace":
                return text.Length > 0 && text.Text.All(char.IsWhiteSpace);
            case "isupper":
                return text.Text.Any(char.IsUpper) && !text.Text.Any(char.IsLower);
            case "islower":
                return text.Text.Any(char.IsLower) && !text.Text.Any(char.IsUpper);
            default:
                throw Unknown(text, name);
        }
    }

    public static TemplateText Join(TemplateRun run, TemplateText separator, List<object?> items) =>
        TemplateOperators.Joined(run, [.. items.SelectMany((item, i) => i == 0 ? (TemplateText[])[TemplateValue.TextOf(item)] : [separator, TemplateValue.TextOf(item)])]);

    public static TemplateText Replaced(TemplateRun run, TemplateText text, TemplateText old, TemplateText by, int most)
    {
        if (old.Length > 0)
            run.Charge((long)text.Length / old.Length * by.Length); // at most so many
        return text.Replaced(old, by, most);
    }

    public static string Titled(string text)
    {
        var signs = text.ToCharArray();
        for (var i = 0; i < signs.Length; i++)
            signs[i] = i > 0 && char.IsLetter(signs[i - 1]) ? char.ToLowerInvariant(signs[i]) : char.ToUpperInvariant(signs[i]);
        return new(signs);
    }

    public static string Capitalised(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant();

    public static List<object?> Pairs(TemplateMap map) => [.. map.Keys.Select(key => new List<object?> { TemplateText.Of(key, TemplateText.Data), map[key] })];

    private static object? OfMap(TemplateMap map, string name, TemplateArguments given) => name switch
    {
        "items" => Pairs(map),
        "keys" => TemplateOperators.Items(map),
        "values" => map.Keys.Select(key => map[key]).ToList(),
        "get" => map.TryGet(Text(given.Get(0, "key"), name).Text, out var value) ? value : given.Get(1, "default"),
        _ => throw Unknown(map, name),
    };

    private static long OfList(TemplateRun run, List<object?> list, string name, TemplateArguments given)
    {
        run.Weigh(list);
        return OfList(list, name, given);
    }

    private static long OfList(List<object?> list, string name, TemplateArguments given) => name switch
    {
        "count" => list.Count(item => TemplateValue.Equals(item, given.Get(0, "item"))),
        "index" => list.FindIndex(item => TemplateValue.Equals(item, given.Get(0, "item"))) is >= 0 and var place ? place : throw new TemplateException("asks for the place of an item that a list does not have"),
        "append" or "extend" or "insert" or "pop" or "remove" or "clear" or "sort" or "reverse" => throw new TemplateException($"changes a list with '{name}', which no template may; add lists with + instead"),
        _ => throw Unknown(list, name),
    };

    private static List<TemplateText> FromRight(TemplateText text, string? separator, int most)
    {
        if (most < 0)
            return text.Split(separator, -1);
        if (separator is null)
            throw new TemplateException("splits from the right at white space, which is not known here");
        var parts = new List<TemplateText>();
        var end = text.Length;
        for (var at = end; parts.Count < most && (at = end == 0 ? -1 : text.Text.LastIndexOf(separator, end - 1, StringComparison.Ordinal)) >= 0;)
        {
            parts.Insert(0, text.Slice(at + separator.Length, end));
            end = at;
        }
        parts.Insert(0, text.Slice(0, end));
        return parts;
    }

    private static List<TemplateText> Lines(TemplateText text)
    {
        var lines = text.Split("\n", -1);
        if (lines[^1].Length == 0)
            lines.RemoveAt(lines.Count - 1);
        return lines.ConvertAll(line => line.Text.EndsWith('\r') ? line.Slice(0, line.Length - 1) : line);
    }

    private static IEnumerable<string> Prefixes(TemplateArguments given, string name) =>
        given.Get(0, "prefix") is List<object?> several ? several.Select(part => Text(part, name).Text) : [Text(given.Get(0, "prefix"), name).Text];

    private static string? Separator(TemplateArguments given) => given.Get(0, "sep") is not { } separator ? null
        : Text(separator, "split").Text is { Length: > 0 } text ? text : throw new TemplateException("splits at an empty text");

    private static int Most(TemplateArguments given, int place, string name) => given.Get(place, name) is { } most ? (int)Math.Clamp(TemplateValue.Whole(most), -1, int.MaxValue) : -1;

    private static TemplateText Text(object? value, string method) => value as TemplateText ?? throw new TemplateException($"calls '{method}' with {TemplateValue.KindOf(value)} where a text belongs");

    private static List<object?> Listed(List<TemplateText> texts) => [.. texts];

    private static TemplateException Unknown(object? target, string name) => new($"calls '{name}' of {TemplateValue.KindOf(target)}, which is not known");
}
