using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Runs;
using Attune.Text;

namespace Attune.Updates;

/// <summary>What the rows of a file of comparisons are; see docs/formats.md.</summary>
public enum PreferenceForm
{
    /// <summary>JSON Lines of a better and a worse answer, other people's fields too: with a prompt, or as whole dialogues.</summary>
    Pairs,

    /// <summary>Attune's own <c>preferences.jsonl</c>: with votes, side order, and which annotators and prompts are held out.</summary>
    Judged,

    /// <summary>Attune's own <c>rankings.jsonl</c>: all answers to a prompt with their ranks.</summary>
    Rankings,
}

/// <summary>Files of comparisons: one entry of a recipe's <c>preferences</c> or <c>evaluation</c>.</summary>
public sealed record PreferenceSource : IChecked
{
    /// <summary>A file; of pairs also a folder, or a pattern in the last part. Empty where a database is read.</summary>
    public string Path { get; init; } = "";

    /// <summary>The database to read instead of a file: a path, or <c>postgres://user@host:port/name</c> without a password, which recipes are no place for.</summary>
    public string? Database { get; init; }

    /// <summary>The project's name in the database.</summary>
    public string? Project { get; init; }

    /// <summary>Of a database: how votes become p(chosen).</summary>
    public PreferenceAggregation Aggregation { get; init; } = PreferenceAggregation.MajorityVote;

    /// <summary>Of a database: the <c>annotators.json</c> that says who is held out; everyone's judgments are learnt from without it.</summary>
    public string? Annotators { get; init; }

    /// <summary>What the rows are.</summary>
    public PreferenceForm Format { get; init; } = PreferenceForm.Pairs;

    /// <summary>By what name results list it; the path's last part without endings where not set.</summary>
    public string? Name { get; init; }

    /// <summary>Pairs: where the fields are.</summary>
    public FieldMap Fields { get; init; } = new();

    /// <summary>Pairs: rows to keep, as the values that a field may have.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Keep { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>The name in results.</summary>
    internal string ShownName => Name ?? Project ?? System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(Path)).Split('.')[0];

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (string.IsNullOrWhiteSpace(Path) && Database is null)
            yield return Problem.Of("path", "is empty", "a file of comparisons", "name one, or a database and its project");
        if (Database is { } url)
        {
            if (string.IsNullOrWhiteSpace(Project))
                yield return Problem.Of("project", "is not set", "the name of a project of the database", "name one");
            if (!string.IsNullOrWhiteSpace(Path))
                yield return Problem.Of("path", "is set beside database", "one of them", "leave one out");
            if (HasPassword(url))
                yield return Problem.Of("database", "holds a password, which would be copied into the run's folder", "a URL without one", "put it into PGPASSWORD or a password file");
        }
        else if (Project is not null || Annotators is not null || Aggregation != PreferenceAggregation.MajorityVote)
        {
            yield return Problem.Of(Project is not null ? "project" : Annotators is not null ? "annotators" : "aggregation", "is set without a database", "both or neither", "name the database");
        }
        if (Format != PreferenceForm.Pairs && Keep.Count > 0)
            yield return Problem.Of("keep", "is set", "nothing beside Attune's own files", "leave it out, or set format to pairs");
    }

    /// <summary>Reads all files to their end.</summary>
    /// <param name="dropped">Rows left out on purpose are added here by reason.</param>
    /// <exception cref="InputException">Something in them is wrong; lists it with file, line and byte.</exception>
    internal IReadOnlyList<PreferenceText> Read(IDictionary<string, long> dropped)
    {
        if (Database is not null)
            return RequireRows([.. OfDatabase().Select(row => PreferenceText.Of(row, ShownName))]);
        switch (Format)
        {
            case PreferenceForm.Judged:
                return RequireRows([.. PreferenceExport.ReadPairs(Path).Select(row => PreferenceText.Of(row, ShownName))]);
            case PreferenceForm.Rankings:
                return RequireRows([.. PreferenceExport.ReadRankings(Path).Select(row => PreferenceText.Of(row, ShownName))]);
            default:
                var files = new DataSource { Path = Path, Format = DataFormat.Preferences, Fields = Fields, Keep = Keep }.Preferences();
                foreach (var (reason, rows) in DataSource.CheckAll(files).SelectMany(check => check.Dropped))
                    dropped[reason] = (dropped.TryGetValue(reason, out var before) ? before : 0) + rows;
                return [.. files.SelectMany(file => file).Select(pair => PreferenceText.Of(pair, ShownName))];
        }
    }

    private IReadOnlyList<PreferenceText> RequireRows(IReadOnlyList<PreferenceText> rows) => rows.Count > 0 ? rows
        : throw InputException.One(Database is null ? Path : $"Project {Project}", "is empty", "at least one row", "run the stage that writes it, or name another");

    private IEnumerable<Preference> OfDatabase()
    {
        var people = Annotators is null ? null : Feedback.Annotators.Load(Annotators);
        var found = FeedbackDatabases.Read(Database!, Project!);
        return (people is null ? [AnnotatorGroup.Training] : Enum.GetValues<AnnotatorGroup>()).SelectMany(group => found.Preferences(Aggregation, people, new() { Group = group }));
    }

    private static bool HasPassword(string url) =>
        System.Text.RegularExpressions.Regex.IsMatch(url, @"^[a-z]+://[^/@]*:[^/@]+@|[?;&\s](password|pwd)\s*=|^\s*(password|pwd)\s*=", System.Text.RegularExpressions.RegexOptions.IgnoreCase);
}

/// <summary>What people said about two or more answers, as text. Of two, the better one stands first.</summary>
internal sealed record PreferenceText
{
    private const string Training = "training", HeldOut = "held-out"; // as Attune's files name groups of annotators

    public required string Prompt { get; init; }

    public required IReadOnlyList<string> Answers { get; init; }

    /// <summary>What comparisons share that are not independent: the prompt; where there is none, each stands for itself.</summary>
    public string Cluster => HashSplit.KeyOf(Prompt) is { Length: > 0 } key ? key : string.Join('\n', Answers.Order(StringComparer.Ordinal));

    /// <summary>One an answer; smaller is better, equal is a tie.</summary>
    public required IReadOnlyList<int> Ranks { get; init; }

    /// <summary>By what name results list the file it comes from.</summary>
    public required string Source { get; init; }

    public string? Id { get; init; }

    /// <summary>Whose judgment it is: seen, unseen, or the file's own word.</summary>
    public string? Group { get; init; }

    /// <summary>Whether it must not be learnt from: held-out annotators judged it, or its prompt is held out.</summary>
    public bool IsHeldOut { get; init; }

    public bool IsHeldOutPrompt { get; init; }

    /// <summary>Of two answers: the share of judges for the first, at least ½; null where only the choice is known.</summary>
    public double? PChosen { get; init; }

    /// <summary>Of two answers: how much better the first is, in the unit of the data.</summary>
    public double? Strength { get; init; }

    /// <summary>Of two answers: the share of judges who saw the first one first.</summary>
    public double? ChosenShownFirst { get; init; }

    public bool IsPair => Answers.Count == 2;

    public static PreferenceText Of(PreferencePair pair, string source) => Towards(pair.PChosen, new()
    {
        Prompt = pair.Prompt,
        Answers = [pair.Chosen, pair.Rejected],
        Ranks = [1, 2],
        Source = source,
        Id = pair.Id,
        Group = GroupName(pair.Group),
        IsHeldOut = pair.Group == HeldOut,
        Strength = pair.Strength,
    });

    public static PreferenceText Of(Preference pair, string source) => Towards(pair.PChosen, new()
    {
        Prompt = pair.Prompt,
        Answers = [pair.Chosen, pair.Rejected],
        Ranks = [1, 2],
        Source = source,
        Id = pair.Id,
        Group = GroupName(pair.Group),
        IsHeldOut = pair.Group == AnnotatorGroup.HeldOut || pair.Split == PromptSplit.HeldOut,
        IsHeldOutPrompt = pair.Split == PromptSplit.HeldOut,
        Strength = pair.Strength,
        ChosenShownFirst = pair.ChosenShownFirst,
    });

    public static PreferenceText Of(RankedAnswers ranking, string source) => new()
    {
        Prompt = ranking.Prompt,
        Answers = ranking.Answers,
        Ranks = ranking.Ranks,
        Source = source,
        Id = ranking.Comparison,
        Group = GroupName(ranking.Group),
        IsHeldOut = ranking.Group == AnnotatorGroup.HeldOut || ranking.Split == PromptSplit.HeldOut,
        IsHeldOutPrompt = ranking.Split == PromptSplit.HeldOut,
    };

    /// <summary>Most files call the winner chosen; one whose p(chosen) is below ½ does not, and is turned round.</summary>
    private static PreferenceText Towards(double? pChosen, PreferenceText text) => pChosen is not < 0.5 ? text with { PChosen = pChosen }
        : text with
        {
            Answers = [text.Answers[1], text.Answers[0]],
            PChosen = 1 - pChosen,
            Strength = -text.Strength,
            ChosenShownFirst = 1 - text.ChosenShownFirst,
        };

    private static string? GroupName(string? group) => group switch { Training => "seen", HeldOut => "unseen", _ => group };

    private static string GroupName(AnnotatorGroup group) => group == AnnotatorGroup.HeldOut ? "unseen" : "seen";
}
