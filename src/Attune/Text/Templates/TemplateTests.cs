namespace Attune.Text.Templates;

/// <summary>Tests: <c>value is name(arguments)</c>.</summary>
internal static class TemplateTests
{
    private static readonly Dictionary<string, Func<TemplateRun, object?, TemplateArguments, bool>> Known = new(StringComparer.Ordinal)
    {
        ["defined"] = (_, value, _) => value is not Undefined,
        ["undefined"] = (_, value, _) => value is Undefined,
        ["none"] = (_, value, _) => value is null,
        ["string"] = (_, value, _) => value is TemplateText,
        ["boolean"] = (_, value, _) => value is bool,
        ["true"] = (_, value, _) => value is true,
        ["false"] = (_, value, _) => value is false,
        ["number"] = (_, value, _) => TemplateValue.IsNumber(value),
        ["integer"] = (_, value, _) => value is long,
        ["float"] = (_, value, _) => value is double,
        ["mapping"] = (_, value, _) => value is TemplateMap,
        ["sequence"] = (_, value, _) => value is List<object?> or TemplateText or TemplateMap,
        ["iterable"] = (_, value, _) => value is List<object?> or TemplateText or TemplateMap,
        ["callable"] = (_, value, _) => value is TemplateFunction,
        ["even"] = (_, value, _) => TemplateValue.Whole(value) % 2 == 0,
        ["odd"] = (_, value, _) => TemplateValue.Whole(value) % 2 != 0,
        ["divisibleby"] = (_, value, given) => TemplateValue.Whole(given.Get(0, "num")) is not 0 and var by ? TemplateValue.Whole(value) % by == 0 : throw new TemplateException("divides by 0"),
        ["sameas"] = (_, value, given) => value is bool or null ? given.Get(0, "other")?.Equals(value) ?? value is null : ReferenceEquals(value, given.Get(0, "other")),
        ["in"] = (run, value, given) => TemplateOperators.Contains(run, given.Get(0, "seq"), value),
        ["lower"] = (_, value, _) => value is TemplateText text && text.Text.Any(char.IsLower) && !text.Text.Any(char.IsUpper),
        ["upper"] = (_, value, _) => value is TemplateText text && text.Text.Any(char.IsUpper) && !text.Text.Any(char.IsLower),
        ["filter"] = (_, value, _) => value is TemplateText name && TemplateFilters.Exists(name.Text),
        ["test"] = (_, value, _) => value is TemplateText name && Exists(name.Text),
    };

    private static readonly Dictionary<string, string> Signs = new(StringComparer.Ordinal)
    {
        ["eq"] = "==",
        ["equalto"] = "==",
        ["=="] = "==",
        ["ne"] = "!=",
        ["!="] = "!=",
        ["lt"] = "<",
        ["lessthan"] = "<",
        ["<"] = "<",
        ["le"] = "<=",
        ["<="] = "<=",
        ["gt"] = ">",
        ["greaterthan"] = ">",
        [">"] = ">",
        ["ge"] = ">=",
        [">="] = ">=",
    };

    /// <summary>Whether there is a test of that name.</summary>
    public static bool Exists(string name) => Known.ContainsKey(name) || Signs.ContainsKey(name);

    public static bool Holds(TemplateRun run, string name, object? value, TemplateArguments given) =>
        Signs.TryGetValue(name, out var sign) ? TemplateOperators.Compare(run, sign, value, given.Get(0, "other")) : Known[name](run, value, given);
}
