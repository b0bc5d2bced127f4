using System.Text.RegularExpressions;

namespace Attune.Web.Work;

/// <summary>What a piece of two texts is to the second.</summary>
public enum DiffKind
{
    /// <summary>Stands in both.</summary>
    Same,

    /// <summary>Stands in the first alone.</summary>
    Removed,

    /// <summary>Stands in the second alone.</summary>
    Added,
}

/// <summary>A piece of a difference.</summary>
/// <param name="Kind">Where it stands.</param>
/// <param name="Text">What it says.</param>
public sealed record DiffPart(DiffKind Kind, string Text);

/// <summary>
/// What differs between two texts, word by word: as few words as possible are removed and added (a longest common subsequence). The same parts and the removed
/// ones joined are the first text to the letter, the same and the added ones the second.
/// </summary>
public static partial class WordDiff
{
    private const long LargestTable = 9_000_000; // words of one text times words of the other: 3,000 each; beyond that the middle counts as replaced

    /// <summary>The difference, in the order of the texts.</summary>
    public static IReadOnlyList<DiffPart> Of(string first, string second)
    {
        string[] one = [.. Words().Matches(first).Select(word => word.Value)], other = [.. Words().Matches(second).Select(word => word.Value)];
        var start = one.Zip(other).TakeWhile(pair => pair.First == pair.Second).Count();
        var end = one.Reverse().Zip(other.Reverse()).Take(Math.Min(one.Length, other.Length) - start).TakeWhile(pair => pair.First == pair.Second).Count();
        var parts = new List<DiffPart>();
        Add(parts, DiffKind.Same, one[..start]);
        Middle(parts, one[start..^end], other[start..^end]);
        Add(parts, DiffKind.Same, one[^end..]);
        return parts;
    }

    private static void Middle(List<DiffPart> parts, string[] one, string[] other)
    {
        if ((long)one.Length * other.Length > LargestTable)
        {
            Add(parts, DiffKind.Removed, one);
            Add(parts, DiffKind.Added, other);
            return;
        }
        var common = new ushort[one.Length + 1, other.Length + 1]; // words in common from (i, j) on
        for (var i = one.Length - 1; i >= 0; i--)
        {
            for (var j = other.Length - 1; j >= 0; j--)
                common[i, j] = one[i] == other[j] ? (ushort)(common[i + 1, j + 1] + 1) : Math.Max(common[i + 1, j], common[i, j + 1]);
        }
        for (int i = 0, j = 0; i < one.Length || j < other.Length;)
        {
            if (i < one.Length && j < other.Length && one[i] == other[j])
                (i, j) = (i + 1, j + Added(parts, DiffKind.Same, one[i]));
            else if (i < one.Length && (j == other.Length || common[i + 1, j] >= common[i, j + 1]))
                i += Added(parts, DiffKind.Removed, one[i]);
            else
                j += Added(parts, DiffKind.Added, other[j]);
        }
    }

    private static int Added(List<DiffPart> parts, DiffKind kind, string word)
    {
        Add(parts, kind, [word]);
        return 1;
    }

    private static void Add(List<DiffPart> parts, DiffKind kind, string[] words)
    {
        if (words.Length == 0)
            return;
        var text = string.Concat(words);
        if (parts.Count > 0 && parts[^1].Kind == kind)
            parts[^1] = new(kind, parts[^1].Text + text);
        else
            parts.Add(new(kind, text));
    }

    [GeneratedRegex(@"\s+|[\uD800-\uDBFF][\uDC00-\uDFFF]|[\w\p{M}]+|[^\w\s\p{M}]", RegexOptions.Singleline)]
    private static partial Regex Words();
}
