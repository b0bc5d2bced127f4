using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <summary>A file of tasks that somebody gave: either <c>comparisons.jsonl</c> or <c>tasks.jsonl</c>, told apart by whether a line names its kind.</summary>
public sealed class TaskImport
{
    private readonly string _name;
    private readonly IReadOnlyList<Comparison> _comparisons;
    private readonly IReadOnlyList<TaskLine> _lines;

    private TaskImport(string name, IReadOnlyList<Comparison> comparisons, IReadOnlyList<TaskLine> lines) => (_name, _comparisons, _lines) = (name, comparisons, lines);

    /// <summary>No file.</summary>
    public static TaskImport None { get; } = new("", [], []);

    /// <summary>What a project made for these tasks asks for.</summary>
    public TaskKind Kind => _lines.Count > 0 ? KindOf(_lines[0]) : ComparisonProject.KindOf(_comparisons);

    /// <summary>The settings of a new project; those who write messages of trees have two days and eight tasks at once (Köpf et al. 2023).</summary>
    public static ProjectSettings Usual(TaskKind kind) => kind == TaskKind.Message ? new() { Kind = kind, OpenTasks = 8, LeaseMinutes = 2 * 24 * 60 } : new() { Kind = kind };

    /// <summary>Reads a file.</summary>
    /// <param name="name">What problems are told of.</param>
    /// <param name="content">Its bytes, not compressed.</param>
    /// <param name="pictures">Pictures that came along; null for none.</param>
    /// <exception cref="InputException">It has no tasks, or bad lines; lists them.</exception>
    public static TaskImport Parse(string name, byte[] content, PicturesBeside? pictures = null) =>
        TaskFile.Is(content) ? new(name, [], TaskFile.Parse(name, content, pictures: pictures)) : new(name, ComparisonProject.Parse(name, content), []);

    /// <summary>Reads golden or training tasks: lines as of either file, each with <c>expected</c>; a line that names no kind is of the project's.</summary>
    /// <param name="name">What problems are told of.</param>
    /// <param name="content">Its bytes, not compressed.</param>
    /// <param name="purpose">Golden or training, whatever the lines say.</param>
    /// <param name="settings">The project's.</param>
    /// <exception cref="InputException">It has no tasks, or bad lines; lists them.</exception>
    public static TaskImport ParseKnown(string name, byte[] content, TaskPurpose purpose, ProjectSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var kind = settings.Kind is TaskKind.Pair or TaskKind.Rank ? null : $"{settings.Kind}".ToLowerInvariant();
        var lines = TaskFile.Parse(name, content, answers => kind ?? (answers == 2 ? "pair" : "rank"));
        if (lines.Count == 0)
            throw InputException.One(name, "has no tasks", "at least one line", "see docs/quality-control.md for the form");
        var without = lines.Where(line => line.Expected is null).Take(20).Select(line => Problem.Of($"line {line.Number}", "has no expected", "what is right, for instance \"expected\": {\"best\": 0}", "add it")).ToList();
        return without.Count > 0 ? throw new InputException(name, without) : new(name, [], [.. lines.Select(line => line with { Purpose = $"{purpose}".ToLowerInvariant() })]);
    }

    /// <summary>Adds a file to the project of a name, and makes the project if there is none.</summary>
    /// <exception cref="InputException">The file has bad lines; nothing was changed.</exception>
    public static async Task<ComparisonProject> AddFileAsync(Database database, string name, string path, string? actorId, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        var import = Parse(path, TaskFile.Content(path), PicturesBeside.OfFolder(Path.GetDirectoryName(Path.GetFullPath(path))!));
        var known = await database.Projects.FindByNameAsync(name, stop).ConfigureAwait(false);
        if (known is null)
            import.ThrowIfUnfit(Usual(import.Kind));
        var project = known ?? await database.Projects.CreateAsync(name, Usual(import.Kind), actorId, stop: stop).ConfigureAwait(false);
        return await import.AddAsync(database, project, actorId, stop).ConfigureAwait(false);
    }

    /// <summary>Adds the tasks to a project, each once however often it is called.</summary>
    /// <exception cref="InputException">A task depends on one that is not there; nothing was changed.</exception>
    public async Task<ComparisonProject> AddAsync(Database database, Project project, string? actorId, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(project);
        if (_lines.Count == 0)
            return await ComparisonProject.AddAsync(database, project, _comparisons, actorId, stop).ConfigureAwait(false);
        if (_lines.Any(line => line.DependsOn is not null))
        {
            ThrowIfUnmet((await database.ReadAsync(transaction => transaction.QueryAsync<string>("SELECT subject_id FROM tasks WHERE project_id = @Id", new { project.Id }), stop).ConfigureAwait(false))
                .ToHashSet(StringComparer.Ordinal));
        }
        var groups = _lines.Where(line => line.Group is not null).GroupBy(line => line.Group!, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.ToList(), StringComparer.Ordinal);
        var added = await database.Tasks.ImportAsync(project.Id, [.. _lines.Select(line => Task(line, line.Group is { } group ? groups[group] : []))], actorId, stop).ConfigureAwait(false);
        return new(project, added, _lines.Count - added);
    }

    /// <summary>Refuses what a new project with these settings could not take, before it is made.</summary>
    /// <exception cref="InputException">A task does not fit; lists them.</exception>
    public void ThrowIfUnfit(ProjectSettings settings)
    {
        ThrowIfUnmet(new HashSet<string>());
        TaskStore.ThrowIfUnfit([.. _lines.Select(line => Task(line, [line]))], settings);
    }

    /// <summary>Refuses tasks that depend on tasks which are neither above them nor there, or on answers that cannot be given.</summary>
    public void ThrowIfUnmet(IReadOnlySet<string> there)
    {
        ArgumentNullException.ThrowIfNull(there);
        var above = new Dictionary<string, TaskLine>(StringComparer.Ordinal);
        var problems = new List<Problem>();
        foreach (var line in _lines)
        {
            if (line.DependsOn is { } before && !above.ContainsKey(before) && !there.Contains(before))
                problems.Add(Problem.Of($"line {line.Number}", $"depends on {before}, which is not there", "a task above it or of the project", "put that one first"));
            else if (line.DependsAnswer is { } answer && above.GetValueOrDefault(line.DependsOn!) is { Kind: "question" } question && TaskPayload.Read<QuestionTask>(question.Payload).Questions is [var only] && !only.Allowed.Contains(answer))
                problems.Add(Problem.Of($"line {line.Number}", $"waits for the answer '{answer}'", string.Join(", ", only.Allowed), "name an answer of that question"));
            if (line.Id is { } id)
                above[id] = line;
        }
        if (problems.Count > 0)
            throw new InputException(_name, problems);
    }

    private static TaskKind KindOf(TaskLine line) => Enum.Parse<TaskKind>(line.Kind, ignoreCase: true);

    private static NewTask Task(TaskLine line, List<TaskLine> group) => new()
    {
        Payload = line.Payload,
        Choices = line.Choices,
        SubjectId = line.Id,
        Kind = KindOf(line),
        Purpose = Enum.Parse<TaskPurpose>(line.Purpose, ignoreCase: true),
        Overlap = line.Overlap,
        GroupId = line.Group,
        Place = line.Group is null ? null : group.IndexOf(line) + 1,
        GroupSize = line.Group is null ? null : group.Count,
        Priority = line.Priority,
        Expected = line.Expected?.ToJson(),
        RequiredSkill = line.RequiredSkill,
        RequiredLevel = line.RequiredLevel,
        Language = line.Language,
        DependsOn = line.DependsOn,
        DependsAnswer = line.DependsAnswer,
    };
}
