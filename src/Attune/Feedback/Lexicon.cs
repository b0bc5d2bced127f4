using System.Globalization;
using Attune.Runs;

namespace Attune.Feedback;

/// <summary>How a word list is written.</summary>
public enum LexiconFormat
{
    /// <summary><c>word⇥valence</c>, as the list that comes with Attune.</summary>
    Valence,

    /// <summary><c>token⇥mean valence⇥deviation⇥ratings</c> (Hutto and Gilbert 2014); tokens that are no single word, such as emoticons, are left out.</summary>
    Vader,

    /// <summary>Two files of words, favourable (+1) and unfavourable (−1), with comments after <c>;</c> (Hu and Liu 2004); words in both are left out.</summary>
    WordLists,
}

/// <summary>Which word list judges texts, and what turns its words round: a <c>lexicon</c> section of a recipe.</summary>
public sealed record LexiconSettings : IChecked
{
    /// <summary>How the list is written.</summary>
    public LexiconFormat Format { get; init; } = LexiconFormat.Valence;

    /// <summary>The list of words with valences.</summary>
    public string? Words { get; init; }

    /// <summary>Favourable words, for <see cref="LexiconFormat.WordLists"/>.</summary>
    public string? Positive { get; init; }

    /// <summary>Unfavourable words, for <see cref="LexiconFormat.WordLists"/>.</summary>
    public string? Negative { get; init; }

    /// <summary>Words that flip the valence of those after them, one a line; none where not set.</summary>
    public string? Negations { get; init; }

    /// <summary>Words that strengthen or weaken the next one: <c>word⇥factor</c>; none where not set.</summary>
    public string? Intensifiers { get; init; }

    /// <summary>Reads the lists.</summary>
    /// <exception cref="InputException">A file is missing, or has lines of another form; lists them all.</exception>
    public Valence Open()
    {
        var words = Format switch
        {
            LexiconFormat.Valence => WordListFile.Valences(Words!),
            LexiconFormat.Vader => WordListFile.Vader(Words!),
            LexiconFormat.WordLists => WordListFile.Signs(Positive!, Negative!),
            _ => throw new InvalidOperationException($"unknown format {Format}"),
        };
        if (words.Count == 0)
            throw InputException.One(Words ?? Positive!, "has no word", "at least one", "name another file");
        return new(words, Negations is null ? [] : WordListFile.Plain(Negations), Intensifiers is null ? new Dictionary<string, double>() : WordListFile.Factors(Intensifiers));
    }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        var isPair = Format == LexiconFormat.WordLists;
        foreach (var (key, value, isWanted) in new[] { ("words", Words, !isPair), ("positive", Positive, isPair), ("negative", Negative, isPair) })
        {
            if (isWanted && string.IsNullOrWhiteSpace(value))
                yield return Problem.Of(key, "is not set", "the path of a word list", "name one");
            if (!isWanted && value is not null)
                yield return Problem.Of(key, "is set", isPair ? "positive and negative where format is word-lists" : "words alone", "leave it out, or change format");
        }
    }
}

/// <summary>Reads word lists in the forms they are published in.</summary>
internal static class WordListFile
{
    public static Dictionary<string, double> Valences(string path) => Numbers(path, "a valence from -3 to 3", value => value is >= -3 and <= 3);

    public static Dictionary<string, double> Factors(string path) => Numbers(path, "a factor above 0", value => value > 0);

    public static IEnumerable<string> Plain(string path) => Read(path, '#', line => Single(line) is { } word && word == line ? (word, 0) : null, "one word in lower case").Keys;

    public static Dictionary<string, double> Vader(string path)
    {
        var words = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (token, valence) in Read(path, comment: null,
            line => line.Split('\t') is [{ Length: > 0 } token, var number, ..] && Parse(number) is { } value ? (token, value) : null,
            "a token, a tab, a mean valence", allowsRepeats: true))
        {
            if (Whole(token) is { } word)
                words.TryAdd(word, valence);
        }

        return words;
    }

    public static Dictionary<string, double> Signs(string positive, string negative)
    {
        HashSet<string> Of(string path) => [.. Read(path, ';', line => (line.Trim(), 0), "a word", allowsRepeats: true).Keys.Select(Whole).OfType<string>()];
        var (good, bad) = (Of(positive), Of(negative));
        return good.Except(bad).Select(word => (word, 1.0)).Concat(bad.Except(good).Select(word => (word, -1.0))).ToDictionary(w => w.word, w => w.Item2, StringComparer.Ordinal);
    }

    private static Dictionary<string, double> Numbers(string path, string second, Predicate<double> accepts) => Read(path, '#',
        line => line.Split('\t') is [var word, var number] && Single(word) == word && Parse(number) is { } value && accepts(value) ? (word, value) : null,
        $"one word in lower case, a tab, {second}");

    /// <summary>Lines as entries; empty ones and comments are skipped; of a word that comes again the first counts, where that is allowed.</summary>
    private static Dictionary<string, double> Read(string path, char? comment, Func<string, (string Word, double Value)?> parse, string expected, bool allowsRepeats = false)
    {
        if (!File.Exists(path))
            throw InputException.One(path, "is not there", "a word list", "give the path of one, or restore the file");
        var problems = new List<Problem>();
        var found = new Dictionary<string, double>(StringComparer.Ordinal);
        var number = 0;
        foreach (var line in ReadFailure.Told(path, () => File.ReadAllLines(path)))
        {
            number++;
            if (line.Length == 0 || line[0] == comment)
                continue;
            if (parse(line) is not { } entry)
                problems.Add(Problem.Of($"line {number}", $"is '{line}'", expected, "correct the line"));
            else if (!found.TryAdd(entry.Word, entry.Value) && !allowsRepeats)
                problems.Add(Problem.Of($"line {number}", $"has '{entry.Word}' again", "each word once", "remove one of the two lines"));
        }

        return problems.Count == 0 ? found : throw new InputException(path, problems);
    }

    /// <summary>A text that is one word and nothing besides: not "a+", whose word would stand in every text.</summary>
    private static string? Whole(string text) => Single(text) is { } word && word.Equals(text, StringComparison.OrdinalIgnoreCase) ? word : null;

    private static string? Single(string text) => Words.Of(text) is [var word] ? word : null;

    private static double? Parse(string number) => double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : null;
}
