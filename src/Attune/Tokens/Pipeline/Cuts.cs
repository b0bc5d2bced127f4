using System.Text;
using Attune.Tokens.Characters;

namespace Attune.Tokens.Pipeline;

/// <summary>A part of a text that lies within a match of a pattern, or between matches.</summary>
internal readonly record struct Cut(int Start, int End, bool IsMatch);

/// <summary>What becomes of the matches at which a text is cut.</summary>
internal enum CutBehavior
{
    /// <summary>They are left out.</summary>
    Removed,

    /// <summary>Each is a piece of its own.</summary>
    Isolated,

    /// <summary>Each ends the piece before it.</summary>
    MergedWithPrevious,

    /// <summary>Each begins the piece after it.</summary>
    MergedWithNext,

    /// <summary>Neighbouring matches are one piece.</summary>
    Contiguous,
}

/// <summary>Finds where a text is to be cut, and cuts it.</summary>
internal static class Cuts
{
    /// <summary>The matches of a pattern and what lies between them, in their order, none empty.</summary>
    public static List<Cut> Of(string text, IEnumerable<(int Start, int End)> matches)
    {
        var cuts = new List<Cut>();
        var last = 0;
        foreach (var (start, end) in matches)
        {
            if (start > last)
                cuts.Add(new(last, start, false));
            if (end > start)
                cuts.Add(new(start, end, true));
            last = end;
        }
        if (last < text.Length)
            cuts.Add(new(last, text.Length, false));
        return cuts;
    }

    /// <summary>Each character of a set as a match.</summary>
    public static IEnumerable<(int Start, int End)> Characters(string text, RuneSet set)
    {
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (set.Holds(rune.Value))
                yield return (at, at + rune.Utf16SequenceLength);
            at += rune.Utf16SequenceLength;
        }
    }

    /// <summary>Each occurrence of a text as a match.</summary>
    public static IEnumerable<(int Start, int End)> Occurrences(string text, string sought)
    {
        for (var at = sought.Length == 0 ? -1 : text.IndexOf(sought, StringComparison.Ordinal); at >= 0; at = text.IndexOf(sought, at + sought.Length, StringComparison.Ordinal))
            yield return (at, at + sought.Length);
    }

    /// <summary>Pieces of a text.</summary>
    public static List<(int Start, int End)> Apply(List<Cut> cuts, CutBehavior behaviour)
    {
        var pieces = new List<(int Start, int End)>();
        switch (behaviour)
        {
            case CutBehavior.Removed:
                pieces.AddRange(cuts.Where(cut => !cut.IsMatch).Select(cut => (cut.Start, cut.End)));
                break;
            case CutBehavior.Isolated:
                pieces.AddRange(cuts.Select(cut => (cut.Start, cut.End)));
                break;
            case CutBehavior.Contiguous:
                Join(cuts, pieces, (previous, next) => previous.IsMatch == next.IsMatch);
                break;
            case CutBehavior.MergedWithPrevious:
                Join(cuts, pieces, (previous, next) => next.IsMatch && !previous.IsMatch);
                break;
            default:
                JoinNext(cuts, pieces);
                break;
        }
        return pieces;
    }

    /// <summary>Replaces matches in a text.</summary>
    public static string Replaced(string text, IEnumerable<(int Start, int End)> matches, string content)
    {
        StringBuilder? result = null;
        var last = 0;
        foreach (var (start, end) in matches)
        {
            (result ??= new(text.Length)).Append(text, last, start - last).Append(content);
            last = end;
        }
        return result is null ? text : result.Append(text, last, text.Length - last).ToString();
    }

    private static void Join(List<Cut> cuts, List<(int Start, int End)> pieces, Func<Cut, Cut, bool> belongTogether)
    {
        for (var i = 0; i < cuts.Count; i++)
        {
            if (i > 0 && belongTogether(cuts[i - 1], cuts[i]))
                pieces[^1] = (pieces[^1].Start, cuts[i].End);
            else
                pieces.Add((cuts[i].Start, cuts[i].End));
        }
    }

    private static void JoinNext(List<Cut> cuts, List<(int Start, int End)> pieces)
    {
        for (var i = 0; i < cuts.Count; i++)
        {
            var isJoined = i > 0 && cuts[i - 1].IsMatch && !cuts[i].IsMatch; // a match in a row of matches stays alone, but for the last
            if (isJoined)
                pieces[^1] = (pieces[^1].Start, cuts[i].End);
            else
                pieces.Add((cuts[i].Start, cuts[i].End));
        }
    }
}
