using Attune.Feedback;
using Attune.Storage.Work;
using Attune.Torch;

namespace Attune.Storage.Leases;

public sealed partial class LeaseStore
{
    /// <summary>A task to give: which, at which seat if that is not drawn; or why there is none.</summary>
    private sealed record Chosen(string? TaskId, NothingReason? Why = null, int? Seat = null);

    /// <summary>
    /// Chooses what somebody is given. Before ordinary work comes the way into the project; in between, now and then, a repeat or a golden task. Whether
    /// one comes is drawn from the seed of (project, person, number of tasks had), so asking again gives the same.
    /// </summary>
    private static async Task<Chosen> ChooseAsync(Transaction transaction, Project project, string person, LeaseRequest request)
    {
        var quality = project.Settings.Quality;
        var isWork = request.Purposes.Contains(TaskPurpose.Normal);
        if (isWork && quality.Qualification is { } qualification)
        {
            var step = await Qualifying.StepAsync(transaction, project.Id, person, qualification).ConfigureAwait(false);
            if (step != QualifyingStep.Passed)
                return await OnTheWayAsync(transaction, project, person, qualification, step).ConfigureAwait(false);
        }
        foreach (var purpose in request.Purposes)
        {
            if (purpose == TaskPurpose.Normal && await InBetweenAsync(transaction, project, person).ConfigureAwait(false) is { } between)
                return between;
            if (await LeaseQueue.ChooseAsync(transaction, project, person, purpose).ConfigureAwait(false) is { } task)
                return new(task);
        }
        return new(null, NothingReason.NoTask);
    }

    private static async Task<Chosen> OnTheWayAsync(Transaction transaction, Project project, string person, QualificationSettings settings, QualifyingStep step)
    {
        if (step == QualifyingStep.Failed)
            return new(null, NothingReason.NotQualified);
        if (step == QualifyingStep.Training)
        {
            if (await LeaseQueue.ChooseAsync(transaction, project, person, TaskPurpose.Training).ConfigureAwait(false) is { } training)
                return new(training);
            if (await transaction.CountAsync(
                "SELECT COUNT(*) FROM leases l JOIN tasks t ON t.id = l.task_id WHERE l.person_id = @person AND l.project_id = @Id AND l.state = 'active' AND t.purpose = 'training'",
                new { person, project.Id }).ConfigureAwait(false) > 0)
                return new(null, NothingReason.NoTask); // what they learn there should help them
        }
        if (await Qualifying.MayAskAsync(transaction, project.Id, person, settings).ConfigureAwait(false)
            && await LeaseQueue.ChooseAsync(transaction, project, person, TaskPurpose.Golden).ConfigureAwait(false) is { } golden)
            return new(golden);
        return new(null, NothingReason.NoTask);
    }

    private static async Task<Chosen?> InBetweenAsync(Transaction transaction, Project project, string person)
    {
        var quality = project.Settings.Quality;
        if (quality.Golden is null && quality.Repeats is null)
            return null;
        var had = (int)await transaction.CountAsync("SELECT COUNT(*) FROM leases WHERE person_id = @person AND project_id = @Id", new { person, project.Id }).ConfigureAwait(false);
        var seed = new Seed((ulong)project.Seed);
        if (quality.Repeats is { } repeats && seed.For("repeats").For(person).Uniform(row: had) < repeats.Share
            && await RepeatAsync(transaction, project.Id, person, repeats.After).ConfigureAwait(false) is { } repeat)
            return repeat;
        return quality.Golden?.IsNextGolden(person, had, seed) == true
            && await LeaseQueue.ChooseAsync(transaction, project, person, TaskPurpose.Golden).ConfigureAwait(false) is { } golden ? new(golden) : null;
    }

    /// <summary>
    /// The first task that somebody answered long enough ago and has not had again, as a task of its own for them alone, at the next seat: of two answers in the other order, of
    /// more in another one, and of none or one just again. Texts, conversations and marks would not come out the same, and verifying and reviewing have consequences: none of them is repeated.
    /// </summary>
    private static async Task<Chosen?> RepeatAsync(Transaction transaction, string projectId, string person, int after)
    {
        var first = await transaction.FirstAsync<Lease>(
            """
            SELECT l.* FROM leases l JOIN tasks t ON t.id = l.task_id
            WHERE l.person_id = @person AND l.project_id = @projectId AND l.state = 'submitted' AND t.purpose = 'normal' AND t.kind IN ('pair', 'rank', 'best', 'rate', 'question') AND t.state <> 'withdrawn'
                AND NOT EXISTS (SELECT 1 FROM repeats r WHERE r.first_lease_id = l.id)
                AND NOT EXISTS (SELECT 1 FROM bans b WHERE b.person_id = @person AND b.project_id = @projectId AND b.kind = t.kind AND b.lifted_at IS NULL
                    AND b.begins_at <= @Now AND (b.ends_at IS NULL OR b.ends_at > @Now))
            ORDER BY l.granted_at, l.id LIMIT 1
            """, new { person, projectId, transaction.Now }).ConfigureAwait(false);
        if (first is null || await transaction.CountAsync(
            "SELECT COUNT(*) FROM leases WHERE person_id = @person AND project_id = @projectId AND granted_at > @GrantedAt", new { person, projectId, first.GrantedAt }).ConfigureAwait(false) < after)
            return null;
        var id = transaction.NewId();
        await transaction.ExecuteAsync(
            """
            INSERT INTO tasks (id, project_id, batch_id, kind, purpose, subject_id, payload, choices, priority, required_level, state, side_seed, shuffle, overlap, maximum_overlap, active, accepted, created_at)
            SELECT @id, project_id, batch_id, kind, 'golden', subject_id, payload, choices, 0, 0, 'open', side_seed, shuffle, 1, 1, 0, 0, @Now FROM tasks WHERE id = @TaskId
            """, new { id, transaction.Now, first.TaskId }).ConfigureAwait(false);
        await transaction.ExecuteAsync(
            "INSERT INTO repeats (task_id, first_lease_id, person_id, created_at) VALUES (@id, @First, @person, @Now)", new { id, First = first.Id, person, transaction.Now }).ConfigureAwait(false);
        return new(id, Seat: first.Seat + 1);
    }

    /// <summary>Golden and training tasks, and those of a batch's calibration round, go to everyone: there is always a place left.</summary>
    private static async Task MakeRoomAsync(Transaction transaction, AnnotationTask task)
    {
        if (task.Expected is null && (task.Purpose != TaskPurpose.Calibration || task.BatchId is null))
            return;
        if (task.Purpose != TaskPurpose.Normal && task.Overlap < task.Active + task.Accepted + 2)
        {
            await transaction.ExecuteAsync(
                """
                UPDATE tasks SET overlap = active + accepted + 2, maximum_overlap = CASE WHEN maximum_overlap < active + accepted + 2 THEN active + accepted + 2 ELSE maximum_overlap END
                WHERE id = @Id
                """, new { task.Id }).ConfigureAwait(false);
        }
    }

    /// <summary>What an answer that counts means for its task and for its author.</summary>
    private async Task AfterAnswerAsync(Transaction transaction, Lease lease, AnnotationTask task, Judgment judgment)
    {
        var quality = (await ProjectStore.FindAsync(transaction, lease.ProjectId).ConfigureAwait(false))!.Settings.Quality;
        if (quality.Overlap is { } options && task.Purpose == TaskPurpose.Normal && OverlapControl.Suits(task.Kind))
            await OverlapControl.DecideAsync(transaction, task.Id, options).ConfigureAwait(false);
        else
            await TaskStore.SettleAsync(transaction, task.Id).ConfigureAwait(false);
        await FollowUps.AnsweredAsync(transaction, task, judgment, lease.PersonId).ConfigureAwait(false);
        if (quality.Qualification is { } qualification && task.Purpose == TaskPurpose.Golden)
            await Qualifying.AfterAsync(transaction, _database.Audit, lease.ProjectId, lease.PersonId, qualification).ConfigureAwait(false);
    }

    /// <summary>Whether a rule bars somebody from all tasks of a project.</summary>
    private static async Task<bool> IsBarredAsync(Transaction transaction, string projectId, string personId) => await transaction.CountAsync(
        """
        SELECT COUNT(*) FROM bans WHERE person_id = @personId AND (project_id IS NULL OR project_id = @projectId) AND kind IS NULL
            AND lifted_at IS NULL AND begins_at <= @Now AND (ends_at IS NULL OR ends_at > @Now)
        """, new { personId, projectId, transaction.Now }).ConfigureAwait(false) > 0;
}
