using System.Globalization;
using System.Text;

namespace Attune.Tokens.Characters;

/// <summary>A set of characters, as a class of a regular expression is one.</summary>
internal sealed class RuneSet
{
    private readonly bool[] _ascii = new bool[128];
    private readonly Func<int, bool> _holds;

    public RuneSet(Func<int, bool> holds)
    {
        _holds = holds;
        for (var rune = 0; rune < 128; rune++)
            _ascii[rune] = holds(rune);
    }

    public static RuneSet Letters { get; } = new(rune => Category(rune) <= UnicodeCategory.OtherLetter);

    public static RuneSet Space { get; } = new(rune => Rune.IsWhiteSpace(new Rune(rune)));

    public static RuneSet Digits { get; } = new(rune => Category(rune) == UnicodeCategory.DecimalDigitNumber);

    public static RuneSet Numbers { get; } = new(rune => Category(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber);

    /// <summary>Letters, marks, digits, letter numbers and what joins words, as <c>\w</c> has them.</summary>
    public static RuneSet Words { get; } = new(rune => Category(rune) is <= UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation);

    public static RuneSet Marks { get; } = new(rune => Category(rune) is >= UnicodeCategory.NonSpacingMark and <= UnicodeCategory.EnclosingMark);

    /// <summary>Punctuation of Unicode and of ASCII, where <c>$+&lt;=&gt;^`|~</c> count too.</summary>
    public static RuneSet Punctuation { get; } = new(rune => (rune < 128 && !char.IsAsciiLetterOrDigit((char)rune) && rune is > ' ' and < 127)
        || Category(rune) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation);

    public static RuneSet Any { get; } = new(_ => true);

    public bool Holds(int rune) => rune < 128 ? _ascii[rune] : _holds(rune);

    public static RuneSet Of(int rune) => new(other => other == rune);

    public RuneSet Not() => new(rune => !Holds(rune));

    public RuneSet And(RuneSet other) => new(rune => Holds(rune) && other.Holds(rune));

    /// <summary>The same with every other case of its characters.</summary>
    public RuneSet IgnoringCase() => new(rune => Holds(rune) || Cases(rune).Any(Holds));

    /// <summary>The other cases of a character; three of them lead out of their alphabet: the long s, and the signs of kelvin and ångström.</summary>
    private static IEnumerable<int> Cases(int rune)
    {
        var upper = Rune.ToUpperInvariant(new Rune(rune));
        var lower = Rune.ToLowerInvariant(upper);
        yield return upper.Value;
        yield return lower.Value;
        yield return Rune.ToLowerInvariant(new Rune(rune)).Value;
        if (lower.Value is 's' or 'k' or 'å')
            yield return lower.Value switch { 's' => 'ſ', 'k' => '\u212A', _ => '\u212B' };
    }

    public static RuneSet Joined(IReadOnlyList<RuneSet> sets) => sets.Count == 1 ? sets[0] : new(rune =>
    {
        foreach (var set in sets)
        {
            if (set.Holds(rune))
                return true;
        }
        return false;
    });

    /// <summary>The set of a general category (<c>L</c>, <c>Nd</c>) or of a script (<c>Han</c>); null where there is none of that name.</summary>
    public static RuneSet? Named(string name)
    {
        if (name == "Any")
            return Any;
        if (Enum.GetValues<UnicodeCategory>().Where(category => Short[(int)category].StartsWith(name, StringComparison.Ordinal)).ToArray() is { Length: > 0 } categories && name.Length is 1 or 2)
            return new(rune => categories.Contains(Category(rune)));
        return UnicodeScripts.Exists(name) ? new(rune => UnicodeScripts.Of(rune) == name) : null;
    }

    private static readonly string[] Short = // in the order of UnicodeCategory
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn",
    ];

    public static UnicodeCategory Category(int rune) => CharUnicodeInfo.GetUnicodeCategory(rune);
}
