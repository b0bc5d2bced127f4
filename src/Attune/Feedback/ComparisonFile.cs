namespace Attune.Feedback;

/// <summary>The file of what was, or is to be, judged (<c>comparisons.jsonl</c>).</summary>
public static class ComparisonFile
{
    /// <summary>Writes all comparisons; the file is replaced as a whole.</summary>
    public static void Write(string path, IEnumerable<Comparison> comparisons) =>
        FeedbackFile.WriteLines(path, comparisons, FeedbackFile.Lines.Comparison);

    /// <summary>Reads all comparisons.</summary>
    /// <exception cref="Runs.InputException">It is missing or has bad lines; lists them.</exception>
    public static IReadOnlyList<Comparison> Read(string path) => FeedbackFile.ReadLines(path, FeedbackFile.Lines.Comparison, Faults());

    /// <summary>The same of a file's content that came from elsewhere, through a form say.</summary>
    /// <param name="name">What problems are told of.</param>
    /// <param name="content">Its bytes, not compressed.</param>
    /// <exception cref="Runs.InputException">It has bad lines; lists them.</exception>
    public static IReadOnlyList<Comparison> Parse(string name, byte[] content)
    {
        var lines = FeedbackFile.Parse(content, FeedbackFile.Lines.Comparison, Faults());
        FeedbackFile.ThrowIfAny(name, lines);
        return lines.ConvertAll(line => line.Record!);
    }

    private static Func<Comparison, string?> Faults()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return comparison =>
            comparison.Answers.Count < 2 ? $"has {comparison.Answers.Count} answers, expected at least two"
            : !comparison.Order.Order().SequenceEqual(Enumerable.Range(0, comparison.Answers.Count)) ? $"has order [{string.Join(", ", comparison.Order)}], expected each answer's index once"
            : !seen.Add(comparison.Id) ? $"has the id {comparison.Id} of another comparison above, expected each id once"
            : null;
    }
}
