namespace Attune.Text.Templates;

/// <summary>What signs between values mean, and how values are looked into.</summary>
internal static class TemplateOperators
{
    public static object? Apply(TemplateRun run, string sign, object? left, object? right)
    {
        try
        {
            return (sign, left, right) switch
            {
                ("~", _, _) => Joined(run, TemplateValue.TextOf(left), TemplateValue.TextOf(right)),
                ("+", TemplateText a, TemplateText b) => Joined(run, a, b),
                ("+", List<object?> a, List<object?> b) => Added(run, a, b),
                ("*", TemplateText text, long or bool) => Times(run, text, TemplateValue.Whole(right)),
                ("*", long, TemplateText text) => Times(run, text, TemplateValue.Whole(left)),
                _ when !TemplateValue.IsNumber(left) || !TemplateValue.IsNumber(right) => throw new TemplateException($"computes {TemplateValue.KindOf(left)} {sign} {TemplateValue.KindOf(right)}"),
                ("/", _, _) => Real(sign, TemplateValue.Real(left), TemplateValue.Real(right)),
                (_, double, _) or (_, _, double) => Real(sign, TemplateValue.Real(left), TemplateValue.Real(right)),
                _ => Whole(sign, TemplateValue.Whole(left), TemplateValue.Whole(right)),
            };
        }
        catch (OverflowException)
        {
            throw new TemplateException($"computes {TemplateValue.TextOf(left).Text} {sign} {TemplateValue.TextOf(right).Text}, which is too large a number");
        }
    }

    public static bool Compare(TemplateRun run, string sign, object? left, object? right) => sign switch
    {
        "==" => AreEqual(run, left, right),
        "!=" => !AreEqual(run, left, right),
        "<" => Order(run, left, right) < 0,
        "<=" => Order(run, left, right) <= 0,
        ">" => Order(run, left, right) > 0,
        ">=" => Order(run, left, right) >= 0,
        "in" => Contains(run, right, left),
        _ => !Contains(run, right, left),
    };

    private static bool AreEqual(TemplateRun run, object? left, object? right)
    {
        if (left is not TemplateText text || (right is TemplateText other && other.Length == text.Length)) // texts of unlike length are told apart at once
            run.Weigh(left);
        return TemplateValue.Equals(left, right);
    }

    private static int Order(TemplateRun run, object? left, object? right)
    {
        run.Weigh(left);
        return TemplateValue.Compare(left, right);
    }

    public static bool Contains(TemplateRun run, object? container, object? item)
    {
        switch (container)
        {
            case TemplateText text when item is TemplateText part:
                run.Charge(text.Length / 8);
                return text.Text.Contains(part.Text, StringComparison.Ordinal);
            case List<object?> list:
                run.Weigh(list);
                return list.Exists(other => TemplateValue.Equals(other, item));
            case TemplateMap map:
                return item is TemplateText key && map.TryGet(key.Text, out _);
            case Undefined:
                return false;
            default:
                throw new TemplateException($"looks for {TemplateValue.KindOf(item)} in {TemplateValue.KindOf(container)}");
        }
    }

    /// <summary>A key of a dictionary or namespace; null where it has none.</summary>
    public static object? Own(object? target, string name) => target switch
    {
        TemplateMap map => map.TryGet(name, out var value) ? value : null,
        TemplateNamespace space => space.Values.GetValueOrDefault(name),
        _ => null,
    };

    public static object? Member(object? target, object? key, bool isAttribute)
    {
        switch (target)
        {
            case Undefined missing:
                throw new TemplateException($"asks '{missing.Name}', which is not defined, for '{TemplateValue.TextOf(key).Text}'");
            case TemplateMap or TemplateNamespace when key is TemplateText name:
                var isThere = target is TemplateMap map ? map.TryGet(name.Text, out var value) : ((TemplateNamespace)target).Values.TryGetValue(name.Text, out value);
                return isThere ? value : new Undefined(name.Text);
            case List<object?> list when !isAttribute && TemplateValue.IsNumber(key):
                var place = Place(TemplateValue.Whole(key), list.Count);
                return place >= 0 && place < list.Count ? list[(int)place] : new Undefined($"item {TemplateValue.Whole(key)}");
            case TemplateText text when !isAttribute && TemplateValue.IsNumber(key):
                var at = Place(TemplateValue.Whole(key), text.Length);
                return at >= 0 && at < text.Length ? text.Slice((int)at, (int)at + 1) : new Undefined($"character {TemplateValue.Whole(key)}");
            default:
                return new Undefined(TemplateValue.TextOf(key).Text);
        }
    }

    public static object? Slice(TemplateRun run, object? target, long? start, long? end, long stride)
    {
        if (stride == 0)
            throw new TemplateException("slices with a stride of 0");
        var count = target switch { TemplateText text => text.Length, List<object?> items => items.Count, _ => throw new TemplateException($"slices {TemplateValue.KindOf(target)}") };
        run.Charge(count);
        var (low, high) = stride > 0 ? (0L, (long)count) : (-1L, count - 1L);
        var from = start is { } first ? Math.Clamp(Place(first, count), low, high) : stride > 0 ? low : high;
        var to = end is { } last ? Math.Clamp(Place(last, count), low, high) : stride > 0 ? high : low;
        if (target is TemplateText whole && stride == 1)
            return whole.Slice((int)from, (int)Math.Max(from, to));
        var places = new List<int>();
        for (var at = from; stride > 0 ? at < to : at > to; at += stride)
            places.Add((int)at);
        return target is List<object?> list ? places.ConvertAll(at => list[at]) : Joined(run, [.. places.Select(at => ((TemplateText)target!).Slice(at, at + 1))]);
    }

    /// <summary>What a loop goes through: items of a list, keys of a dictionary, characters of a text.</summary>
    public static List<object?> Items(object? value) => value switch
    {
        List<object?> list => list,
        TemplateMap map => [.. map.Keys.Select(key => TemplateText.Of(key, TemplateText.Data))],
        TemplateText text => [.. Enumerable.Range(0, text.Length).Select(at => text.Slice(at, at + 1))],
        Undefined => [],
        _ => throw new TemplateException($"loops over {TemplateValue.KindOf(value)}"),
    };

    public static TemplateText Joined(TemplateRun run, params IReadOnlyList<TemplateText> parts)
    {
        run.Charge(parts.Sum(part => (long)part.Length));
        var result = new TemplateTextBuilder();
        foreach (var part in parts)
            result.Append(part);
        return result.ToText();
    }

    private static long Place(long index, int count) => index < 0 ? Math.Max(index, -1_000_000_000_000) + count : index;

    private static List<object?> Added(TemplateRun run, List<object?> a, List<object?> b)
    {
        run.Charge(8L * (a.Count + b.Count));
        List<object?> both = [.. a, .. b];
        run.Weigh(both);
        return both;
    }

    private static TemplateText Times(TemplateRun run, TemplateText text, long count)
    {
        if (count <= 0 || text.Length == 0)
            return TemplateText.Empty;
        run.Charge(count > TemplateRun.MostCharacters ? long.MaxValue / 2 : text.Length * count);
        return Joined(run, [.. Enumerable.Repeat(text, (int)count)]);
    }

    private static object Whole(string sign, long a, long b) => checked(sign switch
    {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "//" => b == 0 ? throw new TemplateException("divides by 0") : (a / b) - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0),
        "%" => b == 0 ? throw new TemplateException("divides by 0") : ((a % b) + b) % b,
        _ => b is >= 0 and <= 64 ? Power(a, b) : (object)Math.Pow(a, b),
    });

    private static long Power(long a, long b)
    {
        var result = 1L;
        for (; b > 0; b--)
            result = checked(result * a);
        return result;
    }

    private static double Real(string sign, double a, double b) => sign switch
    {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "**" => Math.Pow(a, b),
        _ when b == 0 => throw new TemplateException("divides by 0"),
        "/" => a / b,
        "//" => Math.Floor(a / b),
        _ => a - (b * Math.Floor(a / b)),
    };
}
