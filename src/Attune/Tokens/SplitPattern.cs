using System.Globalization;
using System.Text;

namespace Attune.Tokens;

/// <summary>How text is cut into words before merging; merges never cross a cut.</summary>
public enum SplitPattern
{
    /// <summary>GPT-2's: contractions, then letters, numbers or other signs with an optional space before, then white space.</summary>
    Gpt2,

    /// <summary>Llama 3's: any sign may lead letters, numbers in threes, line breaks stick to the signs before.</summary>
    Llama3,

    /// <summary>Qwen 2's: Llama 3's with numbers one by one.</summary>
    Qwen2,
}

/// <summary>
/// Finds the cuts of a <see cref="SplitPattern"/> over runes. A hand-written scanner, as .NET's regular expressions see UTF-16
/// units: their letter class misses every letter beyond U+FFFF.
/// </summary>
internal static class SplitScanner
{
    private enum Kind : byte { Other, Letter, Number, Space, End }

    private static readonly Kind[] Ascii = [.. Enumerable.Range(0, 128).Select(value => Classify(new Rune(value)))];

    private static readonly string[] Contractions = ["s", "t", "re", "ve", "m", "ll", "d"];

    /// <summary>The regular expression that other programs use for the same cuts, as it stands in tokenizer.json.</summary>
    public static string? RegexOf(SplitPattern pattern) => pattern switch
    {
        SplitPattern.Llama3 => Modern(@"\p{N}{1,3}"),
        SplitPattern.Qwen2 => Modern(@"\p{N}"),
        _ => @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    };

    /// <summary>The pattern that a regular expression says; null where it is another one.</summary>
    public static SplitPattern? Of(string regex)
    {
        foreach (var known in Enum.GetValues<SplitPattern>())
        {
            if (RegexOf(known) == regex)
                return known;
        }
        return null;
    }

    /// <summary>The words of a text.</summary>
    public static IEnumerable<(int Start, int End)> Words(string text, SplitPattern pattern)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = EndOfWord(text, start, pattern);
            yield return (start, end);
            start = end;
        }
    }

    private static string Modern(string numbers) =>
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + numbers + @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Where the word that begins at <paramref name="start"/> ends; the text holds no lone surrogates.</summary>
    public static int EndOfWord(ReadOnlySpan<char> text, int start, SplitPattern pattern) =>
        pattern == SplitPattern.Gpt2 ? EndGpt2(text, start) : EndModern(text, start, longestNumber: pattern == SplitPattern.Llama3 ? 3 : 1);

    private static int EndGpt2(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && Contraction(text, start + 1, ignoreCase: false) is var length and > 0)
            return start + 1 + length;
        var first = text[start] == ' ' ? start + 1 : start;
        var kind = KindAt(text, first, out _);
        return kind is Kind.Letter or Kind.Number or Kind.Other ? EndOfRun(text, first, kind) : EndOfSpace(text, start);
    }

    private static int EndModern(ReadOnlySpan<char> text, int start, int longestNumber)
    {
        if (text[start] == '\'' && Contraction(text, start + 1, ignoreCase: true) is var length and > 0)
            return start + 1 + length;
        var kind = KindAt(text, start, out var width);
        if (kind == Kind.Letter)
            return EndOfRun(text, start, Kind.Letter);
        if (kind == Kind.Number)
            return EndOfRun(text, start, Kind.Number, longestNumber);
        if (text[start] is not ('\r' or '\n') && KindAt(text, start + width, out _) == Kind.Letter)
            return EndOfRun(text, start + width, Kind.Letter);
        var first = text[start] == ' ' ? start + 1 : start;
        if (KindAt(text, first, out _) == Kind.Other)
        {
            var end = EndOfRun(text, first, Kind.Other);
            while (end < text.Length && text[end] is '\r' or '\n')
                end++;
            return end;
        }
        var run = EndOfRun(text, start, Kind.Space);
        var lastBreak = text[start..run].LastIndexOfAny('\r', '\n');
        return lastBreak >= 0 ? start + lastBreak + 1 : EndOfSpace(text, start);
    }

    /// <summary>White space leaves its last character to the word that follows. All of Unicode's white space is one UTF-16 unit.</summary>
    private static int EndOfSpace(ReadOnlySpan<char> text, int start)
    {
        var end = EndOfRun(text, start, Kind.Space);
        return end == text.Length || end == start + 1 ? end : end - 1;
    }

    private static int EndOfRun(ReadOnlySpan<char> text, int start, Kind kind, int longest = int.MaxValue)
    {
        var end = start;
        while (longest-- > 0 && KindAt(text, end, out var width) == kind)
            end += width;
        return end;
    }

    /// <summary>The length of the ending after an apostrophe, 0 where there is none. The long s counts as an s where case is ignored.</summary>
    private static int Contraction(ReadOnlySpan<char> text, int start, bool ignoreCase)
    {
        var rest = text[start..];
        if (ignoreCase && rest.Length > 0 && rest[0] == 'ſ')
            return 1;
        foreach (var ending in Contractions)
        {
            if (rest.StartsWith(ending, ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal))
                return ending.Length;
        }
        return 0;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, int index, out int width)
    {
        width = 1;
        if (index >= text.Length)
            return Kind.End;
        var unit = text[index];
        if (unit < 128)
            return Ascii[unit];
        Rune.DecodeFromUtf16(text[index..], out var rune, out width);
        return Classify(rune);
    }

    private static Kind Classify(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
        _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
    };
}
