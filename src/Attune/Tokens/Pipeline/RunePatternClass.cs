using System.Globalization;
using System.Text;
using Attune.Tokens.Characters;

namespace Attune.Tokens.Pipeline;

/// <summary>Reads the classes of a regular expression, <c>[^\s\p{L}&amp;&amp;[a-z]]</c>, and what a backslash stands for.</summary>
internal static class RunePatternClass
{
    /// <summary>From behind the opening bracket to behind the closing one.</summary>
    public static RuneSet Parse(string source, ref int at, Func<string, FormatException> wrong) => Parse(source, ref at, wrong, depth: 0);

    /// <summary>What stands for one character, from behind the backslash.</summary>
    public static RuneSet Escaped(string source, ref int at, Func<string, FormatException> wrong)
    {
        if (at >= source.Length)
            throw wrong("ends with a backslash");
        var sign = source[at++];
        switch (sign)
        {
            case 's': return RuneSet.Space;
            case 'S': return RuneSet.Space.Not();
            case 'd': return RuneSet.Digits;
            case 'D': return RuneSet.Digits.Not();
            case 'w': return RuneSet.Words;
            case 'W': return RuneSet.Words.Not();
            case 'h': return new(rune => rune < 128 && char.IsAsciiHexDigit((char)rune));
            case 'p' or 'P': return Property(source, ref at, isNegated: sign == 'P', wrong);
            default: return RuneSet.Of(Character(sign, source, ref at, wrong));
        }
    }

    private static RuneSet Parse(string source, ref int at, Func<string, FormatException> wrong, int depth)
    {
        if (depth > 20)
            throw wrong("has classes nested too deep");
        var isNegated = at < source.Length && source[at] == '^';
        if (isNegated)
            at++;
        var sets = new List<RuneSet>();
        RuneSet? before = null; // && cuts what stands before with what comes after
        for (var first = true; ; first = false)
        {
            if (at >= source.Length)
                throw wrong("has '[' without ']'");
            if (source[at] == ']' && !first)
                break;
            if (source.AsSpan(at).StartsWith("&&", StringComparison.Ordinal))
            {
                at += 2;
                before = Together(before, sets);
                sets = [];
            }
            else if (source[at] == '[')
            {
                if (source.AsSpan(at).StartsWith("[:", StringComparison.Ordinal))
                    throw wrong("has a class in POSIX's form");
                at++;
                sets.Add(Parse(source, ref at, wrong, depth + 1));
            }
            else
                sets.Add(Item(source, ref at, wrong));
        }
        at++;
        var all = Together(before, sets);
        return isNegated ? all.Not() : all;
    }

    private static RuneSet Together(RuneSet? before, List<RuneSet> sets) => before is null ? RuneSet.Joined(sets) : before.And(RuneSet.Joined(sets));

    private static RuneSet Item(string source, ref int at, Func<string, FormatException> wrong)
    {
        if (source[at] == '\\' && at + 1 < source.Length && source[at + 1] is 's' or 'S' or 'd' or 'D' or 'w' or 'W' or 'h' or 'p' or 'P')
        {
            at++;
            return Escaped(source, ref at, wrong);
        }
        var first = Edge(source, ref at, wrong);
        if (at + 1 >= source.Length || source[at] != '-' || source[at + 1] == ']')
            return RuneSet.Of(first);
        at++;
        var last = Edge(source, ref at, wrong);
        return last >= first ? new(rune => rune >= first && rune <= last) : throw wrong($"has the empty range U+{first:X4} to U+{last:X4}");
    }

    private static int Edge(string source, ref int at, Func<string, FormatException> wrong)
    {
        var sign = source[at++];
        if (sign == '\\')
            return at < source.Length ? Character(source[at++], source, ref at, wrong) : throw wrong("ends with a backslash");
        return char.IsHighSurrogate(sign) && at < source.Length ? char.ConvertToUtf32(sign, source[at++]) : sign;
    }

    private static RuneSet Property(string source, ref int at, bool isNegated, Func<string, FormatException> wrong)
    {
        var end = at < source.Length && source[at] == '{' ? source.IndexOf('}', at) : -1;
        var name = end > 0 ? source[(at + 1)..end] : at < source.Length ? source[at].ToString() : "";
        at = end > 0 ? end + 1 : at + 1;
        if (name.StartsWith('^'))
            (isNegated, name) = (!isNegated, name[1..]);
        var set = RuneSet.Named(name) ?? throw wrong($"has the property '{name}', which is not known");
        return isNegated ? set.Not() : set;
    }

    private static int Character(char sign, string source, ref int at, Func<string, FormatException> wrong) => sign switch
    {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'f' => '\f',
        'v' => '\v',
        'a' => '\a',
        'e' => '\u001B',
        '0' => '\0',
        'u' => Hexadecimal(source, ref at, 4, wrong),
        'x' when at < source.Length && source[at] == '{' => Braced(source, ref at, wrong),
        'x' => Hexadecimal(source, ref at, 2, wrong),
        _ when char.IsAsciiLetterOrDigit(sign) => throw wrong($"has '\\{sign}', which is not known"),
        _ => char.IsHighSurrogate(sign) && at < source.Length ? char.ConvertToUtf32(sign, source[at++]) : sign,
    };

    private static int Braced(string source, ref int at, Func<string, FormatException> wrong)
    {
        var end = source.IndexOf('}', at);
        at++;
        var value = Hexadecimal(source, ref at, Math.Max(0, end - at), wrong);
        at = end + 1;
        return value;
    }

    private static int Hexadecimal(string source, ref int at, int digits, Func<string, FormatException> wrong)
    {
        if (digits is < 1 or > 6 || at + digits > source.Length || !int.TryParse(source.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) || !Rune.IsValid(value))
            throw wrong("has a character code that is none");
        at += digits;
        return value;
    }
}
