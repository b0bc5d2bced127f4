namespace Attune.Tokens;

/// <summary>One rule of a vocabulary: two neighbouring pieces become one.</summary>
internal readonly record struct Merge(int Left, int Right, int Product);

/// <summary>
/// Byte-pair merging of one word (Sennrich 2016): again and again the neighbours whose rule is the oldest become one, leftmost first.
/// A queue of candidates over a linked list, so that a word of n bytes costs O(n log n): there are words of a megabyte.
/// </summary>
internal sealed class PieceMerges
{
    private const int ShortWord = 48; // up to here looking at every neighbour again is faster than a queue
    private const int NoRule = int.MaxValue;

    private readonly Dictionary<long, (int Rank, int Product)> _rules;

    public PieceMerges(IReadOnlyList<Merge> merges)
    {
        _rules = new(merges.Count);
        for (var rank = 0; rank < merges.Count; rank++)
            _rules.TryAdd(Key(merges[rank].Left, merges[rank].Right), (rank, merges[rank].Product));
    }

    /// <summary>Merges in place.</summary>
    /// <param name="ids">The ids of single bytes on entry, of pieces on return.</param>
    /// <returns>How many of <paramref name="ids"/> are in use on return.</returns>
    public int Apply(Span<int> ids) => ids.Length < 2 ? ids.Length : ids.Length <= ShortWord ? ApplyShort(ids) : ApplyLong(ids);

    private int ApplyShort(Span<int> ids)
    {
        Span<int> ranks = stackalloc int[ShortWord]; // of each piece with the next
        var used = ids.Length;
        for (var i = 0; i + 1 < used; i++)
            ranks[i] = RankOf(ids[i], ids[i + 1]);
        while (used > 1)
        {
            var best = 0;
            for (var i = 1; i + 1 < used; i++)
            {
                if (ranks[i] < ranks[best])
                    best = i;
            }
            if (ranks[best] == NoRule)
                break;
            ids[best] = _rules[Key(ids[best], ids[best + 1])].Product;
            ids[(best + 2)..used].CopyTo(ids[(best + 1)..]);
            ranks[(best + 2)..used].CopyTo(ranks[(best + 1)..]);
            used--;
            if (best > 0)
                ranks[best - 1] = RankOf(ids[best - 1], ids[best]);
            if (best + 1 < used)
                ranks[best] = RankOf(ids[best], ids[best + 1]);
        }
        return used;
    }

    private int ApplyLong(Span<int> ids)
    {
        var next = new int[ids.Length];     // ids.Length at the last piece
        var previous = new int[ids.Length]; // -1 at the first
        for (var i = 0; i < ids.Length; i++)
            (next[i], previous[i]) = (i + 1, i - 1);
        var candidates = new PriorityQueue<int, long>();
        for (var i = 0; i + 1 < ids.Length; i++)
            Enqueue(candidates, ids, i, i + 1);

        while (candidates.TryDequeue(out var left, out var priority))
        {
            var right = next[left];
            var isStale = ids[left] < 0 || right == ids.Length
                || !_rules.TryGetValue(Key(ids[left], ids[right]), out var rule) || rule.Rank != priority >> 32;
            if (isStale)
                continue;
            ids[left] = _rules[Key(ids[left], ids[right])].Product;
            ids[right] = -1;
            next[left] = next[right];
            if (next[left] < ids.Length)
            {
                previous[next[left]] = left;
                Enqueue(candidates, ids, left, next[left]);
            }
            if (previous[left] >= 0)
                Enqueue(candidates, ids, previous[left], left);
        }
        return Close(ids);
    }

    private int RankOf(int left, int right) => _rules.TryGetValue(Key(left, right), out var rule) ? rule.Rank : NoRule;

    private void Enqueue(PriorityQueue<int, long> candidates, ReadOnlySpan<int> ids, int left, int right)
    {
        if (_rules.TryGetValue(Key(ids[left], ids[right]), out var rule))
            candidates.Enqueue(left, ((long)rule.Rank << 32) | (uint)left);
    }

    private static int Close(Span<int> ids)
    {
        var used = 0;
        foreach (var id in ids)
        {
            if (id >= 0)
                ids[used++] = id;
        }
        return used;
    }

    private static long Key(int left, int right) => ((long)left << 32) | (uint)right;
}
