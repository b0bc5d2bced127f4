namespace Attune.Tokens.Files;

/// <summary>Merges of a vocabulary that says only which pieces come first: any two neighbours may become any piece that they spell.</summary>
internal static class PieceCuts
{
    /// <summary>All ways to cut each piece into two others, in the order of the pieces that they make.</summary>
    /// <param name="products">Ids of the pieces to make, strongest first.</param>
    /// <param name="pieces">All pieces by id; null where an id has none to spell with.</param>
    public static List<Merge> Merges(IEnumerable<int> products, IReadOnlyList<string?> pieces)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < pieces.Count; id++)
        {
            if (pieces[id] is { } piece)
                ids.TryAdd(piece, id);
        }
        var bySpan = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<Merge>();
        foreach (var product in products)
        {
            var piece = pieces[product].AsSpan();
            for (var cut = 1; cut < piece.Length; cut++)
            {
                if (bySpan.TryGetValue(piece[..cut], out var left) && bySpan.TryGetValue(piece[cut..], out var right))
                    merges.Add(new(left, right, product));
            }
        }
        return merges;
    }
}
