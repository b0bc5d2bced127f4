using System.Text.Json;
using Attune.Feedback.Quality;
using Attune.Storage.Leases;
using Attune.Storage.People;
using Attune.Storage.Webhooks;
using Attune.Storage.Work;

namespace Attune.Storage.Quality;

public sealed partial class RuleStore
{
    private const int UsualAppealDays = 7;

    /// <summary>Does what a firing says, unless that was done before or the rules were switched off meanwhile.</summary>
    private async Task<bool> CarryOutAsync(Transaction transaction, string projectId, int version, Firing firing)
    {
        await LockAsync(transaction, projectId).ConfigureAwait(false);
        if (await transaction.CountAsync("SELECT is_on FROM rule_sets WHERE project_id = @projectId AND version = @version", new { projectId, version }).ConfigureAwait(false) == 0)
            return false;
        var person = await transaction.FirstAsync<string>("SELECT id FROM people WHERE pseudonym = @AnnotatorId AND state <> 'erased'", new { firing.AnnotatorId }).ConfigureAwait(false);
        if (person is null || await transaction.ExecuteAsync(
            """
            INSERT INTO rule_firings (project_id, id, version, person_id, at, content, done_at) VALUES (@projectId, @Id, @version, @person, @At, @Content, @Now) ON CONFLICT DO NOTHING
            """, new { projectId, firing.Id, version, person, firing.At, Content = JsonSerializer.Serialize(firing, FiringJson), transaction.Now }).ConfigureAwait(false) == 0)
            return false;
        foreach (var action in firing.Actions)
            await DoAsync(transaction, projectId, person, firing, action).ConfigureAwait(false);
        await _database.Audit.RecordAsync(
            transaction, null, "rule.fire", person, projectId, new { rule = firing.Rule, version, actions = firing.Actions.Select(action => action.Do), firing.EventId }).ConfigureAwait(false);
        await Outbox.RuleFiredAsync(transaction, projectId, firing).ConfigureAwait(false);
        return true;
    }

    private static async Task DoAsync(Transaction transaction, string projectId, string person, Firing firing, RuleAction action)
    {
        switch (action.Do)
        {
            case ActionKind.SetSkill:
                if (firing.Skill is { } level)
                    await PersonStore.SetSkillAsync(transaction, person, action.Skill!, level).ConfigureAwait(false);
                break;
            case ActionKind.Pause or ActionKind.Ban:
                await BarAsync(transaction, projectId, person, firing, action).ConfigureAwait(false);
                break;
            case ActionKind.RaiseOverlap:
                await RaiseAsync(transaction, projectId, firing.Comparisons, action.By!.Value).ConfigureAwait(false);
                break;
            case ActionKind.Reject:
                await RejectAsync(transaction, projectId, firing).ConfigureAwait(false);
                break;
            default: // a warning is its notice; a bonus stands in the firing, from which statements take it
                break;
        }
        if (action.Do is not (ActionKind.SetSkill or ActionKind.RaiseOverlap))
        {
            await transaction.ExecuteAsync(
                """
                INSERT INTO notices (id, project_id, person_id, firing_id, kind, message, at, appeal_until)
                VALUES (@NoticeId, @projectId, @person, @Id, @Kind, @Message, @Now, @Until)
                """,
                new
                {
                    NoticeId = transaction.NewId(),
                    projectId,
                    person,
                    firing.Id,
                    Kind = StorageJson.Word(action.Do),
                    Message = action.Message ?? "",
                    transaction.Now,
                    Until = transaction.Now.AddDays(action.AppealDays ?? UsualAppealDays),
                }).ConfigureAwait(false);
        }
    }

    private static async Task BarAsync(Transaction transaction, string projectId, string person, Firing firing, RuleAction action)
    {
        var scope = action.Do == ActionKind.Pause ? BanScope.Project : action.Scope ?? BanScope.Project;
        var kind = scope != BanScope.Kind || firing.Comparisons.Count == 0 ? null : await transaction.FirstAsync<string>(
            "SELECT kind FROM tasks WHERE project_id = @projectId AND subject_id = @Last ORDER BY id LIMIT 1", new { projectId, Last = firing.Comparisons[^1] }).ConfigureAwait(false);
        DateTimeOffset? until = action.Hours is { } hours ? firing.At.AddHours(hours) : null;
        await transaction.ExecuteAsync(
            """
            INSERT INTO bans (id, person_id, project_id, kind, begins_at, ends_at, by_project, firing_id) VALUES (@BanId, @person, @Scope, @kind, @At, @until, @projectId, @Id)
            """, new { BanId = transaction.NewId(), person, Scope = scope == BanScope.Everywhere ? null : projectId, kind, firing.At, until, projectId, firing.Id }).ConfigureAwait(false);
        if (action.Do == ActionKind.Ban && (until is null || until > transaction.Now))
            await LeaseStore.ReleaseAllAsync(transaction, person, scope == BanScope.Everywhere ? null : projectId, kind).ConfigureAwait(false);
    }

    /// <summary>A rule asks for more answers: beyond a task's maximum too, which is raised with it.</summary>
    private static async Task RaiseAsync(Transaction transaction, string projectId, IReadOnlyList<string> comparisons, int by)
    {
        foreach (var task in await TasksAsync(transaction, projectId, comparisons).ConfigureAwait(false))
        {
            await transaction.ExecuteAsync(
                "UPDATE tasks SET overlap = overlap + @by, maximum_overlap = CASE WHEN maximum_overlap < overlap + @by THEN overlap + @by ELSE maximum_overlap END WHERE id = @task", new { task, by }).ConfigureAwait(false);
            await TaskStore.SettleAsync(transaction, task).ConfigureAwait(false);
        }
    }

    /// <summary>Judgments that a rule rejects stay in the log and count no more: not for their task, which is open again, and not in exports or pay.</summary>
    private static async Task RejectAsync(Transaction transaction, string projectId, Firing firing)
    {
        foreach (var judgment in firing.Evidence.Order(StringComparer.Ordinal))
        {
            if (await transaction.FirstAsync<Counted>("SELECT task_id, lease_id, late FROM judgments WHERE id = @judgment AND project_id = @projectId", new { judgment, projectId }).ConfigureAwait(false) is not { } row
                || await transaction.ExecuteAsync(
                    "INSERT INTO rejections (judgment_id, project_id, firing_id, at) VALUES (@judgment, @projectId, @Id, @Now) ON CONFLICT DO NOTHING", new { judgment, projectId, firing.Id, transaction.Now }).ConfigureAwait(false) == 0)
                continue;
            if (row.Late)
                continue;
            await transaction.ExecuteAsync("UPDATE leases SET state = 'late' WHERE id = @LeaseId AND state = 'submitted'", new { row.LeaseId }).ConfigureAwait(false);
            await transaction.ExecuteAsync("UPDATE tasks SET accepted = accepted - 1 WHERE id = @TaskId AND accepted > 0", new { row.TaskId }).ConfigureAwait(false);
            await TaskStore.SettleAsync(transaction, row.TaskId).ConfigureAwait(false);
        }
    }

    /// <summary>Undoes what a firing did, as far as it can be: bans end, rejected judgments count again.</summary>
    internal static async Task OverturnAsync(Transaction transaction, string projectId, string firingId)
    {
        if (await transaction.ExecuteAsync(
            "UPDATE rule_firings SET overturned_at = @Now WHERE project_id = @projectId AND id = @firingId AND overturned_at IS NULL", new { projectId, firingId, transaction.Now }).ConfigureAwait(false) == 0)
            return;
        await transaction.ExecuteAsync("UPDATE bans SET lifted_at = @Now WHERE by_project = @projectId AND firing_id = @firingId AND lifted_at IS NULL", new { projectId, firingId, transaction.Now }).ConfigureAwait(false);
        var rows = await transaction.QueryAsync<Counted>(
            """
            SELECT j.task_id, j.lease_id, j.late FROM rejections r JOIN judgments j ON j.id = r.judgment_id
            WHERE r.project_id = @projectId AND r.firing_id = @firingId AND r.lifted_at IS NULL ORDER BY j.task_id
            """, new { projectId, firingId }).ConfigureAwait(false);
        await transaction.ExecuteAsync("UPDATE rejections SET lifted_at = @Now WHERE project_id = @projectId AND firing_id = @firingId AND lifted_at IS NULL", new { projectId, firingId, transaction.Now }).ConfigureAwait(false);
        foreach (var row in rows.Where(row => !row.Late))
        {
            await transaction.ExecuteAsync(
                """
                UPDATE tasks SET accepted = accepted + 1,
                    overlap = CASE WHEN overlap < active + accepted + 1 THEN active + accepted + 1 ELSE overlap END,
                    maximum_overlap = CASE WHEN maximum_overlap < active + accepted + 1 THEN active + accepted + 1 ELSE maximum_overlap END
                WHERE id = @TaskId
                """, new { row.TaskId }).ConfigureAwait(false);
            await TaskStore.SettleAsync(transaction, row.TaskId).ConfigureAwait(false);
        }
    }

    private static async Task<IReadOnlyList<string>> TasksAsync(Transaction transaction, string projectId, IReadOnlyList<string> comparisons)
    {
        var tasks = new List<string>();
        foreach (var subject in comparisons.Order(StringComparer.Ordinal))
        {
            tasks.AddRange(await transaction.QueryAsync<string>(
                $"SELECT id FROM tasks WHERE project_id = @projectId AND subject_id = @subject AND purpose = 'normal' AND state <> 'withdrawn' ORDER BY id{transaction.Engine.ForUpdate}",
                new { projectId, subject }).ConfigureAwait(false));
        }
        return tasks;
    }

    private sealed record Counted
    {
        public required string TaskId { get; init; }

        public string? LeaseId { get; init; }

        public required bool Late { get; init; }
    }
}
