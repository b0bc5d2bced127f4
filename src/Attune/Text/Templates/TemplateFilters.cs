namespace Attune.Text.Templates;

/// <summary>Filters: <c>value | name(arguments)</c>.</summary>
internal static class TemplateFilters
{
    private static readonly Dictionary<string, Func<TemplateRun, object?, TemplateArguments, object?>> Known = new(StringComparer.Ordinal)
    {
        ["trim"] = (_, value, given) => Text(value).Trimmed(given.Get(0, "chars") is TemplateText signs ? signs.Text : null, left: true, right: true),
        ["length"] = (_, value, _) => Length(value),
        ["count"] = (_, value, _) => Length(value),
        ["upper"] = (_, value, _) => Text(value).Mapped(text => text.ToUpperInvariant()),
        ["lower"] = (_, value, _) => Text(value).Mapped(text => text.ToLowerInvariant()),
        ["title"] = (_, value, _) => Text(value).Mapped(TemplateMethods.Titled),
        ["capitalize"] = (_, value, _) => Text(value).Mapped(TemplateMethods.Capitalised),
        ["string"] = (run, value, _) => Printed(run, value),
        ["safe"] = (_, value, _) => value,
        ["tojson"] = (run, value, given) => TemplateJson.Of(run, value, given),
        ["default"] = (_, value, given) => value is Undefined || (TemplateValue.IsTrue(given.Get(1, "boolean", false)) && !TemplateValue.IsTrue(value)) ? given.Get(0, "default_value", TemplateText.Empty) : value,
        ["join"] = (run, value, given) => TemplateMethods.Join(run, Text(given.Get(0, "d", TemplateText.Empty)), Attributes(value, given.Get(1, "attribute"))),
        ["replace"] = (run, value, given) => TemplateMethods.Replaced(run, Text(value), Text(given.Get(0, "old")), Text(given.Get(1, "new")), given.Get(2, "count") is { } most ? (int)TemplateValue.Whole(most) : -1),
        ["indent"] = (run, value, given) => Indented(run, Text(value), given),
        ["first"] = (_, value, _) => TemplateOperators.Items(value) is [var first, ..] ? first : new Undefined("first"),
        ["last"] = (_, value, _) => TemplateOperators.Items(value) is [.., var last] ? last : new Undefined("last"),
        ["list"] = (_, value, _) => TemplateOperators.Items(value).ToList(),
        ["items"] = (_, value, _) => value is TemplateMap map ? TemplateMethods.Pairs(map) : value is Undefined ? new List<object?>() : throw Unfit("items", value),
        ["dictsort"] = (_, value, _) => value is TemplateMap map ? TemplateMethods.Pairs(map).OrderBy(pair => Text(((List<object?>)pair!)[0]).Text.ToLowerInvariant(), StringComparer.Ordinal).ToList() : throw Unfit("dictsort", value),
        ["reverse"] = (_, value, _) => value is TemplateText text ? TemplateText.Made(new([.. text.Text.Reverse()]), text) : Enumerable.Reverse(TemplateOperators.Items(value)).ToList(),
        ["sort"] = Sorted,
        ["unique"] = (run, value, _) => Unique(run, TemplateOperators.Items(value)),
        ["min"] = (run, value, _) => TemplateOperators.Items(value) is { Count: > 0 } items ? items.Aggregate((a, b) => TemplateOperators.Compare(run, "<", b, a) ? b : a) : new Undefined("min"),
        ["max"] = (run, value, _) => TemplateOperators.Items(value) is { Count: > 0 } items ? items.Aggregate((a, b) => TemplateOperators.Compare(run, ">", b, a) ? b : a) : new Undefined("max"),
        ["sum"] = (run, value, given) => Attributes(value, given.Get(0, "attribute")).Aggregate((object?)0L, (sum, item) => TemplateOperators.Apply(run, "+", sum, item)),
        ["int"] = (_, value, given) => Whole(value) ?? given.Get(0, "default", 0L),
        ["float"] = (_, value, given) => Real(value) ?? given.Get(0, "default", 0.0),
        ["abs"] = (_, value, _) => value is double number ? (object)Math.Abs(number) : Math.Abs(TemplateValue.Whole(value)),
        ["round"] = (_, value, given) => Math.Round(TemplateValue.Real(value), (int)Math.Clamp(TemplateValue.Whole(given.Get(0, "precision", 0L)), 0, 15), MidpointRounding.ToEven),
        ["map"] = Mapped,
        ["select"] = (run, value, given) => Chosen(run, value, given, byAttribute: false, keeps: true),
        ["reject"] = (run, value, given) => Chosen(run, value, given, byAttribute: false, keeps: false),
        ["selectattr"] = (run, value, given) => Chosen(run, value, given, byAttribute: true, keeps: true),
        ["rejectattr"] = (run, value, given) => Chosen(run, value, given, byAttribute: true, keeps: false),
    };

    /// <summary>Whether there is a filter of that name.</summary>
    public static bool Exists(string name) => name == "d" || Known.ContainsKey(name);

    public static object? Apply(TemplateRun run, string name, object? value, TemplateArguments given)
    {
        run.Charge(value switch { TemplateText text => text.Length, List<object?> list => list.Count, _ => 1 });
        return Known[name == "d" ? "default" : name](run, value, given);
    }

    private static TemplateText Text(object? value) => value is null or Undefined or List<object?> or TemplateMap ? throw Unfit("a filter of texts", value) : TemplateValue.TextOf(value);

    private static TemplateText Printed(TemplateRun run, object? value)
    {
        var text = TemplateValue.TextOf(value);
        run.Charge(text.Length);
        return text;
    }

    private static long Length(object? value) => value switch
    {
        TemplateText text => text.Text.EnumerateRunes().Count(),
        List<object?> list => list.Count,
        TemplateMap map => map.Keys.Count,
        Undefined => 0,
        _ => throw Unfit("length", value),
    };

    private static List<object?> Attributes(object? value, object? attribute) => attribute is null ? TemplateOperators.Items(value) : TemplateOperators.Items(value).ConvertAll(item => Path(item, attribute));

    /// <summary>A member, or one of a member: <c>message.role</c>.</summary>
    private static object? Path(object? item, object? attribute) => attribute is TemplateText path
        ? path.Text.Split('.').Aggregate(item, (at, part) => TemplateOperators.Member(at, long.TryParse(part, out var place) ? place : TemplateText.Of(part), isAttribute: false))
        : TemplateOperators.Member(item, attribute, isAttribute: false);

    private static List<object?> Sorted(TemplateRun run, object? value, TemplateArguments given)
    {
        var ignoresCase = !TemplateValue.IsTrue(given.Get(1, "case_sensitive", false));
        var by = given.Get(2, "attribute");
        var order = Comparer<object?>.Create((a, b) =>
        {
            run.Weigh(a);
            return TemplateValue.Compare(a, b, ignoresCase);
        });
        var items = TemplateOperators.Items(value);
        object? Key(object? item) => by is null ? item : Path(item, by);
        try
        {
            return TemplateValue.IsTrue(given.Get(0, "reverse", false)) ? items.OrderByDescending(Key, order).ToList() : items.OrderBy(Key, order).ToList();
        }
        catch (InvalidOperationException e) when (e.InnerException is TemplateException inner)
        {
            throw inner; // what a comparison throws comes wrapped
        }
    }

    private static List<object?> Unique(TemplateRun run, List<object?> items)
    {
        const int Least = 8; // of one comparison
        var known = new List<object?>();
        foreach (var item in items)
        {
            run.Spend(known.Count * Math.Max(Least, TemplateValue.Weight(item)));
            if (!known.Exists(other => TemplateValue.Equals(other, item)))
                known.Add(item);
        }
        return known;
    }

    private static List<object?> Mapped(TemplateRun run, object? value, TemplateArguments given)
    {
        if (given.Named.TryGetValue("attribute", out var attribute))
        {
            return TemplateOperators.Items(value).ConvertAll(item => Path(item, attribute) is Undefined missing ? given.Named.GetValueOrDefault("default", missing) : Path(item, attribute));
        }
        if (given.Get(0, "filter") is not TemplateText name || !Exists(name.Text))
            throw new TemplateException("maps with neither a filter that is known nor an attribute");
        return TemplateOperators.Items(value).ConvertAll(item => Apply(run, name.Text, item, new(given.Positional.Skip(1).ToArray(), given.Named)));
    }

    private static List<object?> Chosen(TemplateRun run, object? value, TemplateArguments given, bool byAttribute, bool keeps)
    {
        var place = byAttribute ? 1 : 0;
        var attribute = byAttribute ? given.Get(0, "attribute") ?? throw new TemplateException("chooses by an attribute without naming it") : null;
        var test = given.Get(place, "test") is TemplateText name ? name.Text : null;
        if (test is not null && !TemplateTests.Exists(test))
            throw new TemplateException($"chooses by the test '{test}', which is not known");
        var rest = new TemplateArguments(given.Positional.Skip(place + 1).ToArray(), given.Named);
        return TemplateOperators.Items(value).FindAll(item =>
        {
            var looked = attribute is null ? item : Path(item, attribute);
            return (test is null ? TemplateValue.IsTrue(looked) : TemplateTests.Holds(run, test, looked, rest)) == keeps;
        });
    }

    private static TemplateText Indented(TemplateRun run, TemplateText text, TemplateArguments given)
    {
        var margin = given.Get(0, "width", 4L) is TemplateText own ? own : TemplateText.Of(new string(' ', (int)Math.Clamp(TemplateValue.Whole(given.Get(0, "width", 4L)), 0, 1_000)));
        var (first, blank) = (TemplateValue.IsTrue(given.Get(1, "first", false)), TemplateValue.IsTrue(given.Get(2, "blank", false)));
        var lines = text.Split("\n", -1);
        var parts = new List<TemplateText>();
        for (var i = 0; i < lines.Count; i++)
        {
            if (i > 0)
                parts.Add(TemplateText.Of("\n"));
            if (i == 0 ? first : blank || lines[i].Length > 0)
                parts.Add(margin);
            parts.Add(lines[i]);
        }
        return TemplateOperators.Joined(run, parts);
    }

    private static object? Whole(object? value) => value switch
    {
        double number when Math.Abs(number) < 1e15 => (long)number,
        long or bool => TemplateValue.Whole(value),
        TemplateText text when long.TryParse(text.Text.Trim(), System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out var number) => number,
        TemplateText text when Real(text) is double number && Math.Abs(number) < 1e15 => (long)number,
        _ => null,
    };

    private static object? Real(object? value) => value switch
    {
        double or long or bool => TemplateValue.Real(value),
        TemplateText text when double.TryParse(text.Text, System.Globalization.CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };

    private static TemplateException Unfit(string filter, object? value) => new($"gives {TemplateValue.KindOf(value)} to {filter}");
}
