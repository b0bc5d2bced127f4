namespace Attune.Feedback.Tasks;

/// <summary>Where an answer says that it knows something from.</summary>
public sealed record AnswerSource
{
    /// <summary>What the text calls it, such as "1"; the key of trust in it.</summary>
    public required string Id { get; init; }

    /// <summary>Its title, untrusted.</summary>
    public required string Title { get; init; }

    /// <summary>Its address, shown as text and never followed; null for none.</summary>
    public string? Url { get; init; }

    /// <summary>The part of it that is quoted, untrusted; null for none.</summary>
    public string? Excerpt { get; init; }
}

/// <summary>An answer in which parts are marked.</summary>
public sealed record MarkableAnswer
{
    /// <summary>The text, untrusted, shown as it is: offsets of marks count its UTF-16 units.</summary>
    public required string Text { get; init; }

    /// <summary>What wrote it; not shown unless the project allows it.</summary>
    public string? Source { get; init; }

    /// <summary>Where it says that it knows things from, at most twenty; empty for none.</summary>
    public IReadOnlyList<AnswerSource> Sources { get; init => field = value ?? []; } = []; // the generated reader sets what is missing to null
}

/// <summary>The payload of marking parts of one answer, or of two answers to one prompt.</summary>
public sealed record SpansTask : ITaskPayload
{
    /// <summary>Trust in a source.</summary>
    public static IReadOnlyList<string> Trust { get; } = ["trustworthy", "neutral", "suspicious"];

    private const int MostAnswers = 4, MostSources = 20;

    /// <summary>What the answers answer, as Markdown; untrusted.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answers, one to four.</summary>
    public required IReadOnlyList<MarkableAnswer> Answers { get; init; }

    /// <summary>Whether an answer has sources: then their claims are marked.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool HasSources => Answers.Any(answer => answer.Sources.Count > 0);

    /// <summary>The key of trust in a source in a judgment's answers: <c>trust#0/1</c> is source 1 of answer 0.</summary>
    public static string TrustKey(int answer, string source) => $"trust#{answer}/{source}";

    /// <inheritdoc/>
    public IEnumerable<string> Faults()
    {
        foreach (var fault in TaskPayload.Empty(("prompt", Prompt)))
            yield return fault;
        if (Answers.Count is < 1 or > MostAnswers)
            yield return $"has {Answers.Count} answers, expected 1 to {MostAnswers} of a spans";
        for (var index = 0; index < Answers.Count; index++)
        {
            var answer = Answers[index];
            if (answer.Text.Length == 0)
                yield return $"has no text of answer {index}, expected one";
            if (answer.Sources.Count > MostSources)
                yield return $"has {answer.Sources.Count} sources of answer {index}, expected at most {MostSources}";
            if (answer.Sources.Any(source => source.Id.Length == 0 || string.IsNullOrWhiteSpace(source.Title)) || answer.Sources.DistinctBy(source => source.Id, StringComparer.Ordinal).Count() < answer.Sources.Count)
                yield return $"has sources of answer {index} that are empty or have one id, expected an id of its own and a title of each";
        }
    }
}
