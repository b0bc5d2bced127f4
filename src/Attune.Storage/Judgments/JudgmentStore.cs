using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Webhooks;
using Attune.Storage.Work;

namespace Attune.Storage.Judgments;

/// <summary>Which judgments to read; what is null does not matter.</summary>
/// <param name="BatchId">Of this batch.</param>
/// <param name="TaskId">Of this task.</param>
/// <param name="PersonId">By this person.</param>
/// <param name="Purpose">Of tasks for this purpose.</param>
/// <param name="InForce">Only those that count: in time, not superseded, not a withdrawal, not rejected.</param>
public sealed record JudgmentFilter(string? BatchId = null, string? TaskId = null, string? PersonId = null, TaskPurpose? Purpose = null, bool InForce = false)
{
    internal string Sql =>
        (BatchId is null ? "" : " AND batch_id = @BatchId") + (TaskId is null ? "" : " AND task_id = @TaskId") + (PersonId is null ? "" : " AND person_id = @PersonId")
        + (Purpose is null ? "" : " AND purpose = @PurposeWord")
        + (InForce ? " AND late = 0 AND outcome <> 'withdrawn' AND NOT EXISTS (SELECT 1 FROM judgments s WHERE s.supersedes = j.id) AND NOT EXISTS (SELECT 1 FROM rejections r WHERE r.judgment_id = j.id AND r.lifted_at IS NULL)" : "");

    internal string? PurposeWord => Purpose is { } purpose ? StorageJson.Word(purpose) : null;
}

/// <summary>
/// The append-only log of judgments. Answers come in through leases (<see cref="Leases.LeaseStore"/>); <see cref="AppendAsync(string, IReadOnlyList{Judgment}, string?, CancellationToken)"/> takes logs from elsewhere.
/// </summary>
public sealed class JudgmentStore
{
    private readonly Database _database;

    internal JudgmentStore(Database database) => _database = database;

    /// <summary>A judgment by id; null where there is none.</summary>
    public Task<Judgment?> FindAsync(string id, CancellationToken stop = default) => _database.ReadAsync(transaction => FindAsync(transaction, id), stop);

    /// <summary>A page of a project's log, in the order in which they were given.</summary>
    public Task<Page<Judgment>> ListAsync(string projectId, JudgmentFilter filter, PageRequest page, CancellationToken stop = default) => _database.ReadAsync(
        async transaction =>
        {
            var rows = await transaction.QueryAsync<string>(
                $"SELECT content FROM judgments j WHERE project_id = @projectId AND id > @From{filter.Sql} ORDER BY id LIMIT @More",
                new { projectId, page.From, More = page.Limit + 1, filter.BatchId, filter.TaskId, filter.PersonId, filter.PurposeWord }).ConfigureAwait(false);
            return page.Of(rows.Select(Judgment.FromJson).ToList(), judgment => judgment.Id);
        }, stop);

    /// <summary>All judgments of a project that pass the filter, in the order in which they were given: what aggregation and training take.</summary>
    public Task<IReadOnlyList<Judgment>> ReadAsync(string projectId, JudgmentFilter filter, CancellationToken stop = default) => _database.ReadAsync<IReadOnlyList<Judgment>>(
        async transaction => (await transaction.QueryAsync<string>(
            $"SELECT content FROM judgments j WHERE project_id = @projectId{filter.Sql} ORDER BY id",
            new { projectId, filter.BatchId, filter.TaskId, filter.PersonId, filter.PurposeWord }).ConfigureAwait(false)).Select(Judgment.FromJson).ToList(), stop);

    /// <summary>
    /// Appends a log from elsewhere, all of it or nothing; gives how many were new. Each judgment's task is the one of its <see cref="Judgment.TaskId"/>, or else
    /// the first with its comparison as subject, its person the one with its pseudonym. A task's overlap is raised where the log has more answers.
    /// </summary>
    /// <exception cref="InputException">A judgment contradicts itself, its task or person is not there, or another one has its id; names the first twenty.</exception>
    public Task<int> AppendAsync(string projectId, IReadOnlyList<Judgment> judgments, string? actorId, CancellationToken stop = default) =>
        _database.WriteAsync(transaction => AppendAsync(transaction, projectId, judgments, actorId), stop);

    /// <summary>The same within a change.</summary>
    public async Task<int> AppendAsync(Transaction transaction, string projectId, IReadOnlyList<Judgment> judgments, string? actorId)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(judgments);
        var log = new LogWriter(transaction, projectId);
        var (added, problems) = (0, new List<Problem>());
        foreach (var judgment in judgments)
        {
            try
            {
                added += await log.AppendAsync(judgment).ConfigureAwait(false) ? 1 : 0;
            }
            catch (JudgmentProblem e)
            {
                problems.Add(new($"judgment {judgment.Id}", e.Message));
                if (problems.Count == 20)
                    break;
            }
        }
        if (problems.Count > 0)
            throw new InputException("The log", problems);
        await log.CountAsync().ConfigureAwait(false);
        await _database.Audit.RecordAsync(transaction, actorId, "judgment.append", null, projectId, new { added }).ConfigureAwait(false);
        return added;
    }

    internal static async Task<Judgment?> FindAsync(Transaction transaction, string id) =>
        await transaction.FirstAsync<string>("SELECT content FROM judgments WHERE id = @id", new { id }).ConfigureAwait(false) is { } content ? Judgment.FromJson(content) : null;

    internal static async Task InsertAsync(Transaction transaction, Judgment judgment, AnnotationTask task, string personId, string? leaseId)
    {
        await WriteAsync(transaction, judgment, task, personId, leaseId).ConfigureAwait(false);
        await Outbox.JudgmentAsync(transaction, judgment, task).ConfigureAwait(false);
    }

    private static Task<int> WriteAsync(Transaction transaction, Judgment judgment, AnnotationTask task, string personId, string? leaseId) => transaction.ExecuteAsync(
        """
        INSERT INTO judgments (id, project_id, batch_id, task_id, lease_id, person_id, comparison_id, outcome, purpose, late, supersedes, at, seconds, active_seconds, content)
        VALUES (@Id, @ProjectId, @BatchId, @TaskId, @leaseId, @personId, @ComparisonId, @Outcome, @Purpose, @Late, @Supersedes, @At, @Seconds, @ActiveSeconds, @Content)
        """,
        new
        {
            judgment.Id,
            task.ProjectId,
            task.BatchId,
            TaskId = task.Id,
            leaseId,
            personId,
            judgment.ComparisonId,
            Outcome = StorageJson.Word(judgment.Outcome),
            Purpose = StorageJson.Word(task.Purpose),
            Late = judgment.Late ? 1L : 0L,
            judgment.Supersedes,
            judgment.At,
            judgment.Seconds,
            judgment.ActiveSeconds,
            Content = judgment.ToJson(),
        });
}
