using System.Text.Json.Serialization;

namespace Attune.Feedback.Tasks;

/// <summary>How a question is answered.</summary>
public enum QuestionType
{
    /// <summary>"yes" or "no".</summary>
    [JsonStringEnumMemberName("yes-no")] YesNo,

    /// <summary>One of the options.</summary>
    [JsonStringEnumMemberName("choice")] Choice,
}

/// <summary>One of the answers that a question offers.</summary>
/// <param name="Id">What the judgment records.</param>
/// <param name="Text">What the judge reads, untrusted.</param>
public sealed record QuestionOption(string Id, string Text);

/// <summary>A question with a few answers to choose from.</summary>
public sealed record Question
{
    /// <summary>The question's name; the key in <see cref="Judgment.Answers"/>.</summary>
    public required string Id { get; init; }

    /// <summary>What is asked, untrusted.</summary>
    public required string Text { get; init; }

    /// <summary>How it is answered.</summary>
    public required QuestionType Type { get; init; }

    /// <summary>What is offered by a choice, 2 to 9; empty of yes and no.</summary>
    public IReadOnlyList<QuestionOption> Options { get; init => field = value ?? []; } = []; // the generated reader sets what is missing to null

    /// <summary>What may be answered, in the order shown.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Allowed => Type == QuestionType.YesNo ? ["yes", "no"] : [.. Options.Select(option => option.Id)];
}

/// <summary>
/// The payload of a plain question: something to look at, and usually one question about it. A big task is cut into several of these, of which later ones
/// depend on the answers of earlier ones.
/// </summary>
public sealed record QuestionTask : ITaskPayload
{
    /// <summary>The flag of a judge who did not get to see the image; such an answer is no vote.</summary>
    public const string ImageMissing = "image-missing";

    private const int MostOptions = 9; // as many as number keys

    /// <summary>What the question is about, as Markdown; untrusted.</summary>
    public string Prompt { get; init => field = value ?? ""; } = "";

    /// <summary>A picture as <c>data:image/png;base64,…</c> (or jpeg, gif, webp): pages load nothing from elsewhere; null for none.</summary>
    public string? Image { get; init; }

    /// <summary>What the picture shows, for who cannot see it; null for none.</summary>
    public string? ImageText { get; init; }

    /// <summary>One question, or a few that belong together.</summary>
    public required IReadOnlyList<Question> Questions { get; init; }

    /// <inheritdoc/>
    public IEnumerable<string> Faults()
    {
        if (Image is { } image && Pictures.Fault(image) is { } wrong)
            yield return wrong;
        if (Questions.Count == 0)
            yield return "has no questions, expected one";
        if (Questions.GroupBy(question => question.Id, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { Key: var twice })
            yield return $"has two questions '{twice}', expected each id once";
        foreach (var fault in Questions.SelectMany(FaultsOf))
            yield return fault;
    }

    private static IEnumerable<string> FaultsOf(Question question)
    {
        if (question.Id.Length == 0 || question.Id.AsSpan().IndexOfAny(",= ") >= 0)
            yield return $"has a question with the id '{question.Id}', expected one without commas, equals signs and spaces";
        if (string.IsNullOrWhiteSpace(question.Text))
            yield return $"has no text of question '{question.Id}', expected what is asked";
        if (question.Type == QuestionType.YesNo && question.Options.Count > 0)
            yield return $"has options of question '{question.Id}', expected none of a question for yes or no";
        if (question.Type == QuestionType.Choice && question.Options.Count is < 2 or > MostOptions)
            yield return $"has {question.Options.Count} options of question '{question.Id}', expected 2 to {MostOptions}";
        if (question.Options.Any(option => option.Id.Length == 0 || string.IsNullOrWhiteSpace(option.Text)) || question.Options.DistinctBy(option => option.Id, StringComparer.Ordinal).Count() < question.Options.Count)
            yield return $"has options of question '{question.Id}' that are empty or have one id, expected an id of its own and a text of each";
    }
}
