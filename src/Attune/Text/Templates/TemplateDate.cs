using System.Globalization;
using System.Text;

namespace Attune.Text.Templates;

/// <summary>A moment by a pattern of C's <c>strftime</c>, in English; a template never reads a clock.</summary>
internal static class TemplateDate
{
    /// <summary><c>strftime_now</c>, which gives always the same moment.</summary>
    public static TemplateFunction Now(DateTimeOffset moment) => new("strftime_now", (run, given) =>
    {
        var pattern = TemplateValue.TextOf(given.Get(0, "format", TemplateText.Empty)).Text;
        run.Charge(pattern.Length);
        var text = Format(pattern, moment);
        run.Charge(text.Length);
        return TemplateText.Of(text);
    });

    /// <summary>The moment as text.</summary>
    /// <exception cref="TemplateException">The pattern has a sign that is not known.</exception>
    public static string Format(string pattern, DateTimeOffset moment)
    {
        var text = new StringBuilder();
        for (var at = 0; at < pattern.Length; at++)
        {
            if (pattern[at] != '%')
            {
                text.Append(pattern[at]);
                continue;
            }

            var isBare = at + 1 < pattern.Length && pattern[at + 1] == '-'; // without leading zeros
            at += isBare ? 2 : 1;
            var part = at < pattern.Length ? Part(pattern[at], moment) : null;
            text.Append(part is null ? throw new TemplateException($"asks for the date as '{pattern}', of which '%{(isBare ? "-" : "")}{(at < pattern.Length ? pattern[at] : "")}' is not known")
                : isBare && part.TrimStart('0', ' ') is var bare ? bare.Length > 0 ? bare : "0" : part);
        }

        return text.ToString();
    }

    private static string? Part(char sign, DateTimeOffset moment)
    {
        string In(string format) => moment.ToString(format, CultureInfo.InvariantCulture);
        return sign switch
        {
            'd' => In("dd"),
            'e' => In("%d").PadLeft(2),
            'm' => In("MM"),
            'b' or 'h' => In("MMM"),
            'B' => In("MMMM"),
            'y' => In("yy"),
            'Y' => In("yyyy"),
            'a' => In("ddd"),
            'A' => In("dddd"),
            'j' => moment.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
            'u' => (moment.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)moment.DayOfWeek).ToString(CultureInfo.InvariantCulture),
            'w' => ((int)moment.DayOfWeek).ToString(CultureInfo.InvariantCulture),
            'H' => In("HH"),
            'I' => In("hh"),
            'M' => In("mm"),
            'S' => In("ss"),
            'p' => moment.Hour < 12 ? "AM" : "PM",
            'F' => In("yyyy-MM-dd"),
            'T' => In("HH:mm:ss"),
            'R' => In("HH:mm"),
            'D' => In("MM/dd/yy"),
            'z' => In("zzz").Replace(":", "", StringComparison.Ordinal),
            'Z' => moment.Offset == TimeSpan.Zero ? "UTC" : "UTC" + In("zzz"),
            '%' => "%",
            _ => null,
        };
    }
}
