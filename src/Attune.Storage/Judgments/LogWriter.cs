using Attune.Feedback;
using Attune.Storage.Work;

namespace Attune.Storage.Judgments;

/// <summary>
/// Puts a log from elsewhere into a project within one change. People and tasks are looked up once, and each task is counted and settled once at the end,
/// so that a log of thousands costs little more than its rows.
/// </summary>
internal sealed class LogWriter(Transaction transaction, string projectId)
{
    private readonly Dictionary<string, AnnotationTask?> _tasks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string?> _people = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly List<(AnnotationTask Task, Judgment Judgment, string Person)> _answered = [];

    /// <summary>Writes a judgment; false where it is there already.</summary>
    /// <exception cref="JudgmentProblem">It contradicts itself, or what it belongs to is not there.</exception>
    public async Task<bool> AppendAsync(Judgment judgment)
    {
        if (judgment.Fault() is { } fault)
            throw new JudgmentProblem(fault);
        if (await JudgmentStore.FindAsync(transaction, judgment.Id).ConfigureAwait(false) is { } there)
            return there.ToJson() == judgment.ToJson() ? false : throw new JudgmentProblem("has the id of a different judgment that is there, expected its own; give it another");
        var task = await TaskAsync(judgment).ConfigureAwait(false)
            ?? throw new JudgmentProblem($"is of {judgment.TaskId ?? judgment.ComparisonId}, which is no task of this project; add its tasks first");
        if (judgment.Order.Count != task.Choices)
            throw new JudgmentProblem($"shows {judgment.Order.Count} answers of a task with {task.Choices}, expected the same; check that the log belongs to these tasks");
        var person = await PersonAsync(judgment.AnnotatorId).ConfigureAwait(false)
            ?? throw new JudgmentProblem($"is by {judgment.AnnotatorId}, who is not there; add the person with that pseudonym first");
        var earlier = judgment.Supersedes is { } superseded ? await JudgmentStore.FindAsync(transaction, superseded).ConfigureAwait(false)
            ?? throw new JudgmentProblem($"supersedes {superseded}, which is not there; put it before this one") : null;
        await JudgmentStore.InsertAsync(transaction, judgment, task, person, null).ConfigureAwait(false);
        var counts = judgment.Late ? 0 : judgment.Outcome == Outcome.Withdrawn ? -1 : earlier is null or { Outcome: Outcome.Withdrawn } ? 1 : 0;
        _counts[task.Id] = _counts.GetValueOrDefault(task.Id) + counts;
        if (counts > 0)
            _answered.Add((task, judgment, person));
        return true;
    }

    /// <summary>Counts what was written towards the tasks, whose overlap is raised where there are more answers, and makes the tasks that follow.</summary>
    public async Task CountAsync()
    {
        foreach (var (id, counts) in _counts)
        {
            await transaction.ExecuteAsync(
                """
                UPDATE tasks SET accepted = accepted + @counts,
                    overlap = CASE WHEN active + accepted + @counts > overlap THEN active + accepted + @counts ELSE overlap END,
                    maximum_overlap = CASE WHEN active + accepted + @counts > maximum_overlap THEN active + accepted + @counts ELSE maximum_overlap END
                WHERE id = @id
                """, new { id, counts }).ConfigureAwait(false);
            await TaskStore.SettleAsync(transaction, id).ConfigureAwait(false);
        }
        foreach (var (task, judgment, person) in _answered)
            await FollowUps.AnsweredAsync(transaction, task, judgment, person).ConfigureAwait(false);
    }

    private async Task<AnnotationTask?> TaskAsync(Judgment judgment)
    {
        var key = judgment.TaskId is null ? $"of {judgment.ComparisonId}" : judgment.TaskId;
        if (!_tasks.TryGetValue(key, out var task))
        {
            _tasks[key] = task = await transaction.FirstAsync<AnnotationTask>(
                $"SELECT * FROM tasks WHERE project_id = @projectId AND {(judgment.TaskId is null ? "subject_id = @ComparisonId" : "id = @TaskId")} ORDER BY id LIMIT 1{transaction.Engine.ForUpdate}",
                new { projectId, judgment.ComparisonId, judgment.TaskId }).ConfigureAwait(false);
        }
        return task;
    }

    private async Task<string?> PersonAsync(string pseudonym)
    {
        if (!_people.TryGetValue(pseudonym, out var person))
            _people[pseudonym] = person = await transaction.FirstAsync<string>("SELECT id FROM people WHERE pseudonym = @pseudonym", new { pseudonym }).ConfigureAwait(false);
        return person;
    }
}

/// <summary>What is wrong with one judgment of a log.</summary>
internal sealed class JudgmentProblem(string message) : Exception(message);
