namespace Attune.Tokens;

/// <summary>A response cut at its first end token.</summary>
/// <param name="Ids">As long as before; what comes after the end token is filled.</param>
/// <param name="AfterEnd">True at the places filled.</param>
/// <param name="Ended">Whether there was an end token.</param>
public sealed record CutResponse(int[] Ids, bool[] AfterEnd, bool Ended);

/// <summary>What to do with a row that is longer than the model or the recipe permits.</summary>
public enum OverlongRule
{
    /// <summary>Cut the end off: the answer may lose its end token, and so not learn to stop.</summary>
    CutEnd,

    /// <summary>
    /// Cut the beginning off, earlier turns of a dialogue too, and the end only where the last answer alone is too long. An earlier answer that loses
    /// its beginning is no longer learned.
    /// </summary>
    CutStart,

    /// <summary>Leave the row out, and count it.</summary>
    Drop,
}

/// <summary>Rules for what is too long.</summary>
public static class Truncation
{
    /// <summary>Fills what comes after the first end token. The end token itself stays: the model has to learn it.</summary>
    public static CutResponse AtFirstEnd(ReadOnlySpan<int> ids, ReadOnlySpan<int> endTokens, int fill)
    {
        var end = ids.IndexOfAny(endTokens);
        var cut = ids.ToArray();
        var after = new bool[ids.Length];
        if (end >= 0)
        {
            cut.AsSpan(end + 1).Fill(fill);
            after.AsSpan(end + 1).Fill(true);
        }
        return new(cut, after, Ended: end >= 0);
    }

    /// <summary>A row of at most <paramref name="longest"/> tokens, or null where the rule drops it or nothing is left for the loss.</summary>
    public static TokenRow? Fit(TokenRow row, int longest, OverlongRule rule)
    {
        if (row.Length <= longest)
            return row.HasLoss ? row : null;
        if (rule == OverlongRule.Drop)
            return null;
        // One token of the last answer's prompt stays, as the first token of the answer is predicted from it.
        var mostOffStart = Math.Max(0, LastAnswer(row.LossMask) - 1);
        var start = rule == OverlongRule.CutStart ? Math.Min(row.Length - longest, mostOffStart) : 0;
        var cut = row.Slice(start, Math.Min(longest, row.Length - start)) with { Start = 0 };
        if (start > 0)
            cut.LossMask.AsSpan(0, cut.LossMask.AsSpan().IndexOf(false)).Clear(); // a slice is a copy
        return cut.HasLoss ? cut : null;
    }

    /// <summary>Where the last run of learned tokens begins; 0 where nothing is learned.</summary>
    private static int LastAnswer(ReadOnlySpan<bool> mask) => mask[..(mask.LastIndexOf(true) + 1)].LastIndexOf(false) + 1;
}
