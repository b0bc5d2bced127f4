using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Quality;
using Attune.Storage.Work;

namespace Attune.Storage.Webhooks;

/// <summary>
/// Writes what happened for every webhook that wants to know, in the transaction in which it happens. Bodies hold ids and words of the program's own, never what
/// people or models wrote: who may read that asks the API for it.
/// </summary>
internal static class Outbox
{
    public static Task JudgmentAsync(Transaction transaction, Judgment judgment, AnnotationTask task) => PutAsync(transaction, task.ProjectId, "judgment.created", () => new
    {
        judgmentId = judgment.Id,
        taskId = task.Id,
        subjectId = task.SubjectId,
        task.BatchId,
        task.Purpose,
        judgment.AnnotatorId,
        judgment.Outcome,
        judgment.Late,
        judgment.Supersedes,
    });

    public static async Task TaskCompletedAsync(Transaction transaction, string taskId)
    {
        var task = (await TaskStore.FindAsync(transaction, taskId).ConfigureAwait(false))!;
        await PutAsync(transaction, task.ProjectId, "task.completed", () => new { taskId, task.SubjectId, task.BatchId, task.Kind, task.Purpose, task.Accepted }).ConfigureAwait(false);
    }

    public static Task BatchStateAsync(Transaction transaction, string projectId, string batchId, BatchState state) =>
        PutAsync(transaction, projectId, "batch.state", () => new { batchId, state });

    public static Task RuleFiredAsync(Transaction transaction, string projectId, Firing firing) => PutAsync(transaction, projectId, "rule.fired", () => new
    {
        firingId = firing.Id,
        firing.Rule,
        firing.AnnotatorId,
        actions = firing.Actions.Select(action => action.Do),
    });

    private static async Task PutAsync(Transaction transaction, string projectId, string name, Func<object> data)
    {
        var hooks = await transaction.QueryAsync<(string Id, string Events)>(
            "SELECT id, events FROM webhooks WHERE project_id = @projectId AND state = 'active' ORDER BY id", new { projectId }).ConfigureAwait(false);
        if (!hooks.Any(hook => Wants(hook.Events, name)))
            return;
        var eventId = transaction.NewId();
        var body = JsonSerializer.Serialize(new { id = eventId, @event = name, projectId, at = transaction.Now, data = data() }, StorageJson.Options);
        foreach (var hook in hooks.Where(hook => Wants(hook.Events, name)))
        {
            await transaction.ExecuteAsync(
                """
                INSERT INTO webhook_deliveries (id, webhook_id, event_id, event, body, state, attempts, due_at, created_at)
                VALUES (@Id, @Hook, @eventId, @name, @body, 'pending', 0, @Now, @Now)
                """, new { Id = transaction.NewId(), Hook = hook.Id, eventId, name, body, transaction.Now }).ConfigureAwait(false);
        }
    }

    private static bool Wants(string events, string name) => events.Split(' ').Contains(name);
}
