using System.Text.RegularExpressions;
using Attune.Evaluation;

namespace Attune.Tests.Evaluation;

public sealed partial class ReportStyleTests
{
    [Theory]
    [InlineData(0)] // light
    [InlineData(1)] // dark
    public void Text_stands_out_from_every_background_by_four_and_a_half_to_one(int scheme)
    {
        var colours = Scheme(scheme);
        foreach (var text in new[] { "ink", "muted", "accent", "good", "bad" })
            foreach (var ground in new[] { "paper", "card", "tint" })
                Assert.True(Contrast(colours[text], colours[ground]) >= 4.5, $"{text} on {ground}: {Contrast(colours[text], colours[ground]):0.00}");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Lines_of_plots_stand_out_by_three_to_one(int scheme)
    {
        var colours = Scheme(scheme);
        Assert.All(Enumerable.Range(1, 5), i => Assert.True(Contrast(colours[$"c{i}"], colours["card"]) >= 3, $"c{i}"));
    }

    private static Dictionary<string, string> Scheme(int scheme)
    {
        var roots = ReportStyle.Css.Split(":root {");
        return Colour().Matches(roots[1 + scheme]).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
    }

    // Relative luminance and contrast ratio as WCAG 2 defines them.
    private static double Contrast(string one, string other)
    {
        var (a, b) = (Luminance(one), Luminance(other));
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
    }

    private static double Luminance(string hex)
    {
        double Channel(int at)
        {
            var value = Convert.ToInt32(hex.Substring(at, 2), 16) / 255.0;
            return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }

        return 0.2126 * Channel(0) + 0.7152 * Channel(2) + 0.0722 * Channel(4);
    }

    [GeneratedRegex("--([a-z0-9]+): #([0-9a-f]{6})(?![0-9a-f])")]
    private static partial Regex Colour();
}
