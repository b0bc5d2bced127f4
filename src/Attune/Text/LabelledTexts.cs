using System.Globalization;
using Attune.Runs;

namespace Attune.Text;

/// <summary>What <see cref="LabelledTexts.Write"/> made of one part.</summary>
/// <param name="Part">Which part.</param>
/// <param name="Texts">Texts of both kinds in it.</param>
/// <param name="Pairs">Pairs made of them, no text in two.</param>
/// <param name="LeftOut">Texts that would be in it, but begin as one of a part before it does.</param>
public sealed record LabelledPart(DataPart Part, int Texts, int Pairs, int LeftOut);

/// <summary>
/// Comparisons out of texts that people called good or bad, one by one: a better text is set against a worse one of nearly the same number of
/// words, so that length says nothing. Parts are split by the hash of the text (<see cref="HashSplit"/>), so none is in two of them;
/// texts of dev and test whose beginning is also one of train, and those of test whose is one of dev, are left out, so that no prompt is either.
/// </summary>
/// <remarks>
/// Into a folder go, for each of train, dev and test: <c>pairs-PART.jsonl</c> (prompt, which is empty, chosen, rejected) to teach a reward
/// model, and <c>beginnings-PART.jsonl</c> (prompt: the first words; response: the rest) to teach a policy to write such texts and to ask it
/// for more. Not here: texts with more than two labels; two texts about one thing, which a real comparison would have.
/// </remarks>
public static class LabelledTexts
{
    /// <summary>Reads both files and writes the folder, all of it or nothing; the same input gives the same bytes.</summary>
    /// <param name="better">Texts called good, a line each.</param>
    /// <param name="worse">Texts called bad, a line each.</param>
    /// <param name="promptWords">Words of a beginning; texts with less than twice as many are left out.</param>
    /// <param name="folder">Where to; files of these names are replaced.</param>
    /// <exception cref="InputException">A file cannot be read, or leaves nothing for a part.</exception>
    public static IReadOnlyList<LabelledPart> Write(string better, string worse, int promptWords, string folder)
    {
        if (promptWords < 1)
            throw InputException.One("--prompt-words", $"is {promptWords}", "at least 1", "4 is usual");
        var given = new[] { better, worse }.Select(path => Readers.PlainText(path, new() { LinePerDocument = true })).ToArray();
        DataSource.CheckAll(given);
        var (good, bad) = (Texts(given[0], promptWords), Texts(given[1], promptWords));
        var both = good.Intersect(bad).ToArray(); // people disagreed: says nothing
        good.ExceptWith(both);
        bad.ExceptWith(both);
        var parts = new List<LabelledPart>();
        var files = new List<(string Name, string Text)>();
        var taken = new HashSet<string>(StringComparer.Ordinal); // prompts of the parts before
        foreach (var part in Enum.GetValues<DataPart>())
        {
            string PromptOf(string text) => Split(text, promptWords).Prompt;
            string[] Of(IEnumerable<string> texts) => [.. texts.Where(text => HashSplit.Of(text) == part)];
            string[] New(string[] texts) => [.. texts.Where(text => !taken.Contains(PromptOf(text)))];
            var (allChosen, allRejected) = (Of(good), Of(bad));
            var (chosen, rejected) = (New(allChosen), New(allRejected));
            if (chosen.Length == 0 || rejected.Length == 0)
                throw InputException.One(chosen.Length == 0 ? better : worse, $"has no text of {2 * promptWords} words in the {Name(part)} part", "some in each part", "give more texts, or lower --prompt-words");
            var pairs = Pairs(chosen, rejected);
            files.Add(($"pairs-{Name(part)}.jsonl", Lines(pairs.Select((pair, k) => ResultFile.Json(new { id = $"{Name(part)}-{k}", prompt = "", chosen = pair.Better, rejected = pair.Worse })))));
            files.Add(($"beginnings-{Name(part)}.jsonl", Lines(Alternating(chosen, rejected).Select(text => Split(text, promptWords)).Select(two => ResultFile.Json(new { prompt = two.Prompt, response = two.Response })))));
            taken.UnionWith(chosen.Concat(rejected).Select(PromptOf));
            parts.Add(new(part, chosen.Length + rejected.Length, pairs.Count, allChosen.Length + allRejected.Length - chosen.Length - rejected.Length));
        }

        AtomicFolder.Add(folder, whole => files.ForEach(file => File.WriteAllText(Path.Combine(whole, file.Name), file.Text)));
        return parts;
    }

    /// <summary>The k-th shortest of one kind with the k-th shortest of the other; what one kind has more is left out evenly over all lengths.</summary>
    private static List<(string Better, string Worse)> Pairs(string[] better, string[] worse)
    {
        string[] ByLength(string[] texts) => [.. texts.OrderBy(WordsIn).ThenBy(text => text, StringComparer.Ordinal)];
        var (good, bad) = (ByLength(better), ByLength(worse));
        var count = Math.Min(good.Length, bad.Length);
        return [.. Enumerable.Range(0, count).Select(k => (good[(long)k * good.Length / count], bad[(long)k * bad.Length / count]))];
    }

    private static IEnumerable<string> Alternating(string[] a, string[] b)
    {
        for (var k = 0; k < Math.Max(a.Length, b.Length); k++)
        {
            if (k < a.Length)
                yield return a[k];
            if (k < b.Length)
                yield return b[k];
        }
    }

    private static HashSet<string> Texts(DataFile<Document> file, int promptWords) =>
        [.. file.Select(document => document.Text.Trim()).Where(text => WordsIn(text) >= 2 * promptWords)];

    private static int WordsIn(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;

    private static (string Prompt, string Response) Split(string text, int words)
    {
        var at = 0;
        for (var k = 0; k < words; k++)
        {
            while (text[at] == ' ')
                at++;
            at = text.IndexOf(' ', at);
        }

        return (text[..at], text[at..]); // the space belongs to the word after it, as in byte-level vocabularies
    }

    private static string Lines(IEnumerable<string> lines) => string.Join('\n', lines) + "\n";

    private static string Name(DataPart part) => part.ToString().ToLower(CultureInfo.InvariantCulture);
}
