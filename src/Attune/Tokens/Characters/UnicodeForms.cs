using System.Text;

namespace Attune.Tokens.Characters;

/// <summary>
/// The four normal forms (Unicode Standard Annex 15): characters are taken apart, marks sorted by their class, and for the composed forms put together
/// again. Not here: later versions than Unicode 14, whose new characters stay as they are.
/// </summary>
internal static class UnicodeForms
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11A7, Vowels = 21, Tails = 28, Syllables = 11_172;

    private static readonly Lazy<Tables> Known = new(Read);

    private sealed class Tables
    {
        public readonly Dictionary<int, byte> Classes = [];
        public readonly Dictionary<int, int[]> Canonical = [];
        public readonly Dictionary<int, int[]> Compatible = [];
        public readonly Dictionary<(int, int), int> Pairs = [];
    }

    /// <summary>A text in a form. Text that is in it already, ASCII for one, is given back as it is.</summary>
    /// <param name="text">Well-formed Unicode.</param>
    /// <param name="isCompatible">Whether characters that only look different become one, as in NFKC and NFKD.</param>
    /// <param name="isComposed">Whether marks are joined with their letters, as in NFC and NFKC.</param>
    public static string Of(string text, bool isCompatible, bool isComposed)
    {
        var plain = text.AsSpan().IndexOfAnyExceptInRange('\0', isCompatible ? '\u007F' : isComposed ? '\u02FF' : '\u007F');
        if (plain < 0)
            return text; // in NFC nothing below U+0300 changes: whatever could, begins with a combining mark
        var runes = Decomposed(text, isCompatible);
        Sort(runes);
        if (isComposed)
            Compose(runes);
        var result = new StringBuilder(text.Length);
        Span<char> units = stackalloc char[2];
        foreach (var rune in runes)
            result.Append(units[..new Rune(rune).EncodeToUtf16(units)]);
        return result.ToString();
    }

    private static List<int> Decomposed(string text, bool isCompatible)
    {
        var runes = new List<int>(text.Length + 8);
        foreach (var rune in text.EnumerateRunes())
            Decompose(rune.Value, isCompatible, runes);
        return runes;
    }

    private static void Decompose(int rune, bool isCompatible, List<int> to)
    {
        var syllable = rune - HangulBase;
        if (syllable is >= 0 and < Syllables)
        {
            to.Add(LeadBase + (syllable / (Vowels * Tails)));
            to.Add(VowelBase + (syllable % (Vowels * Tails) / Tails));
            if (syllable % Tails != 0)
                to.Add(TailBase + (syllable % Tails));
        }
        else if (rune >= 0xA0 && (Known.Value.Canonical.TryGetValue(rune, out var parts) || (isCompatible && Known.Value.Compatible.TryGetValue(rune, out parts))))
        {
            foreach (var part in parts)
                Decompose(part, isCompatible, to);
        }
        else
            to.Add(rune);
    }

    /// <summary>Marks behind a letter, by class; those of one class keep their order.</summary>
    private static void Sort(List<int> runes)
    {
        for (var start = 0; start < runes.Count; start++)
        {
            if (ClassOf(runes[start]) == 0)
                continue;
            var end = start + 1;
            while (end < runes.Count && ClassOf(runes[end]) != 0)
                end++;
            var sorted = runes[start..end].OrderBy(ClassOf).ToArray(); // a stable sort
            for (var i = 0; i < sorted.Length; i++)
                runes[start + i] = sorted[i];
            start = end;
        }
    }

    private static void Compose(List<int> runes)
    {
        var used = 0;
        var starter = -1; // where the last letter is that marks may join
        var lastClass = 0;
        for (var i = 0; i < runes.Count; i++)
        {
            var rune = runes[i];
            var mark = ClassOf(rune);
            var isBlocked = starter >= 0 && used > starter + 1 && lastClass >= mark; // a mark of the same or a higher class stands between
            if (starter >= 0 && !isBlocked && Pair(runes[starter], rune) is { } joined)
            {
                runes[starter] = joined;
                continue;
            }
            if (mark == 0)
                starter = used;
            lastClass = mark;
            runes[used++] = rune;
        }
        runes.RemoveRange(used, runes.Count - used);
    }

    private static int? Pair(int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + 19 && second is >= VowelBase and < VowelBase + Vowels)
            return HangulBase + ((((first - LeadBase) * Vowels) + second - VowelBase) * Tails);
        if (first is >= HangulBase and < HangulBase + Syllables && (first - HangulBase) % Tails == 0 && second is > TailBase and < TailBase + Tails)
            return first + second - TailBase;
        return Known.Value.Pairs.TryGetValue((first, second), out var joined) ? joined : null;
    }

    private static int ClassOf(int rune) => rune < 0x300 ? 0 : Known.Value.Classes.GetValueOrDefault(rune);

    private static Tables Read()
    {
        var lines = UnicodeTable.Lines("unicode-forms.txt").ToDictionary(line => line.Name, line => line.Entries);
        var tables = new Tables();
        foreach (var entry in lines["classes"])
        {
            var parts = entry.Split('=');
            var (first, last) = UnicodeTable.Range(parts[0]);
            for (var rune = first; rune <= last; rune++)
                tables.Classes[rune] = byte.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
        }
        foreach (var (name, map) in new[] { ("canonical", tables.Canonical), ("compatible", tables.Compatible) })
        {
            foreach (var entry in lines[name])
            {
                var parts = entry.Split('=');
                map[UnicodeTable.Hex(parts[0])] = [.. parts[1].Split('+').Select(UnicodeTable.Hex)];
            }
        }
        var excluded = lines["excluded"].Select(UnicodeTable.Hex).ToHashSet();
        foreach (var (rune, parts) in tables.Canonical)
        {
            if (parts.Length == 2 && !excluded.Contains(rune))
                tables.Pairs[(parts[0], parts[1])] = rune;
        }
        return tables;
    }
}
