namespace Attune.Rollouts;

/// <summary>
/// rep-n: the share of a text's n-grams that stood in it before, 1 − distinct n-grams / n-grams (seq-rep-n, Welleck et al. 2020, section 3.2), in
/// [0, 1). Of tokens or of words, which differ: whoever reports it says which.
/// </summary>
public static class RepetitionRate
{
    /// <summary>The lengths that are reported together.</summary>
    public const int Longest = 4;

    /// <summary>rep-n of a text's tokens or words; NaN where it has fewer than n.</summary>
    /// <param name="items">Token ids, or words without blanks.</param>
    /// <param name="n">Items of an n-gram, at least 1.</param>
    public static double Of<T>(IReadOnlyList<T> items, int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        var count = items.Count - n + 1;
        if (count <= 0)
            return double.NaN;
        var distinct = new HashSet<string>(StringComparer.Ordinal);
        for (var k = 0; k < count; k++)
            distinct.Add(string.Join(' ', Enumerable.Range(k, n).Select(at => items[at])));
        return 1 - ((double)distinct.Count / count);
    }

    /// <summary>rep-1 to rep-4.</summary>
    public static double[] UpTo4<T>(IReadOnlyList<T> items) => [.. Enumerable.Range(1, Longest).Select(n => Of(items, n))];
}
