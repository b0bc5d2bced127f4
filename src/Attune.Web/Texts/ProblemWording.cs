using System.Collections.Frozen;
using System.Text.RegularExpressions;
using Attune.Runs;

namespace Attune.Web.Texts;

/// <summary>
/// Problems of what people typed into pages, in their language. A problem is composed in English, part by part ("is 0, expected at least 1; 3 is usual"); the parts that
/// the application itself says are keys <c>problem.…</c> of the interface's texts, whose English is what is looked for. A problem with any other part, of a file's line or
/// of a rule's YAML say, stays English as a whole, since half a sentence in another language helps nobody.
/// </summary>
internal static partial class ProblemWording
{
    private static readonly FrozenDictionary<string, (Regex English, string Key)[]> Parts = new[] { "title", "key", "found", "expected", "fix" }.ToFrozenDictionary(
        part => part,
        part => Wording.English($"problem.{part}.").OrderByDescending(text => Placeholder().Replace(text.Text, "").Length).Select(text => (Pattern(text.Text), text.Key)).ToArray(),
        StringComparer.Ordinal);

    /// <summary>The problem, and whether it is in the reader's language.</summary>
    /// <param name="words">The reader's words.</param>
    /// <param name="title">What it is about.</param>
    /// <param name="problem">What is wrong.</param>
    public static (string Text, bool IsTranslated) Of(Wording words, string title, Problem problem)
    {
        var english = $"{title} {problem.Key} {problem.Message}".Replace("  ", " ", StringComparison.Ordinal);
        if (words.Language == "en")
            return (english, true);
        if (Sentence().Match(problem.Message) is not { Success: true } parts
            || Part(words, "found", parts.Groups["found"].Value) is not { } found || Part(words, "expected", parts.Groups["expected"].Value) is not { } expected
            || Part(words, "fix", parts.Groups["fix"].Value) is not { } fix || Subject(words, title) is not { } about || Key(words, problem.Key) is not { } key)
            return (english, false);
        return (words.Of("problem.sentence", $"{about} {key}".TrimEnd(), found, expected, fix), true);
    }

    // A file's name is the same in every language.
    private static string? Subject(Wording words, string title) => Part(words, "title", title) ?? (title.Contains(' ', StringComparison.Ordinal) ? null : title);

    private static string? Key(Wording words, string key) => Wording.Has($"settings.{key}") ? $"„{words[$"settings.{key}"]}“" : Part(words, "key", key) ?? (key.Contains(' ', StringComparison.Ordinal) ? null : key);

    private static string? Part(Wording words, string part, string english)
    {
        foreach (var (pattern, key) in Parts[part])
        {
            if (pattern.Match(english) is { Success: true } match)
                return words.Of(key, [.. match.Groups.Values.Skip(1).Select(group => group.Value)]);
        }
        return null;
    }

    // What stands between quotes or brackets may hold spaces, anything else is one word.
    private static Regex Pattern(string english) => new(
        $"^{Regex.Replace(Regex.Escape(english).Replace("]", "\\]", StringComparison.Ordinal), @"('|\\\[)?\\\{\d\}", place => place.Groups[1].Success ? $"{place.Groups[1].Value}(.*)" : @"(\S+)")}$",
        RegexOptions.CultureInvariant | RegexOptions.Singleline);

    [GeneratedRegex(@"^(?<found>.*?), expected (?<expected>.*?); (?<fix>.*)$", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Sentence();

    [GeneratedRegex(@"\{\d\}", RegexOptions.CultureInvariant)]
    private static partial Regex Placeholder();
}

/// <summary>What is wrong with a form that was sent: a text in the reader's language, or a problem to be put into it.</summary>
/// <param name="Text">The text; null for a problem.</param>
/// <param name="Title">What the problem is about.</param>
/// <param name="Problem">The problem; null for a text.</param>
public sealed record PageProblem(string? Text, string Title = "", Problem? Problem = null)
{
    /// <summary>A text that is in the reader's language.</summary>
    public static implicit operator PageProblem(string text) => new(text);

    /// <summary>The problems of input that was refused.</summary>
    public static IReadOnlyList<PageProblem> Of(InputException refused)
    {
        ArgumentNullException.ThrowIfNull(refused);
        return [.. refused.Problems.Select(problem => new PageProblem(null, refused.Title, problem))];
    }

    /// <summary>What is shown, and whether it is in the reader's language.</summary>
    internal (string Text, bool IsTranslated) In(Wording words) => Problem is null ? (Text!, true) : ProblemWording.Of(words, Title, Problem);
}
