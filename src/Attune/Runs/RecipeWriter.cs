using System.Collections;
using System.Globalization;
using System.Text;

namespace Attune.Runs;

/// <summary>Writes a record as a recipe with every key and its value; reading it back gives an equal record.</summary>
internal static class RecipeWriter
{
    public static string Write(object recipe)
    {
        var text = new StringBuilder();
        Section(text, recipe, "");
        return text.ToString();
    }

    /// <summary>A single value as YAML, or null where it is a list, dictionary or section.</summary>
    public static string? Scalar(object? value) => value switch
    {
        null => "null",
        bool b => b ? "true" : "false",
        int or long or ulong or decimal => Convert.ToString(value, CultureInfo.InvariantCulture),
        double.PositiveInfinity => ".inf",
        double.NegativeInfinity => "-.inf",
        double d => d.ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant(),
        string s => Text(s.Replace("${", "$${")),
        Enum e => RecipeKeys.EnumName(e),
        _ => null,
    };

    private static void Section(StringBuilder text, object section, string indent)
    {
        foreach (var key in RecipeKeys.Of(section.GetType()))
            Entry(text, key.Name, key.Property.GetValue(section), indent);
    }

    private static void Entry(StringBuilder text, string name, object? value, string indent)
    {
        text.Append(indent).Append(name).Append(':');
        if (Scalar(value) is { } scalar)
        {
            text.Append(' ').Append(scalar).Append('\n');
        }
        else if (RecipeKeys.ValueType(value!.GetType()) is not null)
        {
            var pairs = (IDictionary)value;
            text.Append(pairs.Count == 0 ? " {}\n" : "\n");
            foreach (DictionaryEntry pair in pairs)
                Entry(text, Text((string)pair.Key), pair.Value, indent + "  ");
        }
        else if (value is IEnumerable list)
        {
            Items(text, [.. list.Cast<object?>()], indent);
        }
        else
        {
            var before = text.Length;
            Section(text.Append('\n'), value, indent + "  ");
            if (text.Length == before + 1)
                text.Insert(before, " {}");
        }
    }

    private static void Items(StringBuilder text, IReadOnlyList<object?> items, string indent)
    {
        if (items.All(i => Inline(i) is not null))
        {
            text.Append(" [").AppendJoin(", ", items.Select(Inline)).Append("]\n");
            return;
        }
        text.Append('\n');
        foreach (var item in items)
        {
            var inner = new StringBuilder();
            Section(inner, item!, indent + "    ");
            text.Append(indent).Append("  - ").Append(inner.ToString().AsSpan(indent.Length + 4));
        }
    }

    /// <summary>A value of one line: a scalar, or a list of such.</summary>
    private static string? Inline(object? value)
    {
        if (value is null || RecipeKeys.ItemType(value.GetType()) is null)
            return Scalar(value);
        var items = ((IEnumerable)value).Cast<object?>().Select(Inline).ToArray();
        return items.Contains(null) ? null : $"[{string.Join(", ", items)}]";
    }

    /// <summary>Plain where no reader could take it for anything but text; else in double quotes.</summary>
    private static string Text(string value)
    {
        var plain = value.Length > 0 && (char.IsAsciiLetter(value[0]) || value[0] is '/' or '_')
            && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '.' or '-')
            && value is not ("null" or "true" or "false");
        if (plain)
            return value;
        var text = new StringBuilder("\"");
        foreach (var c in value)
        {
            text = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\t' => text.Append("\\t"),
                < ' ' or (>= '\x7f' and <= '\xa0') or '\u2028' or '\u2029' or '\ufeff' => text.Append($"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }
        return text.Append('"').ToString();
    }
}
