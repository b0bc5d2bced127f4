using System.Globalization;
using System.Text;

namespace Attune.Text.Templates;

/// <summary>Something that has no value: a variable nobody set. It prints as nothing and is false; to ask it for anything fails.</summary>
internal sealed record Undefined(string Name);

/// <summary>Arguments of a call.</summary>
internal sealed record TemplateArguments(IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    public static TemplateArguments None { get; } = new([], new Dictionary<string, object?>());

    /// <summary>An argument by place or name, or what is usual.</summary>
    public object? Get(int place, string name, object? usual = null) => place < Positional.Count ? Positional[place] : Named.TryGetValue(name, out var value) ? value : usual;
}

/// <summary>Something that can be called.</summary>
internal sealed record TemplateFunction(string Name, Func<TemplateRun, TemplateArguments, object?> Call);

/// <summary>What <c>namespace()</c> makes: the only thing that a template may change.</summary>
internal sealed class TemplateNamespace
{
    public Dictionary<string, object?> Values { get; } = new(StringComparer.Ordinal);
}

/// <summary>Keys with values, in the order in which they came.</summary>
internal sealed class TemplateMap
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);
    private readonly List<string> _keys = [];

    public IReadOnlyList<string> Keys => _keys;

    public object? this[string key]
    {
        get => _values[key];
        set
        {
            if (!_values.ContainsKey(key))
                _keys.Add(key);
            _values[key] = value;
        }
    }

    public bool TryGet(string key, out object? value) => _values.TryGetValue(key, out value);
}

/// <summary>
/// What values mean: truth, equality, order and text as in Python. A value is null, <see cref="Undefined"/>, a bool, a long, a double, a <see cref="TemplateText"/>, a list,
/// a <see cref="TemplateMap"/>, a <see cref="TemplateNamespace"/> or a <see cref="TemplateFunction"/>: nothing else of the program can be reached.
/// </summary>
internal static class TemplateValue
{
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        TemplateText text => text.Length > 0,
        List<object?> list => list.Count > 0,
        TemplateMap map => map.Keys.Count > 0,
        _ => true,
    };

    public static new bool Equals(object? a, object? b) => (a, b) switch
    {
        (null, null) => true,
        (TemplateText x, TemplateText y) => x.Text == y.Text,
        (List<object?> x, List<object?> y) => x.Count == y.Count && x.Zip(y).All(pair => Equals(pair.First, pair.Second)),
        (TemplateMap x, TemplateMap y) => x.Keys.Count == y.Keys.Count && x.Keys.All(key => y.TryGet(key, out var other) && Equals(x[key], other)),
        (Undefined, Undefined) => true,
        _ when IsNumber(a) && IsNumber(b) => a is long or bool && b is long or bool ? Whole(a) == Whole(b) : Real(a) == Real(b),
        _ => ReferenceEquals(a, b),
    };

    /// <summary>Below 0, 0 or above it, as the first stands before, beside or behind the second.</summary>
    public static int Compare(object? a, object? b, bool ignoresCase = false) => (a, b) switch
    {
        (TemplateText x, TemplateText y) => ignoresCase ? string.CompareOrdinal(x.Text.ToLowerInvariant(), y.Text.ToLowerInvariant()) : string.CompareOrdinal(x.Text, y.Text),
        (List<object?> x, List<object?> y) => x.Zip(y).Select(pair => Compare(pair.First, pair.Second, ignoresCase)).FirstOrDefault(order => order != 0) is var order and not 0 ? order : x.Count.CompareTo(y.Count),
        _ when IsNumber(a) && IsNumber(b) => a is long or bool && b is long or bool ? Whole(a).CompareTo(Whole(b)) : Real(a).CompareTo(Real(b)),
        _ => throw new TemplateException($"compares {KindOf(a)} with {KindOf(b)}"),
    };

    /// <summary>The characters and items that are met on the way through a value; what stands in it twice is met twice, so that a few steps may make it endless.</summary>
    /// <exception cref="TemplateException">It is too deep or too large to go through: no such value is let into being.</exception>
    public static long Weight(object? value, int depth = 0)
    {
        const int Item = 32; // what an item costs, in characters

        if (depth > TemplateRun.DeepestValue)
            throw new TemplateException($"puts more than {TemplateRun.DeepestValue} values within each other");
        return value switch
        {
            TemplateText text => text.Length + 1L,
            List<object?> list => Sum(list, depth),
            TemplateMap map => Sum(map.Keys.Select(key => map[key]), depth) + map.Keys.Sum(key => (long)key.Length),
            _ => 1,
        };

        static long Sum(IEnumerable<object?> items, int depth)
        {
            var sum = 1L;
            foreach (var item in items)
            {
                if ((sum += Item + Weight(item, depth + 1)) > TemplateRun.MostCharacters)
                    throw new TemplateException($"makes a value of more than {TemplateRun.MostCharacters} characters");
            }

            return sum;
        }
    }

    public static bool IsNumber(object? value) => value is long or double or bool;

    public static long Whole(object? value) => value switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        double number when double.IsInteger(number) && Math.Abs(number) < 1e15 => (long)number,
        _ => throw new TemplateException($"needs a whole number where it has {KindOf(value)}"),
    };

    public static double Real(object? value) => value switch
    {
        double number => number,
        long or bool => Whole(value),
        _ => throw new TemplateException($"needs a number where it has {KindOf(value)}"),
    };

    public static string KindOf(object? value) => value switch
    {
        null => "none",
        Undefined missing => $"'{missing.Name}', which is not defined",
        bool => "true or false",
        long or double => "a number",
        TemplateText => "a text",
        List<object?> => "a list",
        TemplateMap => "a dictionary",
        TemplateNamespace => "a namespace",
        _ => "a function",
    };

    /// <summary>How a value prints.</summary>
    public static TemplateText TextOf(object? value) => value switch
    {
        TemplateText text => text,
        Undefined => TemplateText.Empty,
        null => TemplateText.Of("None"),
        bool flag => TemplateText.Of(flag ? "True" : "False"),
        long number => TemplateText.Of(number.ToString(CultureInfo.InvariantCulture)),
        double number => TemplateText.Of(RealText(number)),
        List<object?> or TemplateMap => TemplateText.Of(Shown(value), TemplateText.Data),
        _ => throw new TemplateException($"prints {KindOf(value)}"),
    };

    /// <summary>A number as Python writes it.</summary>
    public static string RealText(double number)
    {
        if (!double.IsFinite(number))
            return double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        var text = number.ToString("R", CultureInfo.InvariantCulture);
        if (text.Contains('E', StringComparison.Ordinal))
            return Math.Abs(number) is >= 1e-4 and < 1e16 ? number.ToString("0.################", CultureInfo.InvariantCulture) + (double.IsInteger(number) ? ".0" : "") : text.Replace("E", "e", StringComparison.Ordinal);
        return text.Contains('.', StringComparison.Ordinal) ? text : text + ".0";
    }

    /// <summary>A value within a list that is printed.</summary>
    private static string Shown(object? value)
    {
        switch (value)
        {
            case TemplateText text:
                var quote = text.Text.Contains('\'', StringComparison.Ordinal) && !text.Text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
                var shown = new StringBuilder().Append(quote);
                foreach (var sign in text.Text)
                    shown.Append(sign switch { '\\' => "\\\\", '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", _ when sign == quote => "\\" + quote, _ => sign.ToString() });
                return shown.Append(quote).ToString();
            case List<object?> list:
                return "[" + string.Join(", ", list.Select(Shown)) + "]";
            case TemplateMap map:
                return "{" + string.Join(", ", map.Keys.Select(key => Shown(TemplateText.Of(key)) + ": " + Shown(map[key]))) + "}";
            default:
                return TextOf(value).Text;
        }
    }
}

/// <summary>A template fails on what it is given. The message goes on after "the template".</summary>
internal sealed class TemplateException(string message) : Exception(message)
{
    /// <summary>What the template itself says, where it refuses.</summary>
    public string? Said { get; init; }

    /// <summary>The line, where it is known.</summary>
    public int Line { get; set; }
}
