using System.Text.Json;
using Attune.Tokens.Characters;

namespace Attune.Tokens.Pipeline;

/// <summary>The <c>pattern</c> of a component: a plain text or a regular expression.</summary>
internal static class TextPattern
{
    /// <summary>Finds all matches, from left to right, none within another.</summary>
    public static Func<string, IEnumerable<(int Start, int End)>> Read(Component component)
    {
        if (RegexOf(component) is not { } regex)
        {
            var sought = component.Child("pattern").Text("String");
            return text => Cuts.Occurrences(text, sought);
        }
        if (SplitScanner.Of(regex) is { } known)
            return text => SplitScanner.Words(text, known);
        var pattern = Parsed(component, regex);
        return pattern.Matches;
    }

    /// <summary>The regular expression of a component; null where its pattern is a plain text.</summary>
    public static string? RegexOf(Component component)
    {
        var pattern = component.Child("pattern");
        pattern.Allow("String", "Regex");
        if (pattern.Has("String") == pattern.Has("Regex"))
            throw component.Wrong("pattern", pattern.Has("String") ? "has both String and Regex" : "has neither String nor Regex", "one of them");
        return pattern.Has("Regex") ? pattern.Text("Regex") : null;
    }

    private static RunePattern Parsed(Component component, string regex)
    {
        try
        {
            return RunePattern.Parse(regex);
        }
        catch (FormatException e)
        {
            throw component.Wrong("pattern", $"is the regular expression {JsonEncodedText.Encode(regex, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}, which {e.Message}", "one that is understood");
        }
    }
}
