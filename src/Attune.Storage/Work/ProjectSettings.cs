using System.Text.Json;
using System.Text.Json.Serialization;
using Attune.Feedback;
using Attune.Feedback.Exchange;
using Attune.Runs;

namespace Attune.Storage.Work;

/// <summary>What people are asked to do.</summary>
public enum TaskKind
{
    /// <summary>Compare two answers.</summary>
    Pair,

    /// <summary>Put several answers in order.</summary>
    Rank,

    /// <summary>Choose the best of several.</summary>
    Best,

    /// <summary>Rate answers on axes.</summary>
    Rate,

    /// <summary>Talk with a model and choose at each turn.</summary>
    Chat,

    /// <summary>Answer a question.</summary>
    Question,

    /// <summary>Write a message of a tree: a first prompt, or a reply.</summary>
    Message,

    /// <summary>Review a message of a tree.</summary>
    Review,

    /// <summary>Write a response to a prompt.</summary>
    Write,

    /// <summary>Verify what somebody else wrote.</summary>
    Verify,

    /// <summary>Mend what did not pass.</summary>
    Fix,

    /// <summary>Mark parts of an answer.</summary>
    Spans,
}

/// <summary>How a project works, as strict JSON: a key that is not known is an error.</summary>
public sealed record ProjectSettings
{
    /// <summary>What its tasks ask for unless they say otherwise.</summary>
    public TaskKind Kind { get; init; } = TaskKind.Pair;

    /// <summary>Judgments wanted of each task, at least 1.</summary>
    public int Overlap { get; init; } = 3;

    /// <summary>To how many a task's overlap may be raised where its judges disagree; at least <see cref="Overlap"/>.</summary>
    public int MaximumOverlap { get; init; } = 3;

    /// <summary>How long a task is kept for who was given it without a sign of life, from 1 to 10,080 (a week).</summary>
    public int LeaseMinutes { get; init; } = 30;

    /// <summary>How long an answer can be taken back, from 0 (not at all) to 1,440.</summary>
    public int UndoMinutes { get; init; } = 10;

    /// <summary>How many people have to report a task as broken before it waits for whoever runs the project, from 0 (never) to 100. Not of trees, which have red flags.</summary>
    public int ReportsToHold { get; init; } = 2;

    /// <summary>Tasks that one person may have open at once, from 1 to 50.</summary>
    public int OpenTasks { get; init; } = 3;

    /// <summary>Tasks that one person may be given on one day (of UTC), at least 1; null for no limit.</summary>
    public int? DailyLimit { get; init; }

    /// <summary>The scale of pairs.</summary>
    public PreferenceScale Scale { get; init; } = PreferenceScale.Eight;

    /// <summary>The axes of ratings; the first is asked first.</summary>
    public IReadOnlyList<string> Axes { get; init; } = ["overall", "helpful", "honest", "harmless"];

    /// <summary>Whether judges see which model wrote what.</summary>
    public bool ShowModelNames { get; init; }

    /// <summary>After how many seconds without focus or input time counts as idle, from 5 to 3,600.</summary>
    public int IdleSeconds { get; init; } = 60;

    /// <summary>Markdown shown before the first task, to be agreed to; null for none.</summary>
    public string? ConsentText { get; init; }

    /// <summary>The consent text's version; a new one asks again.</summary>
    public string ConsentVersion { get; init; } = "1";

    /// <summary>Whether something is to be agreed to before the first task.</summary>
    [JsonIgnore]
    public bool AsksConsent => (ConsentText ?? ContentWarning) is not null;

    /// <summary>Markdown shown before the first task; null for none.</summary>
    public string? ContentWarning { get; init; }

    /// <summary>Labels asked for with ratings.</summary>
    public LabelScheme Labels { get; init; } = LabelScheme.None;

    /// <summary>The axes that are rated from 1 to 7: those that are no scale of <see cref="Labels"/>, which is asked in their place.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> LikertAxes => Labels == LabelScheme.None ? Axes : [.. Axes.Except(OpenAssistantLabels.Scales)];

    /// <summary>The steps of each axis that is rated: 7 of a Likert scale, 5 of the scales of labels.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, int> RatingSteps
    {
        get
        {
            const int Likert = 7;
            var steps = LikertAxes.ToDictionary(axis => axis, _ => Likert, StringComparer.Ordinal);
            foreach (var scale in Labels == LabelScheme.OpenAssistant ? OpenAssistantLabels.Scales : [])
                steps[scale] = OpenAssistantLabels.Steps;
            return steps;
        }
    }

    /// <summary>Conversations with a model.</summary>
    public ChatSettings Chat { get; init; } = new();

    /// <summary>Marking parts of answers.</summary>
    public SpanSettings Spans { get; init; } = new();

    /// <summary>How written texts are checked and verified.</summary>
    public ChainSettings Chain { get; init; } = new();

    /// <summary>How trees of messages grow.</summary>
    public TreeSettings Tree { get; init; } = new();

    /// <summary>Quality control.</summary>
    public QualitySettings Quality { get; init; } = new();

    /// <summary>Where the project's own data come from and what may be done with them; null where nobody has said.</summary>
    public DataTerms? Terms { get; init; }

    /// <summary>The settings as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, StorageJson.Options);

    /// <summary>Reads settings.</summary>
    /// <param name="json">A JSON object; what it leaves out has its usual value.</param>
    /// <exception cref="InputException">It is none, has an unknown key, or a value out of its range; all problems at once.</exception>
    public static ProjectSettings FromJson(string json)
    {
        ProjectSettings settings;
        try
        {
            settings = JsonSerializer.Deserialize<ProjectSettings>(json, StorageJson.Options) ?? throw new JsonException("is null");
        }
        catch (JsonException e)
        {
            throw InputException.One("The project's settings", $"cannot be read ({StorageJson.Why(e)})", "an object with known keys and fitting values", "correct it; docs/storage.md lists the keys");
        }
        settings.ThrowIfBad();
        return settings;
    }

    /// <summary>Refuses values out of their ranges.</summary>
    /// <exception cref="InputException">Lists them all.</exception>
    public void ThrowIfBad()
    {
        var problems = Check().ToList();
        if (problems.Count > 0)
            throw new InputException("The project's settings", problems);
    }

    private IEnumerable<Problem> Check()
    {
        if (Overlap < 1)
            yield return Problem.Of("overlap", $"is {Overlap}", "at least 1", "3 is usual");
        if (MaximumOverlap < Overlap)
            yield return Problem.Of("maximumOverlap", $"is {MaximumOverlap}", $"at least overlap, {Overlap}", "the same means a fixed overlap");
        if (LeaseMinutes is < 1 or > 10_080)
            yield return Problem.Of("leaseMinutes", $"is {LeaseMinutes}", "1 to 10080", "30 is usual");
        if (UndoMinutes is < 0 or > 1_440)
            yield return Problem.Of("undoMinutes", $"is {UndoMinutes}", "0 to 1440", "10 is usual");
        if (ReportsToHold is < 0 or > 100)
            yield return Problem.Of("reportsToHold", $"is {ReportsToHold}", "0 to 100", "2 is usual; 0 never holds a task");
        if (OpenTasks is < 1 or > 50)
            yield return Problem.Of("openTasks", $"is {OpenTasks}", "1 to 50", "3 is usual");
        if (DailyLimit < 1)
            yield return Problem.Of("dailyLimit", $"is {DailyLimit}", "at least 1", "leave it out for no limit");
        if (IdleSeconds is < 5 or > 3_600)
            yield return Problem.Of("idleSeconds", $"is {IdleSeconds}", "5 to 3600", "60 is usual");
        if (Axes.Any(string.IsNullOrWhiteSpace) || Axes.Distinct().Count() < Axes.Count)
            yield return Problem.Of("axes", $"is [{string.Join(", ", Axes)}]", "each name once, none empty", "correct it");
        if (string.IsNullOrWhiteSpace(ConsentVersion))
            yield return Problem.Of("consentVersion", "is empty", "a version", "1 is usual");
        foreach (var problem in Chain.Check().Concat(Tree.Check()).Concat(Chat.Check()).Concat(Spans.Check()).Concat(Quality.Check()).Concat(Terms?.Check() ?? []))
            yield return problem;
    }
}
