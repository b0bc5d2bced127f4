namespace Attune.Tokens.Characters;

/// <summary>The script that a character belongs to: Latin, Han, Common and so on.</summary>
internal static class UnicodeScripts
{
    private static readonly Lazy<(string[] Names, (int First, int Last, int Script)[] Ranges)> Known = new(Read);

    /// <summary>The script's name, or null where the character has none.</summary>
    public static string? Of(int rune)
    {
        var (names, ranges) = Known.Value;
        var (low, high) = (0, ranges.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var range = ranges[middle];
            if (rune < range.First)
                high = middle - 1;
            else if (rune > range.Last)
                low = middle + 1;
            else
                return names[range.Script];
        }
        return null;
    }

    /// <summary>Whether there is a script of that name.</summary>
    public static bool Exists(string name) => Known.Value.Names.Contains(name);

    private static (string[], (int, int, int)[]) Read()
    {
        var lines = UnicodeTable.Lines("unicode-scripts.txt").ToArray();
        var ranges = lines.SelectMany((line, script) => line.Entries.Select(entry => (Range: UnicodeTable.Range(entry), script)))
            .Select(entry => (entry.Range.First, entry.Range.Last, entry.script)).OrderBy(range => range.First);
        return ([.. lines.Select(line => line.Name)], [.. ranges]);
    }
}
