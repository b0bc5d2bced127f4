using System.Text.RegularExpressions;

namespace Attune.Feedback.Arena;

/// <summary>
/// Names by which an answer gives away who wrote it: those of <c>data/arena-makers.txt</c>, which is part of the program, and the arena's own. A name
/// counts as a whole word, in whatever case; blanks and hyphens in it are alike.
/// </summary>
public sealed partial class MakerNames
{
    private readonly Regex _any;

    /// <summary>The names of the file and more.</summary>
    /// <param name="more">Names, makers and other names of the arena's models; those of fewer than two characters are left out.</param>
    public MakerNames(IEnumerable<string> more)
    {
        var names = DataLines.Of("arena-makers.txt").Concat(more).Select(name => name.Trim()).Where(name => name.Length > 1).Distinct(StringComparer.OrdinalIgnoreCase);
        var patterns = names.Select(name => Gaps().Replace(Regex.Escape(Gaps().Replace(name, " ")).Replace("\\ ", " ", StringComparison.Ordinal), @"[\s\-_]*"));
        _any = new($@"(^|[^\p{{L}}\p{{N}}])({string.Join('|', patterns)})($|[^\p{{L}}\p{{N}}])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture);
    }

    /// <summary>Whether a text names a maker.</summary>
    public bool IsIn(string text) => _any.IsMatch(text);

    [GeneratedRegex(@"[\s\-_]+")]
    private static partial Regex Gaps();
}

/// <summary>Lines of a file that is part of the program; those that begin with # are remarks.</summary>
internal static class DataLines
{
    public static IReadOnlyList<string> Of(string name)
    {
        using var reader = new StreamReader(typeof(DataLines).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd().Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0 && line[0] != '#').ToArray();
    }
}
