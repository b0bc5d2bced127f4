namespace Attune.Feedback.Quality;

/// <summary>
/// A guess at a text's language, good enough to notice that somebody writes in another one. Languages with a script of their own are told by it; those
/// in Latin script by how many of their commonest short words occur. It says nothing about short texts, mixtures, and languages that it does not
/// know. Not here: dialects, transliteration, telling languages that share a script other than Latin.
/// </summary>
public static class LanguageGuess
{
    private const int FewestWords = 5;
    private const double FewestCommon = 0.15; // running text of each of these languages has at least a quarter of them

    private static readonly Dictionary<string, HashSet<string>> Common = new()
    {
        ["de"] = Set("der die das und ist nicht ein eine einen zu den dem mit auf für von im ich es sich auch an als wie wird sind war hat aber"),
        ["en"] = Set("the and is are was of to in that it for with this on as be at by not have has i you they but from or an which"),
        ["es"] = Set("el los las y es en que un una para con por se lo su al del pero más como está son muy era ha"),
        ["fr"] = Set("le les et est un une des du dans que qui pour pas sur au avec ce il elle nous vous sont mais plus je été cette"),
        ["it"] = Set("il gli e è un una di che per non con del della sono ma come anche più nel alla questo si mi ha era"),
        ["nl"] = Set("de het een en is niet van in dat op te met voor zijn er aan ook als maar om bij ik wordt was heeft"),
        ["pt"] = Set("o os as e é um uma de que para com não em do da no na por mais como mas se foi são muito ele"),
    };

    private static readonly (string Language, Func<char, bool> Has)[] Scripts =
    [
        ("ja", c => c is >= '\u3040' and <= '\u30ff'), // before zh: Japanese has Chinese characters as well
        ("zh", c => c is >= '\u4e00' and <= '\u9fff'),
        ("ko", c => c is >= '\uac00' and <= '\ud7a3'),
        ("ru", c => c is >= '\u0400' and <= '\u04ff'),
        ("el", c => c is >= '\u0370' and <= '\u03ff'),
        ("he", c => c is >= '\u0590' and <= '\u05ff'),
        ("ar", c => c is >= '\u0600' and <= '\u06ff'),
        ("hi", c => c is >= '\u0900' and <= '\u097f'),
    ];

    /// <summary>The languages it knows, by ISO 639-1.</summary>
    public static IReadOnlyList<string> Known { get; } = [.. Common.Keys.Concat(Scripts.Select(script => script.Language)).Order(StringComparer.Ordinal)];

    /// <summary>The language of a text, or null where it cannot be told.</summary>
    public static string? Of(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var letters = text.Where(char.IsLetter).ToArray();
        if (letters.Length == 0)
            return null;
        foreach (var (language, has) in Scripts)
        {
            if (letters.Count(has) >= (language == "ja" ? 0.2 : 0.5) * letters.Length)
                return language;
        }
        var words = Words.Of(text);
        if (words.Count < FewestWords)
            return null;
        var ranked = Common.Select(language => (language.Key, Share: words.Count(language.Value.Contains) / (double)words.Count)).OrderByDescending(guess => guess.Share).ToList();
        return ranked[0].Share >= FewestCommon && ranked[0].Share > ranked[1].Share ? ranked[0].Key : null;
    }

    private static HashSet<string> Set(string words) => [.. words.Split(' ')];
}
