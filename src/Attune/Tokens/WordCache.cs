namespace Attune.Tokens;

/// <summary>
/// Remembers how words are spelled. A place for each hash and one beside it, overwritten when another word needs them: a table that never grows, read and written by many threads without
/// a lock, as an entry never changes.
/// </summary>
internal sealed class WordCache
{
    private const int Bits = 16, LongestWord = 48;

    private readonly Entry?[] _entries = new Entry?[1 << Bits];

    private sealed record Entry(string Word, int[] Ids);

    /// <summary>The ids of a word, or null where it is not known.</summary>
    public int[]? Find(ReadOnlySpan<char> word)
    {
        var place = PlaceOf(word);
        return _entries[place] is { } first && word.SequenceEqual(first.Word) ? first.Ids
            : _entries[place ^ 1] is { } second && word.SequenceEqual(second.Word) ? second.Ids : null;
    }

    /// <summary>Remembers a word, unless it is long.</summary>
    public void Keep(ReadOnlySpan<char> word, int[] ids)
    {
        if (word.Length > LongestWord)
            return;
        var place = PlaceOf(word);
        _entries[place ^ 1] = _entries[place];
        _entries[place] = new(word.ToString(), ids);
    }

    /// <summary>Multiplicative hashing (Knuth, volume 3, section 6.4) of the word's units.</summary>
    private static int PlaceOf(ReadOnlySpan<char> word)
    {
        var hash = (uint)word.Length;
        foreach (var unit in word)
            hash = (hash ^ unit) * 0x9E3779B1;
        return (int)(hash >> (32 - Bits));
    }
}
