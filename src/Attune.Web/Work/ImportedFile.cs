using Attune.Feedback;
using Attune.Feedback.Exchange;
using Attune.Storage.Training;

namespace Attune.Web.Work;

/// <summary>Data that somebody brings through a form, an address or the shell, as the store takes them.</summary>
public static class ImportedFile
{
    /// <summary>Makes it of what was typed.</summary>
    /// <param name="content">The bytes.</param>
    /// <param name="name">The file's name; only its last part is kept, and only as a name.</param>
    /// <param name="shape">The shape's name.</param>
    /// <param name="source">Who judged where rows do not say; null for people.</param>
    /// <param name="annotator">The pseudonym of rows without one.</param>
    /// <param name="prefix">Put before each pseudonym.</param>
    /// <param name="prompt">The field with the prompt.</param>
    /// <param name="answers">The fields with the answers, with commas between.</param>
    /// <param name="terms">What is stated of the data.</param>
    /// <exception cref="Runs.InputException">There is no such shape.</exception>
    public static DataSetFile Of(byte[] content, string? name, string? shape, JudgmentSource? source, string? annotator, string? prefix, string? prompt, string? answers, DataTerms terms)
    {
        var last = name?[(name.LastIndexOfAny(['/', '\\']) + 1)..];
        var shown = string.Concat((string.IsNullOrWhiteSpace(last) ? "import" : last).Where(c => !char.IsControl(c)).Take(120));
        return new(shown, ExchangeShapes.Parse(shape, toWrite: false), content, new()
        {
            Source = source ?? JudgmentSource.Human,
            Annotator = string.IsNullOrEmpty(annotator) ? new ImportOptions().Annotator : annotator,
            Prefix = prefix ?? "",
            Prompt = string.IsNullOrEmpty(prompt) ? null : prompt,
            Answers = string.IsNullOrEmpty(answers) ? null : answers.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
        }, terms);
    }
}
