using System.Text;
using Attune.Feedback;

namespace Attune.Evaluation;

/// <summary>Numbers as people read them in report and terminal; the exact ones are in report.json.</summary>
internal static class NumberText
{
    public const string Missing = "–";

    /// <summary>A share as a percentage with one decimal.</summary>
    public static string Percent(double? share) => share is { } value && double.IsFinite(value) ? $"{Signed(value * 100, "0.0")}\u00A0%" : Missing;

    /// <summary>Two ends of an interval of shares, in whole percent.</summary>
    public static string Percents(Interval interval) =>
        double.IsFinite(interval.Lower) && double.IsFinite(interval.Upper)
            ? $"{Signed(interval.Lower * 100, "0.0")} – {Signed(interval.Upper * 100, "0.0")}\u00A0%"
            : Missing;

    /// <summary>A plain number with about three significant digits.</summary>
    public static string Number(double? number) => number switch
    {
        null or double.NaN => Missing,
        double.PositiveInfinity => "∞",
        double.NegativeInfinity => "−∞",
        { } v when Math.Abs(v) >= 1000 => Signed(v, "#,0"),
        { } v when Math.Abs(v) >= 100 => Signed(v, "0"),
        { } v when Math.Abs(v) >= 10 => Signed(v, "0.0"),
        { } v => Signed(v, "0.00"),
    };

    /// <summary>A number with its standard error.</summary>
    public static string WithError(double? number, double? error) =>
        error is { } e && double.IsFinite(e) && number is { } n && double.IsFinite(n) ? $"{Number(n)} ± {Number(e)}" : Number(number);

    public static string Value(double value, bool percent) => percent ? Percent(value) : Number(value);

    private static string Signed(double value, string format)
    {
        var text = value.ToString(format);
        return text.Trim('-', '0', '.', ',').Length == 0 ? text.TrimStart('-') : text.Replace('-', '−');
    }
}

/// <summary>Text that others (models above all) wrote, made fit for a page.</summary>
internal static class PageText
{
    /// <summary>Replaces what XML cannot hold (control characters, lone surrogates) by U+FFFD. Escaping is the writer's.</summary>
    public static string Clean(string text)
    {
        if (text.All(c => c is '\n' or '\t' || (c >= ' ' && !char.IsSurrogate(c) && c < '\uFFFE')))
            return text;

        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) // a lone surrogate comes out as U+FFFD
            clean.Append(rune.Value is '\n' or '\t' || (rune.Value >= ' ' && (rune.Value & 0xFFFE) != 0xFFFE) ? rune.ToString() : "\uFFFD");
        return clean.ToString();
    }
}
