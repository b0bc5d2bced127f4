namespace Attune.Tokens;

/// <summary>Rows of tokens on the processor, all of one width; every array is row-major <c>[Rows, Width]</c>.</summary>
public sealed record TokenBatch
{
    /// <summary>Number of rows, B.</summary>
    public required int Rows { get; init; }

    /// <summary>Tokens a row, T, padding included.</summary>
    public required int Width { get; init; }

    /// <summary>Token ids; any id at padding.</summary>
    public required int[] Ids { get; init; }

    /// <summary>0 at padding, else the number of the document within its row, from 1: attention stays within one.</summary>
    public required int[] Segments { get; init; }

    /// <summary>Place of each token within its document, from 0.</summary>
    public required int[] Positions { get; init; }

    /// <summary>True where the token at that place is predicted and its loss counts.</summary>
    public required bool[] LossMask { get; init; }

    /// <summary>Some of the rows, in the order given.</summary>
    public TokenBatch Select(ReadOnlySpan<int> rows)
    {
        var count = rows.Length * Width;
        var chosen = this with
        {
            Rows = rows.Length,
            Ids = new int[count],
            Segments = new int[count],
            Positions = new int[count],
            LossMask = new bool[count],
        };
        for (var k = 0; k < rows.Length; k++)
        {
            var (from, to) = (rows[k] * Width, k * Width);
            Array.Copy(Ids, from, chosen.Ids, to, Width);
            Array.Copy(Segments, from, chosen.Segments, to, Width);
            Array.Copy(Positions, from, chosen.Positions, to, Width);
            Array.Copy(LossMask, from, chosen.LossMask, to, Width);
        }

        return chosen;
    }
}
