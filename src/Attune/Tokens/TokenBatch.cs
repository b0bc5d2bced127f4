namespace Attune.Tokens;

/// <summary>
/// A rectangle of tokens on its way to the model, as plain arrays in row-major order <c>[rows, width]</c>. A row may hold several documents: tokens see
/// only those of their own segment.
/// </summary>
public sealed record TokenBatch
{
    /// <summary>An empty batch: everything is padding.</summary>
    public TokenBatch(int rows, int width, int paddingId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(width);
        (Rows, Width) = (rows, width);
        Ids = new int[rows * width];
        Array.Fill(Ids, paddingId);
        Segments = new int[rows * width];
        Positions = new int[rows * width];
        LossMask = new bool[rows * width];
    }

    /// <summary>Rows.</summary>
    public int Rows { get; }

    /// <summary>Tokens in each row, padding included.</summary>
    public int Width { get; }

    /// <summary>Token ids <c>[rows, width]</c>.</summary>
    public int[] Ids { get; }

    /// <summary>The number of the document within its row, from 1; 0 is padding <c>[rows, width]</c>.</summary>
    public int[] Segments { get; }

    /// <summary>The place of the token in its document, from 0; 0 in padding <c>[rows, width]</c>.</summary>
    public int[] Positions { get; }

    /// <summary>True where the token at that place is predicted, from those before it, and counts. Never the first of a segment <c>[rows, width]</c>.</summary>
    public bool[] LossMask { get; }

    /// <summary>How many tokens the loss reads; what sums are divided by.</summary>
    public int LossTokens => LossMask.AsSpan().Count(true);

    /// <summary>How many tokens are not padding.</summary>
    public int RealTokens => Segments.Length - Segments.AsSpan().Count(0);

    /// <summary>Where the last real token of a row ends: its length, where padding is on the right alone.</summary>
    public int EndOf(int row) => Segments.AsSpan(row * Width, Width).LastIndexOfAnyExcept(0) + 1;

    /// <summary>Some of the rows, in the order given, as wide as they need: columns on the right in which all are padding are left out.</summary>
    public TokenBatch Select(ReadOnlySpan<int> rows)
    {
        var width = 0;
        foreach (var row in rows)
            width = Math.Max(width, EndOf(row));
        var part = new TokenBatch(rows.Length, width, paddingId: 0);
        for (var k = 0; k < rows.Length; k++)
        {
            var (from, to) = (rows[k] * Width, k * width);
            Array.Copy(Ids, from, part.Ids, to, width);
            Array.Copy(Segments, from, part.Segments, to, width);
            Array.Copy(Positions, from, part.Positions, to, width);
            Array.Copy(LossMask, from, part.LossMask, to, width);
        }

        return part;
    }

    /// <summary>Writes a document into a row.</summary>
    /// <param name="row">Which row.</param>
    /// <param name="column">Where its first token goes.</param>
    /// <param name="tokens">The document.</param>
    /// <param name="segment">Its number in the row, from 1.</param>
    /// <param name="firstPosition">The position of its first token.</param>
    internal void Place(int row, int column, TokenRow tokens, int segment, int firstPosition = 0)
    {
        var at = row * Width + column;
        for (var i = 0; i < tokens.Length; i++)
        {
            Ids[at + i] = tokens.Ids[i];
            Segments[at + i] = segment;
            Positions[at + i] = firstPosition + i;
            LossMask[at + i] = i > 0 && tokens.LossMask[i];
        }
    }
}
