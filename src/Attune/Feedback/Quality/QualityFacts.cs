using Attune.Feedback.Tasks;
using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>What is known about a comparison beside the judgments on it: a line of <c>tasks.jsonl</c>. Annotators see none of it.</summary>
public sealed record TaskFacts
{
    /// <summary>The kind of a task of which nothing is known.</summary>
    public const string UsualKind = "pair";

    /// <summary>The comparison.</summary>
    public required string ComparisonId { get; init; }

    /// <summary>What sort of task it is: times and prices are compared within a kind only.</summary>
    public string Kind { get; init => field = value ?? UsualKind; } = UsualKind; // reading a line without it sets null

    /// <summary>What is right on a golden task; null on others.</summary>
    public ExpectedAnswer? Expected { get; init; }

    /// <summary>The project that it belongs to, where the log holds several: bans may end at its border.</summary>
    public string Project { get; init => field = value ?? ""; } = "";

    /// <summary>The comparison that this one repeats, its answers under the same indexes; null where it repeats none.</summary>
    public string? MirrorOf { get; init; }

    /// <summary>The text that a written answer answers, from which nothing should be copied; null where nothing is written.</summary>
    public string? Prompt { get; init; }

    internal string? Fault() => ComparisonId.Length == 0 || Kind.Length == 0 ? "has an empty comparisonId or kind, expected a name"
        : Expected?.Fault() is { } wrong ? wrong
        : MirrorOf == ComparisonId ? $"repeats itself ({MirrorOf}), expected another comparison"
        : null;
}

/// <summary>
/// What is known about how a judgment came about, where the judgment does not say so itself: a line of <c>facts.jsonl</c>. What stands here comes before
/// what the judgment says.
/// </summary>
public sealed record JudgmentFacts
{
    /// <summary>The judgment.</summary>
    public required string JudgmentId { get; init; }

    /// <summary>Time with focus and input; null where only <see cref="Judgment.Seconds"/> is known.</summary>
    public double? ActiveSeconds { get; init; }

    /// <summary>Characters typed.</summary>
    public int? TypedCharacters { get; init; }

    /// <summary>Characters pasted.</summary>
    public int? PastedCharacters { get; init; }

    /// <summary>What was written, where writing is the task.</summary>
    public string? Text { get; init; }

    /// <summary>What is known of a judgment: what it says itself, and the line about it.</summary>
    internal static JudgmentFacts Of(Judgment judgment, JudgmentFacts? line) => new()
    {
        JudgmentId = judgment.Id,
        ActiveSeconds = line?.ActiveSeconds ?? judgment.ActiveSeconds,
        TypedCharacters = line?.TypedCharacters ?? judgment.TypedCharacters,
        PastedCharacters = line?.PastedCharacters ?? judgment.PastedCharacters,
        Text = line?.Text ?? judgment.Text,
    };

    internal string? Fault() => JudgmentId.Length == 0 ? "has an empty judgmentId, expected a judgment's"
        : ActiveSeconds is { } seconds && !(seconds >= 0 && double.IsFinite(seconds)) ? $"has {seconds} active seconds, expected 0 or more"
        : TypedCharacters < 0 || PastedCharacters < 0 ? "has a negative number of characters, expected 0 or more"
        : null;
}

/// <summary>Someone who was given a task and left it without an answer: a line of <c>skips.jsonl</c>.</summary>
/// <param name="AnnotatorId">Who.</param>
/// <param name="ComparisonId">What was left.</param>
/// <param name="At">When.</param>
public sealed record Skip(string AnnotatorId, string ComparisonId, DateTimeOffset At)
{
    internal string? Fault() => AnnotatorId.Length == 0 || ComparisonId.Length == 0 ? "has an empty annotatorId or comparisonId, expected both" : null;
}

/// <summary>All that quality control reads: the log and what stands beside it. Of several facts about the same thing the last counts.</summary>
/// <param name="Judgments">The log, in the order in which it was written.</param>
/// <param name="Tasks">Facts about comparisons.</param>
/// <param name="Facts">Facts about judgments.</param>
/// <param name="Skips">Tasks left without an answer.</param>
public sealed record QualityInput(IReadOnlyList<Judgment> Judgments, IReadOnlyList<TaskFacts> Tasks, IReadOnlyList<JudgmentFacts> Facts, IReadOnlyList<Skip> Skips)
{
    /// <summary>The log alone.</summary>
    public QualityInput(IReadOnlyList<Judgment> judgments)
        : this(judgments, [], [], [])
    {
    }

    /// <summary>Reads files of JSON Lines, plain or gzip.</summary>
    /// <param name="judgments">The log.</param>
    /// <param name="tasks">Facts about comparisons; null where there are none.</param>
    /// <param name="facts">Facts about judgments; null where there are none.</param>
    /// <param name="skips">Tasks left; null where there are none.</param>
    /// <exception cref="InputException">Files are missing or have bad lines; lists all of them.</exception>
    public static QualityInput Read(string judgments, string? tasks = null, string? facts = null, string? skips = null)
    {
        var problems = new InputProblems("Quality control");
        var log = problems.Try(() => JudgmentLog.Read(judgments).Judgments);
        var ofTasks = problems.Try(() => tasks is null ? [] : FeedbackFile.ReadLines(tasks, FeedbackFile.StrictLines.TaskFacts, line => line.Fault()));
        var ofJudgments = problems.Try(() => facts is null ? [] : FeedbackFile.ReadLines(facts, FeedbackFile.StrictLines.JudgmentFacts, line => line.Fault()));
        var left = problems.Try(() => skips is null ? [] : FeedbackFile.ReadLines(skips, FeedbackFile.StrictLines.Skip, line => line.Fault()));
        problems.ThrowIfAny();
        return new(log!, ofTasks!, ofJudgments!, left!);
    }

    /// <summary>All that happened, in order of time; what happened at the same time stays in the order of the log, judgments first.</summary>
    public IReadOnlyList<AnnotatorEvent> Events() =>
        [.. Judgments.Select(AnnotatorEvent.Of).Concat(Skips.Select(AnnotatorEvent.Of)).OrderBy(one => one.At)]; // a stable sort
}

/// <summary>Something an annotator did.</summary>
/// <param name="Id">The judgment's id, or one made from a skip.</param>
/// <param name="AnnotatorId">Who.</param>
/// <param name="ComparisonId">On what.</param>
/// <param name="At">When.</param>
/// <param name="Judgment">The judgment; null where the task was skipped.</param>
public sealed record AnnotatorEvent(string Id, string AnnotatorId, string ComparisonId, DateTimeOffset At, Judgment? Judgment)
{
    internal static AnnotatorEvent Of(Judgment judgment)
    {
        return new(judgment.Id, judgment.AnnotatorId, judgment.ComparisonId, judgment.At, judgment);
    }

    internal static AnnotatorEvent Of(Skip skip) =>
        new($"skip:{skip.AnnotatorId}:{skip.ComparisonId}:{skip.At.UtcTicks}", skip.AnnotatorId, skip.ComparisonId, skip.At, null);
}
