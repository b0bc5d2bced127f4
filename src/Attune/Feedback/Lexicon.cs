using System.Globalization;
using Attune.Runs;

namespace Attune.Feedback;

/// <summary>
/// Word lists that others made, read as a <see cref="Valence"/>, so that training can be judged by words it never saw. What is not a single word
/// (emoticons, phrases with hyphens) is passed over. Not here: the rules that come with such lists, VADER's for capitals and exclamation marks.
/// </summary>
public static class Lexicon
{
    /// <summary>The valence of a favourable word in lists that know good and bad only.</summary>
    public const double PlainValence = 1.5;

    /// <summary>Reads the files that the settings name.</summary>
    /// <exception cref="InputException">A file is missing or is no such list.</exception>
    public static Valence Load(LexiconSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var words = new Dictionary<string, double>(StringComparer.Ordinal);
        if (settings.Words is { } scored)
            AddScored(scored, words);
        if (settings.Positive is { } positive)
            AddPlain(positive, PlainValence, words);
        if (settings.Negative is { } negative)
            AddPlain(negative, -PlainValence, words);
        if (settings.Modifiers is not { } folder)
            return new(words, [], new Dictionary<string, double>());
        var negations = Lines(Path.Combine(folder, "negations.txt"));
        var intensifiers = new Dictionary<string, double>(StringComparer.Ordinal);
        AddScored(Path.Combine(folder, "intensifiers.tsv"), intensifiers);
        return new(words, negations, intensifiers);
    }

    private static void AddScored(string path, Dictionary<string, double> words)
    {
        var read = 0;
        foreach (var columns in Lines(path).Select(line => line.Split('\t')))
        {
            if (columns.Length < 2 || !double.TryParse(columns[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var valence) || !double.IsFinite(valence))
                throw InputException.One(path, $"has the line '{string.Join("\\t", columns)}'", "a word, a tab and a number", "correct the line, or name another file");
            read += Add(words, columns[0], valence);
        }

        RequireWords(path, read);
    }

    private static void AddPlain(string path, double valence, Dictionary<string, double> words) =>
        RequireWords(path, Lines(path).Sum(line => Add(words, line, valence)));

    private static int Add(Dictionary<string, double> words, string word, double valence)
    {
        if (Words.Of(word) is not [var only] || only != word.ToLowerInvariant())
            return 0;
        words[only] = valence;
        return 1;
    }

    private static void RequireWords(string path, int read)
    {
        if (read == 0)
            throw InputException.One(path, "has no word", "a word a line", "name another file");
    }

    private static IEnumerable<string> Lines(string path) => !File.Exists(path)
        ? throw InputException.One(path, "is not there", "a word list", "check the path")
        : File.ReadLines(path, System.Text.Encoding.Latin1).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] is not (';' or '#'));
}

/// <summary>
/// A word list to judge by: either <see cref="Words"/>, or <see cref="Positive"/> and <see cref="Negative"/>, and, if wanted, negations and intensifiers.
/// </summary>
public sealed record LexiconSettings : IChecked
{
    /// <summary>Lines of a word, a tab and its valence; further columns are passed over, as VADER has them.</summary>
    public string? Words { get; init; }

    /// <summary>Favourable words, one a line; lines that start with ; or # are comments, as in Hu and Liu's list.</summary>
    public string? Positive { get; init; }

    /// <summary>Unfavourable words, likewise.</summary>
    public string? Negative { get; init; }

    /// <summary>Folder with <c>negations.txt</c> and <c>intensifiers.tsv</c>; nothing for neither.</summary>
    public string? Modifiers { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if ((Words is null) == (Positive is null && Negative is null) || (Positive is null) != (Negative is null))
            yield return Problem.Of("", "is incomplete or says too much", "words alone, or positive with negative", "keep the files of one list");
    }
}
