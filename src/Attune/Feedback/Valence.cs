using Attune.Runs;
using Attune.Torch;

namespace Attune.Feedback;

/// <summary>
/// How favourable a text is, from a list of words with valences, with negation and intensity:
/// <c>score = S / √(S² + 4²)</c> in (−1, 1), where <c>S = Σ valence · Π intensifiers · (−0.75)^negations</c> over the words of the list.
/// </summary>
/// <remarks>
/// The sum saturates rather than being averaged, so that a long dull text with one kind word is not as kind as a short one full of them, and
/// the hundredth kind word adds nothing. Negation weakens as it flips ("not great" is milder than "bad" is harsh).
/// Not here: irony, comparison ("better than nothing"), "not only", or the prompt that the text continues.
/// </remarks>
public sealed class Valence
{
    /// <summary>A negation reaches the sentiment words among this many words after it, up to the end of its clause or a "but".</summary>
    public const int NegationReach = 3;

    /// <summary>What each negation multiplies a valence by.</summary>
    public const double NegationFactor = -0.75;

    /// <summary>At most so many intensifiers directly before a sentiment word count: "very very very …" does not grow without bound.</summary>
    public const int MostIntensifiers = 2;

    /// <summary>The sum of valences at which the score is 1/√2.</summary>
    public const double Saturation = 4.0;

    /// <summary>Words that share this many first letters (absorbing, absorbed) go to the same half of the list.</summary>
    public const int FamilyPrefix = 5;

    private readonly Dictionary<string, double> _valences;
    private readonly HashSet<string> _negations;
    private readonly Dictionary<string, double> _intensifiers;

    /// <summary>A scorer from its three lists; words are in lower case.</summary>
    /// <param name="valences">Valence per word, usually in [−3, 3].</param>
    /// <param name="negations">Words that flip the valences after them.</param>
    /// <param name="intensifiers">Factor per word on the valence of the word that follows.</param>
    public Valence(IReadOnlyDictionary<string, double> valences, IEnumerable<string> negations, IReadOnlyDictionary<string, double> intensifiers)
    {
        ArgumentNullException.ThrowIfNull(intensifiers);
        _valences = new(valences, StringComparer.Ordinal);
        _negations = new(negations, StringComparer.Ordinal);
        _intensifiers = new(intensifiers, StringComparer.Ordinal);
    }

    /// <summary>The words that carry a valence.</summary>
    public IReadOnlyDictionary<string, double> ValenceOf => _valences;

    /// <summary>Reads the three lists: <c>word⇥valence</c>, <c>word</c>, <c>word⇥factor</c>; empty lines and those that start with # are skipped.</summary>
    /// <exception cref="InputException">A file is missing, or has lines that are not of this form; lists them all.</exception>
    public static Valence Load(string words, string negations, string intensifiers) =>
        new(WordListFile.Valences(words), WordListFile.Plain(negations), WordListFile.Factors(intensifiers));

    /// <summary>The scorer with the lists that come with Attune: <c>valence.tsv</c>, <c>negations.txt</c> and <c>intensifiers.tsv</c> of a folder.</summary>
    /// <exception cref="InputException">As for <see cref="Load(string, string, string)"/>.</exception>
    public static Valence Load(string folder) => Load(
        Path.Combine(folder, "valence.tsv"), Path.Combine(folder, "negations.txt"), Path.Combine(folder, "intensifiers.tsv"));

    /// <summary>How favourable a text is, in (−1, 1); 0 when it has no word of the list.</summary>
    public double Score(string text)
    {
        var sum = Sum(text);
        return sum / Math.Sqrt(sum * sum + Saturation * Saturation);
    }

    /// <summary>The sum S of the formula above, unbounded.</summary>
    public double Sum(string text)
    {
        var words = Words.Scan(text);
        var sum = 0.0;
        for (var i = 0; i < words.Count; i++)
            if (_valences.TryGetValue(words[i].Text, out var valence))
                sum += valence * Intensity(words, i) * Math.Pow(NegationFactor, Negations(words, i));
        return sum;
    }

    /// <summary>
    /// The scorer that knows only one half of the words (with all negations and intensifiers). The halves are disjoint, together the whole
    /// list, and decided family by family from the seed alone: adding a word to the list moves no other.
    /// </summary>
    public Valence Half(Seed seed, ListHalf half)
    {
        var split = seed.For("valence halves");
        var kept = _valences.Where(entry => split.For(Family(entry.Key)).Below(2, row: 0) == (int)half);
        return new(kept.ToDictionary(StringComparer.Ordinal), _negations, _intensifiers);
    }

    private static string Family(string word) => word.Length <= FamilyPrefix ? word : word[..FamilyPrefix];

    private double Intensity(List<SpokenWord> words, int at)
    {
        var factor = 1.0;
        for (var i = at; i > 0 && at - i < MostIntensifiers && !words[i].OpensClause; i--)
        {
            if (!_intensifiers.TryGetValue(words[i - 1].Text, out var one))
                break;
            factor *= one;
        }
        return factor;
    }

    private int Negations(List<SpokenWord> words, int at)
    {
        var count = 0;
        for (var i = at; i > 0 && at - i < NegationReach && !words[i].OpensClause && words[i - 1].Text != "but"; i--)
            if (_negations.Contains(words[i - 1].Text))
                count++;
        return count;
    }
}

/// <summary>Which half of a word list someone knows.</summary>
public enum ListHalf
{
    /// <summary>The half that training annotators see.</summary>
    Training,

    /// <summary>The half that held-out annotators see.</summary>
    HeldOut,
}
