using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage.Trees;

namespace Attune.Storage.Work;

/// <summary>
/// Tasks that come of answers: a written text is verified, one that does not pass is mended, a mended one verified again. They are made in the transaction of
/// the answer, so each is there exactly once. A text is the judgment that holds it: its verification and its mending have that judgment's id as subject.
/// Nobody is given their own text, nor one that they had a hand in.
/// </summary>
internal static class FollowUps
{
    /// <summary>Verifiers who are asked beyond those wanted, one at a time, while they are level.</summary>
    private const int MostMoreVerifiers = 2;

    /// <summary>What follows from an answer that counts.</summary>
    public static Task AnsweredAsync(Transaction transaction, AnnotationTask task, Judgment judgment, string personId) => task switch
    {
        { Purpose: not (TaskPurpose.Normal or TaskPurpose.Calibration) } => Task.CompletedTask,
        { Kind: TaskKind.Write } when TaskPayload.Read<WriteTask>(task.Payload) is var write => VerifyAsync(transaction, task, judgment, personId, write.Prompt, 0),
        { Kind: TaskKind.Fix } when TaskPayload.Read<FixTask>(task.Payload) is var fix => VerifyAsync(transaction, task, judgment, personId, fix.Prompt, fix.Round + 1),
        { Kind: TaskKind.Message } => TreeGrowth.WrittenAsync(transaction, task, judgment, personId),
        _ => Task.CompletedTask,
    };

    /// <summary>What follows from a task that has all its answers.</summary>
    public static async Task CompletedAsync(Transaction transaction, string taskId)
    {
        var task = (await TaskStore.FindAsync(transaction, taskId).ConfigureAwait(false))!;
        if (task.Purpose is not (TaskPurpose.Normal or TaskPurpose.Calibration))
            return; // nothing comes of golden tasks and repeats
        await (task.Kind switch
        {
            TaskKind.Verify => FixAsync(transaction, task),
            TaskKind.Review => TreeGrowth.ReviewedAsync(transaction, task),
            TaskKind.Rank => TreeGrowth.RankedAsync(transaction, task),
            _ => Task.CompletedTask,
        }).ConfigureAwait(false);
    }

    /// <summary>What follows from giving a task back.</summary>
    public static Task ReleasedAsync(Transaction transaction, string taskId) => TreeGrowth.ReleasedAsync(transaction, taskId);

    /// <summary>Takes back what followed from an answer, if nobody has begun it; otherwise changes nothing and gives false.</summary>
    public static async Task<bool> WithdrawAsync(Transaction transaction, AnnotationTask task, string judgmentId)
    {
        if (task.Kind is TaskKind.Message or TaskKind.Review or TaskKind.Rank)
            return await TreeGrowth.WithdrawAsync(transaction, task, judgmentId).ConfigureAwait(false);
        var (kind, subject) = task.Kind switch
        {
            TaskKind.Write or TaskKind.Fix => ("verify", judgmentId),
            TaskKind.Verify => ("fix", task.SubjectId),
            _ => ("", ""),
        };
        if (kind.Length == 0)
            return true;
        var followUps = await transaction.QueryAsync<AnnotationTask>(
            $"SELECT * FROM tasks WHERE project_id = @ProjectId AND subject_id = @subject AND kind = @kind AND state <> 'withdrawn' ORDER BY id{transaction.Engine.ForUpdate}",
            new { task.ProjectId, subject, kind }).ConfigureAwait(false);
        if (followUps.Any(next => next.Active + next.Accepted > 0))
            return false;
        foreach (var next in followUps)
            await transaction.ExecuteAsync("UPDATE tasks SET state = 'withdrawn' WHERE id = @Id", new { next.Id }).ConfigureAwait(false);
        return true;
    }

    /// <summary>Whose text a task shows.</summary>
    public static Task<IReadOnlyList<string>> AuthorsAsync(Transaction transaction, string taskId) =>
        transaction.QueryAsync<string>("SELECT person_id FROM task_authors WHERE task_id = @taskId ORDER BY person_id", new { taskId });

    /// <summary>Adds a task that follows from another one: of the same batch and language, and before new work.</summary>
    public static async Task AddAsync(Transaction transaction, Project project, AnnotationTask from, NewTask task)
    {
        if (await IsThereAsync(transaction, project.Id, task.SubjectId!, task.Kind!.Value).ConfigureAwait(false))
            return;
        await TaskStore.AddAsync(transaction, project, task with
        {
            BatchId = from.BatchId,
            Language = from.Language,
            Purpose = from.Purpose,
            Priority = Math.Min(from.Priority, int.MaxValue - 1) + (from.Kind is TaskKind.Write ? 1 : 0),
            MaximumOverlap = task.MaximumOverlap ?? task.Overlap,
        }).ConfigureAwait(false);
    }

    private static async Task<bool> IsThereAsync(Transaction transaction, string projectId, string subject, TaskKind kind) => await transaction.CountAsync(
        "SELECT COUNT(*) FROM tasks WHERE project_id = @projectId AND subject_id = @subject AND kind = @Kind AND state <> 'withdrawn'",
        new { projectId, subject, Kind = StorageJson.Word(kind) }).ConfigureAwait(false) > 0;

    private static async Task VerifyAsync(Transaction transaction, AnnotationTask task, Judgment judgment, string personId, string prompt, int round)
    {
        if (judgment is not { Outcome: Outcome.Written, Text: { } text })
            return;
        var project = (await ProjectStore.FindAsync(transaction, task.ProjectId).ConfigureAwait(false))!;
        await AddAsync(transaction, project, task, new()
        {
            Payload = TaskPayload.ToJson(new VerifyTask { Prompt = prompt, Text = text, Round = round }),
            Choices = 0,
            SubjectId = judgment.Id,
            Kind = TaskKind.Verify,
            Overlap = project.Settings.Chain.Verifiers,
            MaximumOverlap = Math.Max(project.Settings.MaximumOverlap, project.Settings.Chain.Verifiers + MostMoreVerifiers),
            AuthorIds = [personId, .. await AuthorsAsync(transaction, task.Id).ConfigureAwait(false)],
        }).ConfigureAwait(false);
    }

    // Verifiers who are level decide nothing: one more is asked, as long as the task allows.
    private static async Task<bool> AskOneMoreAsync(Transaction transaction, string taskId) => await transaction.ExecuteAsync(
        "UPDATE tasks SET overlap = accepted + active + 1, state = 'open', completed_at = NULL WHERE id = @taskId AND accepted + active < maximum_overlap", new { taskId }).ConfigureAwait(false) > 0;

    private static async Task FixAsync(Transaction transaction, AnnotationTask task)
    {
        var verify = TaskPayload.Read<VerifyTask>(task.Payload);
        var project = (await ProjectStore.FindAsync(transaction, task.ProjectId).ConfigureAwait(false))!;
        var judgments = await TaskStore.InForceAsync(transaction, task.Id).ConfigureAwait(false);
        var verdict = TaskOutcome.Majority(judgments);
        if (verdict == "yes")
            return;
        if (verdict is null && await AskOneMoreAsync(transaction, task.Id).ConfigureAwait(false))
            return;
        if (verify.Round >= project.Settings.Chain.Rounds)
            return;
        await AddAsync(transaction, project, task, new()
        {
            Payload = TaskPayload.ToJson(new FixTask { Prompt = verify.Prompt, Text = verify.Text, Round = verify.Round, Reasons = [.. judgments.Select(judgment => judgment.Reason).OfType<string>()] }),
            Choices = 0,
            SubjectId = task.SubjectId,
            Kind = TaskKind.Fix,
            Overlap = 1,
            AuthorIds = await AuthorsAsync(transaction, task.Id).ConfigureAwait(false),
        }).ConfigureAwait(false);
    }
}
