namespace Attune.Tokens;

/// <summary>Which end of a row padding goes to.</summary>
public enum PaddingSide
{
    /// <summary>After the tokens, as training likes it.</summary>
    Right,

    /// <summary>Before the tokens, as generation likes it: all rows end together.</summary>
    Left,
}

/// <summary>A prompt with a better and a worse answer, as tokens.</summary>
/// <param name="Chosen">Prompt and better answer; the mask covers the answer.</param>
/// <param name="Rejected">Prompt and worse answer; the mask covers the answer.</param>
public sealed record PreferenceRow(TokenRow Chosen, TokenRow Rejected);

/// <summary>Makes rectangles of rows of different length. Padding changes no result; only how much is computed for nothing.</summary>
public static class Collators
{
    /// <summary>One document a row, as wide as the longest, or the next multiple of <paramref name="multipleOf"/>.</summary>
    public static TokenBatch Pad(IReadOnlyList<TokenRow> rows, int paddingId, PaddingSide side = PaddingSide.Right, int multipleOf = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(multipleOf, 1);
        var longest = rows.Count == 0 ? 0 : rows.Max(row => row.Length);
        var width = (longest + multipleOf - 1) / multipleOf * multipleOf;
        var batch = new TokenBatch(rows.Count, width, paddingId);
        for (var row = 0; row < rows.Count; row++)
            batch.Place(row, side == PaddingSide.Right ? 0 : width - rows[row].Length, rows[row], segment: 1);
        return batch;
    }

    /// <summary>All documents in a single row, each its own segment: no padding but that up to a multiple of <paramref name="multipleOf"/>.</summary>
    public static TokenBatch WithoutPadding(IReadOnlyList<TokenRow> rows, int paddingId, int multipleOf = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(multipleOf, 1);
        var tokens = rows.Sum(row => row.Length);
        return Packer.Batch([[.. rows.Where(row => row.Length > 0)]], (tokens + multipleOf - 1) / multipleOf * multipleOf, paddingId);
    }

    /// <summary>Two rows a pair: all the chosen first, then all the rejected in the same order.</summary>
    public static TokenBatch Pairs(IReadOnlyList<PreferenceRow> pairs, int paddingId, PaddingSide side = PaddingSide.Right, int multipleOf = 1) =>
        Pad([.. pairs.Select(pair => pair.Chosen), .. pairs.Select(pair => pair.Rejected)], paddingId, side, multipleOf);
}
