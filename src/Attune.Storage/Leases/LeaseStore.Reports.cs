using Attune.Storage.Work;

namespace Attune.Storage.Leases;

/// <summary>A task that somebody reported as broken.</summary>
public sealed record TaskReport
{
    /// <summary>The lease that they gave back with it.</summary>
    public required string LeaseId { get; init; }

    /// <summary>The task.</summary>
    public required string TaskId { get; init; }

    /// <summary>What was to be judged.</summary>
    public required string SubjectId { get; init; }

    /// <summary>What was asked.</summary>
    public required TaskKind Kind { get; init; }

    /// <summary>Whether it is still given out.</summary>
    public required TaskState State { get; init; }

    /// <summary>Since when it waits for whoever runs the project, as enough people reported it; null where it does not.</summary>
    public DateTimeOffset? HeldAt { get; init; }

    /// <summary>The pseudonym of who reported it.</summary>
    public required string AnnotatorId { get; init; }

    /// <summary>What is wrong in their words, untrusted; empty where they said nothing.</summary>
    public string Text => Reason.Length > LeaseStore.Broken.Length ? Reason[LeaseStore.Broken.Length..].TrimStart(':', ' ') : "";

    /// <summary>When.</summary>
    public required DateTimeOffset At { get; init; }

    [System.Text.Json.Serialization.JsonIgnore]
    internal string Reason { get; init; } = "";
}

public sealed partial class LeaseStore
{
    /// <summary>How the reason begins with which somebody gives a broken task back.</summary>
    internal const string Broken = "broken";

    private const string NotSeen = "(t.reports_seen_at IS NULL OR l.ended_at > t.reports_seen_at)";

    /// <summary>What was reported as broken in a project, in the order in which it was given out.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="page">Which part.</param>
    /// <param name="isOpen">Only those that nobody has answered: the task was neither taken out nor given back to people since.</param>
    /// <param name="stop">Gives up.</param>
    public Task<Page<TaskReport>> ReportsAsync(string projectId, PageRequest page, bool isOpen = false, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(page);
        return _database.ReadAsync(
            async transaction => page.Of(
                await transaction.QueryAsync<TaskReport>(
                    $"""
                    SELECT l.id AS lease_id, t.id AS task_id, t.subject_id, t.kind, t.state, t.held_at, p.pseudonym AS annotator_id, l.reason, l.ended_at AS at
                    FROM leases l JOIN tasks t ON t.id = l.task_id JOIN people p ON p.id = l.person_id
                    WHERE l.project_id = @projectId AND l.state = 'released' AND l.reason LIKE '{Broken}%' AND l.id > @From{(isOpen ? $" AND t.state <> 'withdrawn' AND {NotSeen}" : "")} ORDER BY l.id LIMIT @More
                    """, new { projectId, page.From, More = page.Limit + 1 }).ConfigureAwait(false),
                report => report.LeaseId), stop);
    }

    /// <summary>Has a task wait for whoever runs the project once enough people reported it. What is in people's hands stays there, and answers to it count.</summary>
    private async Task HoldIfReportedAsync(Transaction transaction, Lease lease)
    {
        var settings = (await ProjectStore.FindAsync(transaction, lease.ProjectId).ConfigureAwait(false))!.Settings;
        if (settings.ReportsToHold == 0 || settings.Kind == TaskKind.Message)
            return;
        var people = await transaction.CountAsync(
            $"SELECT COUNT(DISTINCT l.person_id) FROM leases l JOIN tasks t ON t.id = l.task_id WHERE l.task_id = @TaskId AND l.state = 'released' AND l.reason LIKE '{Broken}%' AND {NotSeen}",
            new { lease.TaskId }).ConfigureAwait(false);
        if (people < settings.ReportsToHold
            || await transaction.ExecuteAsync("UPDATE tasks SET state = 'waiting', held_at = @Now WHERE id = @TaskId AND state = 'open'", new { lease.TaskId, transaction.Now }).ConfigureAwait(false) == 0)
            return;
        await _database.Audit.RecordAsync(transaction, null, "task.hold", lease.TaskId, lease.ProjectId, new { people }).ConfigureAwait(false);
    }
}
