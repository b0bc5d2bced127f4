using System.Globalization;
using System.Text;

namespace Attune.Text.Templates;

/// <summary>The filter <c>tojson</c>, byte for byte as Python writes JSON with its characters unescaped: <c>", "</c> and <c>": "</c> between, or lines with an indent.</summary>
internal static class TemplateJson
{
    public static TemplateText Of(TemplateRun run, object? value, TemplateArguments given)
    {
        string? indent = given.Get(1, "indent") switch
        {
            null or Undefined => null,
            TemplateText text => text.Text,
            var width => new string(' ', (int)Math.Clamp(TemplateValue.Whole(width), 0, 64)),
        };
        var sorts = TemplateValue.IsTrue(given.Get(3, "sort_keys", false));
        var json = new StringBuilder();
        Write(run, json, value, indent, sorts, depth: 0);
        return TemplateText.Of(json.ToString(), TemplateText.Data);
    }

    private static void Write(TemplateRun run, StringBuilder json, object? value, string? indent, bool sorts, int depth)
    {
        run.Charge(value is TemplateText written ? written.Length + 2 : 8);
        if (depth > 50)
            throw new TemplateException("writes JSON nested more than 50 deep");
        switch (value)
        {
            case null: json.Append("null"); break;
            case bool flag: json.Append(flag ? "true" : "false"); break;
            case long number: json.Append(number.ToString(CultureInfo.InvariantCulture)); break;
            case double number: json.Append(double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? number > 0 ? "Infinity" : "-Infinity" : TemplateValue.RealText(number)); break;
            case TemplateText text: Quote(json, text.Text); break;
            case List<object?> list:
                Row(run, json, '[', ']', list.Count, indent, depth, i => Write(run, json, list[i], indent, sorts, depth + 1));
                break;
            case TemplateMap map:
                var keys = sorts ? [.. map.Keys.Order(StringComparer.Ordinal)] : map.Keys;
                Row(run, json, '{', '}', keys.Count, indent, depth, i =>
                {
                    Quote(json, keys[i]);
                    json.Append(": ");
                    Write(run, json, map[keys[i]], indent, sorts, depth + 1);
                });
                break;
            default: throw new TemplateException($"writes {TemplateValue.KindOf(value)} as JSON");
        }
    }

    private static void Row(TemplateRun run, StringBuilder json, char open, char close, int count, string? indent, int depth, Action<int> item)
    {
        json.Append(open);
        for (var i = 0; i < count; i++)
        {
            if (i > 0)
                json.Append(indent is null ? ", " : ",");
            Break(run, json, indent, depth + 1);
            item(i);
        }
        if (count > 0)
            Break(run, json, indent, depth);
        json.Append(close);
    }

    private static void Break(TemplateRun run, StringBuilder json, string? indent, int depth)
    {
        if (indent is null)
            return;
        run.Charge(1 + ((long)indent.Length * depth));
        json.Append('\n');
        for (var i = 0; i < depth; i++)
            json.Append(indent);
    }

    private static void Quote(StringBuilder json, string text)
    {
        json.Append('"');
        foreach (var sign in text)
        {
            json.Append(sign switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' => $"\\u{(int)sign:x4}",
                _ => sign.ToString(),
            });
        }
        json.Append('"');
    }
}
