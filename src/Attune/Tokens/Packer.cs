namespace Attune.Tokens;

/// <summary>How documents share rows.</summary>
public enum PackingStrategy
{
    /// <summary>One document after the other, cut wherever a row ends. Nothing is lost or moved; every row but the last is full.</summary>
    Wrapped,

    /// <summary>Best fit, longest first (Ding 2024): documents stay whole; what is longer than a row loses its end.</summary>
    Bfd,

    /// <summary>Best fit, longest first, after cutting what is longer than a row into rows: nothing is lost.</summary>
    BfdSplit,
}

/// <summary>
/// Puts several documents into one row so that little is padding. Documents in a row do not see each other: each is a segment of its own with
/// its own positions. The result depends on the order of the documents alone.
/// </summary>
public static class Packer
{
    /// <summary>Rows of documents, or of their parts, each at most <paramref name="width"/> tokens. Empty documents are left out.</summary>
    public static IEnumerable<IReadOnlyList<TokenRow>> Pack(IEnumerable<TokenRow> documents, int width, PackingStrategy strategy)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        return strategy switch
        {
            PackingStrategy.Wrapped => Wrap(documents, width),
            PackingStrategy.Bfd => FitBest(documents.Select(document => document.Slice(0, Math.Min(width, document.Length))), width),
            _ => FitBest(documents.SelectMany(document => Cut(document, width)), width),
        };
    }

    /// <summary>A batch of packed rows.</summary>
    /// <param name="packs">Rows as <see cref="Pack"/> makes them.</param>
    /// <param name="width">Width of the batch, at least that of the longest row.</param>
    /// <param name="paddingId">What fills up.</param>
    /// <param name="continuePositions">Whether the later part of a cut document goes on with its positions instead of starting anew.</param>
    public static TokenBatch Batch(IReadOnlyList<IReadOnlyList<TokenRow>> packs, int width, int paddingId, bool continuePositions = false)
    {
        var batch = new TokenBatch(packs.Count, width, paddingId);
        for (var row = 0; row < packs.Count; row++)
        {
            var column = 0;
            for (var i = 0; i < packs[row].Count; i++)
            {
                var part = packs[row][i];
                batch.Place(row, column, part, segment: i + 1, continuePositions ? part.Start : 0);
                column += part.Length;
            }
        }
        return batch;
    }

    private static IEnumerable<IReadOnlyList<TokenRow>> Wrap(IEnumerable<TokenRow> documents, int width)
    {
        var row = new List<TokenRow>();
        var room = width;
        foreach (var document in documents)
        {
            for (var start = 0; start < document.Length;)
            {
                var length = Math.Min(room, document.Length - start);
                row.Add(document.Slice(start, length));
                start += length;
                room -= length;
                if (room > 0)
                    continue;
                yield return row;
                (row, room) = ([], width);
            }
        }
        if (row.Count > 0)
            yield return row;
    }

    private static IEnumerable<TokenRow> Cut(TokenRow document, int width)
    {
        for (var start = 0; start < document.Length; start += width)
            yield return document.Slice(start, Math.Min(width, document.Length - start));
    }

    /// <summary>Each document, longest first, goes where it leaves the least room; among equals, into the oldest row.</summary>
    private static List<List<TokenRow>> FitBest(IEnumerable<TokenRow> documents, int width)
    {
        var rows = new List<List<TokenRow>>();
        var open = new SortedSet<(int Room, int Row)>();
        foreach (var document in documents.Where(document => document.Length > 0).OrderByDescending(document => document.Length)) // a stable sort
        {
            var tightest = open.GetViewBetween((document.Length, 0), (width, int.MaxValue)).Min; // (0, 0) of an empty view, whose Count would walk all of it
            var (room, row) = tightest.Room > 0 ? tightest : (width, rows.Count);
            if (row == rows.Count)
                rows.Add([]);
            open.Remove((room, row));
            rows[row].Add(document);
            if (room > document.Length)
                open.Add((room - document.Length, row));
        }
        return rows;
    }
}
