using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Runs;
using Attune.Storage.Leases;
using Attune.Storage.Quality;
using Attune.Storage.Webhooks;
using Attune.Torch;

namespace Attune.Storage.Work;

/// <summary>Which tasks to list; what is null does not matter.</summary>
/// <param name="BatchId">Of this batch.</param>
/// <param name="State">In this state.</param>
/// <param name="Purpose">For this purpose.</param>
public sealed record TaskFilter(string? BatchId = null, TaskState? State = null, TaskPurpose? Purpose = null);

/// <summary>Tasks of a project.</summary>
public sealed partial class TaskStore
{
    private const int ShuffleBits = 31;

    private readonly Database _database;

    internal TaskStore(Database database) => _database = database;

    /// <summary>Adds tasks, all or none; gives their ids in the same order.</summary>
    /// <exception cref="InputException">The project or a batch is not there, or a task is bad; lists all problems.</exception>
    public Task<IReadOnlyList<string>> AddAsync(string projectId, IReadOnlyList<NewTask> tasks, string? actorId, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        Check(tasks);
        return _database.WriteAsync(transaction => AddAsync(transaction, projectId, tasks, actorId), stop);
    }

    /// <summary>The same within a change.</summary>
    public async Task<IReadOnlyList<string>> AddAsync(Transaction transaction, string projectId, IReadOnlyList<NewTask> tasks, string? actorId)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(tasks);
        Check(tasks);
        var project = await ProjectStore.FindAsync(transaction, projectId).ConfigureAwait(false) ?? throw InputException.One($"Project {projectId}", "is not there", "one of this database", "check the id");
        foreach (var batch in tasks.Select(task => task.BatchId).OfType<string>().Distinct())
        {
            if (await transaction.CountAsync("SELECT COUNT(*) FROM batches WHERE id = @batch AND project_id = @projectId", new { batch, projectId }).ConfigureAwait(false) == 0)
                throw InputException.One($"Batch {batch}", "is not there", "one of this project", "check the id");
        }
        ThrowIfUnfit(tasks, project.Settings);
        var ids = new List<string>();
        foreach (var task in tasks)
            ids.Add(await AddAsync(transaction, project, task).ConfigureAwait(false));
        await _database.Audit.RecordAsync(transaction, actorId, "task.add", null, projectId, new { tasks = tasks.Count }).ConfigureAwait(false);
        return ids;
    }

    /// <summary>A task by id; null where there is none.</summary>
    public Task<AnnotationTask?> FindAsync(string id, CancellationToken stop = default) => _database.ReadAsync(transaction => FindAsync(transaction, id), stop);

    /// <summary>A project's tasks, in the order of their ids.</summary>
    public Task<Page<AnnotationTask>> ListAsync(string projectId, TaskFilter filter, PageRequest page, CancellationToken stop = default) => _database.ReadAsync(
        async transaction =>
        {
            var conditions = (filter.BatchId is null ? "" : " AND batch_id = @BatchId") + (filter.State is null ? "" : " AND state = @State") + (filter.Purpose is null ? "" : " AND purpose = @Purpose");
            var rows = await transaction.QueryAsync<AnnotationTask>($"SELECT * FROM tasks WHERE project_id = @projectId AND id > @From{conditions} ORDER BY id LIMIT @More", new
            {
                projectId,
                page.From,
                More = page.Limit + 1,
                filter.BatchId,
                State = filter.State is { } state ? StorageJson.Word(state) : null,
                Purpose = filter.Purpose is { } purpose ? StorageJson.Word(purpose) : null,
            }).ConfigureAwait(false);
            return page.Of(rows, task => task.Id);
        }, stop);

    /// <summary>How far a project, or one batch of it, is.</summary>
    public Task<Progress> ProgressAsync(string projectId, string? batchId = null, CancellationToken stop = default) =>
        _database.ReadAsync(transaction => ProgressAsync(transaction, projectId, batchId), stop);

    internal static async Task<Progress> ProgressAsync(Transaction transaction, string projectId, string? batchId) => (await transaction.FirstAsync<Progress>(
        $"""
        SELECT COUNT(*) AS tasks, COALESCE(SUM(CASE WHEN state = 'complete' THEN 1 ELSE 0 END), 0) AS complete, CAST(COALESCE(SUM(overlap), 0) AS BIGINT) AS wanted,
            CAST(COALESCE(SUM(accepted), 0) AS BIGINT) AS accepted, CAST(COALESCE(SUM(active), 0) AS BIGINT) AS active,
            COALESCE(SUM(CASE WHEN held_at IS NOT NULL THEN 1 ELSE 0 END), 0) AS held
        FROM tasks WHERE project_id = @projectId AND state <> 'withdrawn' AND purpose IN ('normal', 'calibration') {(batchId is null ? "" : "AND batch_id = @batchId")}
        """, new { projectId, batchId }).ConfigureAwait(false))!;

    /// <summary>
    /// Asks for more or fewer answers of a task: not fewer than there are and are being given. A task with all its answers is complete, one that needs more
    /// is open again.
    /// </summary>
    /// <returns>The overlap now, which may be more than asked for; null where there is no such task.</returns>
    /// <exception cref="InputException">More is asked for than the task's maximum; <paramref name="beyondMaximum"/> raises that too.</exception>
    public Task<int?> SetOverlapAsync(string id, int overlap, string? actorId, bool beyondMaximum = false, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await FindAsync(transaction, id, transaction.Engine.ForUpdate).ConfigureAwait(false) is not { } task)
                return null;
            if (overlap > task.MaximumOverlap && !beyondMaximum)
                throw InputException.One($"Task {id}", $"is to have {overlap} answers", $"at most {task.MaximumOverlap}", "ask for fewer, or raise the maximum");
            var reached = Math.Max(overlap, task.Active + task.Accepted);
            await transaction.ExecuteAsync(
                "UPDATE tasks SET overlap = @reached, maximum_overlap = @Most WHERE id = @id", new { id, reached, Most = Math.Max(task.MaximumOverlap, reached) }).ConfigureAwait(false);
            await SettleAsync(transaction, id).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "task.overlap", id, task.ProjectId, new { overlap = reached }).ConfigureAwait(false);
            return (int?)reached;
        }, stop);

    /// <summary>Takes a task out, for instance as broken. Answers that are there stay; what was given out may still come in.</summary>
    public Task WithdrawAsync(string id, string reason, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE tasks SET state = 'withdrawn', held_at = NULL WHERE id = @id", new { id }).ConfigureAwait(false);
            var project = await transaction.FirstAsync<string>("SELECT project_id FROM tasks WHERE id = @id", new { id }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "task.withdraw", id, project, new { reason }).ConfigureAwait(false);
        }, stop);

    /// <summary>
    /// Answers the reports on a task: they were looked at, and do not count any more. One that waited because of them is given out again, or complete where the answers that
    /// came meanwhile are enough. Gives false where there is no such task, or it was taken out.
    /// </summary>
    public Task<bool> ReturnAsync(string id, string reason, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            if (await FindAsync(transaction, id, transaction.Engine.ForUpdate).ConfigureAwait(false) is not { State: not TaskState.Withdrawn } task)
                return false;
            await transaction.ExecuteAsync(
                "UPDATE tasks SET state = CASE WHEN held_at IS NULL THEN state ELSE 'open' END, held_at = NULL, reports_seen_at = @Now WHERE id = @id", new { id, transaction.Now }).ConfigureAwait(false);
            var overlap = (await ProjectStore.FindAsync(transaction, task.ProjectId).ConfigureAwait(false))!.Settings.Quality.Overlap;
            if (overlap is not null && task.Purpose == TaskPurpose.Normal && task.Accepted > 0 && OverlapControl.Suits(task.Kind))
                await OverlapControl.DecideAsync(transaction, id, overlap).ConfigureAwait(false);
            else
                await SettleAsync(transaction, id).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "task.return", id, task.ProjectId, new { reason, held = task.HeldAt is not null }).ConfigureAwait(false);
            return true;
        }, stop);

    /// <summary>Moves a task forwards or back.</summary>
    public Task SetPriorityAsync(string id, int priority, string? actorId, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE tasks SET priority = @priority WHERE id = @id", new { id, priority }).ConfigureAwait(false);
            await _database.Audit.RecordAsync(transaction, actorId, "task.priority", id, details: new { priority }).ConfigureAwait(false);
        }, stop);

    internal static Task<AnnotationTask?> FindAsync(Transaction transaction, string id, string lockRow = "") =>
        transaction.FirstAsync<AnnotationTask>($"SELECT * FROM tasks WHERE id = @id{lockRow}", new { id });

    /// <summary>Completes a task that has all its answers (or is sure without the ones under way), opens one that needs more, and decides on the tasks that wait for it.</summary>
    internal static async Task SettleAsync(Transaction transaction, string id, bool isSure = false)
    {
        if (!isSure)
            await transaction.ExecuteAsync("UPDATE tasks SET state = 'open', completed_at = NULL WHERE id = @id AND state = 'complete' AND accepted < overlap", new { id }).ConfigureAwait(false);
        if (await transaction.ExecuteAsync("UPDATE tasks SET state = 'complete', completed_at = @Now WHERE id = @id AND state = 'open' AND (accepted >= overlap OR @Sure = 1)", new { id, transaction.Now, Sure = isSure ? 1L : 0L }).ConfigureAwait(false) == 0)
            return;
        await Outbox.TaskCompletedAsync(transaction, id).ConfigureAwait(false);
        await FollowUps.CompletedAsync(transaction, id).ConfigureAwait(false);
        var waiting = await transaction.QueryAsync<AnnotationTask>($"SELECT * FROM tasks WHERE depends_on = @id AND state = 'waiting' AND held_at IS NULL ORDER BY id{transaction.Engine.ForUpdate}", new { id }).ConfigureAwait(false);
        if (waiting.Count == 0)
            return;
        var outcome = TaskOutcome.Majority(await InForceAsync(transaction, id).ConfigureAwait(false));
        foreach (var task in waiting)
            await transaction.ExecuteAsync("UPDATE tasks SET state = @State WHERE id = @Id", new { task.Id, State = IsMet(task.DependsAnswer, outcome) ? "open" : "withdrawn" }).ConfigureAwait(false);
    }

    /// <summary>The answers to a task that came in time and were not superseded.</summary>
    internal static async Task<IReadOnlyList<Judgment>> InForceAsync(Transaction transaction, string taskId) =>
        (await transaction.QueryAsync<string>(
            "SELECT content FROM judgments j WHERE task_id = @taskId AND late = 0 AND NOT EXISTS (SELECT 1 FROM judgments s WHERE s.supersedes = j.id) AND NOT EXISTS (SELECT 1 FROM rejections r WHERE r.judgment_id = j.id AND r.lifted_at IS NULL) ORDER BY id", new { taskId }).ConfigureAwait(false))
        .Select(Judgment.FromJson).Where(judgment => judgment.Outcome != Outcome.Withdrawn).ToList();

    private static bool IsMet(string? wanted, string? outcome) => wanted is null || wanted == outcome;

    internal static async Task<string> AddAsync(Transaction transaction, Project project, NewTask task)
    {
        var id = task.Id ?? transaction.NewId();
        var subject = task.SubjectId ?? id;
        var overlap = task.Overlap ?? project.Settings.Overlap;
        var seed = new Seed((ulong)project.Seed);
        var kind = StorageJson.Word(task.Kind ?? project.Settings.Kind);
        if (TaskPayload.Kinds.Contains(kind) && !TaskPayload.Compares(kind) && TaskPayload.Check(kind, task.Payload) is { } fault)
            throw InputException.One($"Task {subject}", fault, "a payload of its kind", "correct it; docs/feedback-formats.md has the keys");
        var isNew = await transaction.ExecuteAsync(
            """
            INSERT INTO tasks (id, project_id, batch_id, kind, purpose, subject_id, payload, choices, group_id, place, group_size, priority, expected, required_skill, required_level,
                language, depends_on, depends_answer, state, side_seed, shuffle, overlap, maximum_overlap, active, accepted, created_at)
            VALUES (@id, @ProjectId, @BatchId, @Kind, @Purpose, @subject, @Payload, @Choices, @GroupId, @Place, @GroupSize, @Priority, @Expected, @RequiredSkill, @RequiredLevel,
                @Language, @DependsOn, @DependsAnswer, @State, @SideSeed, @Shuffle, @overlap, @Most, 0, 0, @Now)
            ON CONFLICT DO NOTHING
            """,
            new
            {
                id,
                ProjectId = project.Id,
                task.BatchId,
                Kind = kind,
                Purpose = StorageJson.Word(task.Purpose),
                subject,
                task.Payload,
                task.Choices,
                task.GroupId,
                task.Place,
                task.GroupSize,
                task.Priority,
                task.Expected,
                task.RequiredSkill,
                task.RequiredLevel,
                task.Language,
                task.DependsOn,
                task.DependsAnswer,
                State = await FirstStateAsync(transaction, task).ConfigureAwait(false),
                overlap,
                transaction.Now,
                SideSeed = (long)seed.For("side").For(subject).Value,
                Shuffle = (long)(seed.For("shuffle").For(id).Value >> (64 - ShuffleBits)),
                Most = Math.Max(overlap, task.MaximumOverlap ?? project.Settings.MaximumOverlap),
            }).ConfigureAwait(false);
        if (isNew == 0)
            throw InputException.One($"Task {id}", "is there already", "an id of its own", "leave the id out, or choose another");
        foreach (var author in task.AuthorIds.Distinct(StringComparer.Ordinal))
            await transaction.ExecuteAsync("INSERT INTO task_authors (task_id, person_id) VALUES (@id, @author)", new { id, author }).ConfigureAwait(false);
        return id;
    }

    private static async Task<string> FirstStateAsync(Transaction transaction, NewTask task)
    {
        if (task.DependsOn is null)
            return "open";
        if (await FindAsync(transaction, task.DependsOn).ConfigureAwait(false) is not { State: TaskState.Complete } before)
            return "waiting"; // one that is not there at all breaks the foreign key at the commit
        return IsMet(task.DependsAnswer, TaskOutcome.Majority(await InForceAsync(transaction, before.Id).ConfigureAwait(false))) ? "open" : "withdrawn";
    }

    /// <summary>Refuses tasks that expect what nobody could answer in a project with these settings.</summary>
    /// <exception cref="InputException">Lists the first twenty.</exception>
    public static void ThrowIfUnfit(IReadOnlyList<NewTask> tasks, ProjectSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        ArgumentNullException.ThrowIfNull(settings);
        var problems = tasks.Select((task, number) => (task, number, Fault: ExpectedFit.Fault(task, task.Kind ?? settings.Kind, settings))).Where(found => found.Fault is not null).Take(20)
            .Select(found => Problem.Of($"task {found.task.SubjectId ?? found.task.Id ?? $"{found.number + 1}"}", found.Fault!, "what can be answered there", "correct it; docs/feedback-formats.md has the keys")).ToList();
        if (problems.Count > 0)
            throw new InputException("The tasks", problems);
    }

    private static void Check(IReadOnlyList<NewTask> tasks)
    {
        var problems = tasks.SelectMany((task, number) => Check(task).Select(problem => problem with { Key = $"task {number + 1}: {problem.Key}" })).Take(20).ToList();
        if (problems.Count > 0)
            throw new InputException("The tasks", problems);
    }

    private static IEnumerable<Problem> Check(NewTask task)
    {
        if (!IsJson(task.Payload))
            yield return Problem.Of("payload", "is no JSON", "a JSON object", "correct it");
        if (task.Choices < 0)
            yield return Problem.Of("choices", $"is {task.Choices}", "0 or more", "count the answers shown");
        if (task.Overlap < 1)
            yield return Problem.Of("overlap", $"is {task.Overlap}", "at least 1", "leave it out for the project's");
        if (task.Place is { } place && (task.GroupId is null || place < 1 || place > (task.GroupSize ?? int.MaxValue)))
            yield return Problem.Of("place", $"is {place} of {task.GroupSize?.ToString() ?? "none"} in group {task.GroupId ?? "none"}", "1 to the group's size, in a group", "correct it");
        if (task.DependsAnswer is not null && task.DependsOn is null)
            yield return Problem.Of("dependsAnswer", "stands without dependsOn", "both or neither", "name the task that it depends on");
        if (!double.IsFinite(task.RequiredLevel))
            yield return Problem.Of("requiredLevel", $"is {task.RequiredLevel}", "a finite number", "correct it");
    }

    private static bool IsJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return !text.Contains('\0');
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
