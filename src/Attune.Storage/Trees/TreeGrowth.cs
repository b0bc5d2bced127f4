using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage.Work;

namespace Attune.Storage.Trees;

/// <summary>
/// What happens to a tree when somebody writes, reviews or ranks one of its messages: all in the transaction of that answer. A message, its reviews and the
/// writing of replies to it have the message's id as subject, the ranking of its replies that id behind "r-". Nobody reviews or ranks a message of their own.
/// </summary>
internal static class TreeGrowth
{
    private const string RankingOf = "r-";

    /// <summary>The subject of the task that ranks the replies to a message.</summary>
    public static string RankingSubject(string messageId) => RankingOf + messageId;

    /// <summary>A message was written: it is put up for review.</summary>
    public static async Task WrittenAsync(Transaction transaction, AnnotationTask task, Judgment judgment, string personId)
    {
        if (judgment is not { Outcome: Outcome.Written, Text: { } text })
            return;
        var payload = TaskPayload.Read<MessageTask>(task.Payload);
        var parent = payload.ParentId is { } id ? await TreeStore.MessageAsync(transaction, id).ConfigureAwait(false) : null;
        if (payload.ParentId is not null && (parent is not { State: MessageState.Accepted } || await TreeStore.LockAsync(transaction, parent.TreeId).ConfigureAwait(false) is not { State: TreeState.Growing }))
            return; // its tree was halted meanwhile: the answer stays in the log alone
        var treeId = parent?.TreeId ?? judgment.Id;
        if (parent is null)
        {
            await transaction.ExecuteAsync(
                "INSERT INTO message_trees (id, project_id, state, created_at) VALUES (@treeId, @ProjectId, 'growing', @Now)", new { treeId, task.ProjectId, transaction.Now }).ConfigureAwait(false);
        }
        await transaction.ExecuteAsync(
            """
            INSERT INTO messages (id, tree_id, parent_id, role, author_id, text, state, depth, red_flags, created_at)
            VALUES (@Id, @treeId, @Parent, @Role, @personId, @text, 'review', @Depth, 0, @Now)
            """,
            new { judgment.Id, treeId, Parent = parent?.Id, Role = StorageJson.Word(payload.Role), personId, text, Depth = parent is null ? 0 : parent.Depth + 1, transaction.Now }).ConfigureAwait(false);
        var project = (await ProjectStore.FindAsync(transaction, task.ProjectId).ConfigureAwait(false))!;
        await FollowUps.AddAsync(transaction, project, task, new()
        {
            Payload = TaskPayload.ToJson(new ReviewTask { Thread = [.. payload.Thread, new(payload.Role, text)] }),
            Choices = 0,
            SubjectId = judgment.Id,
            Kind = TaskKind.Review,
            Overlap = project.Settings.Tree.Reviews,
            AuthorIds = [personId],
        }).ConfigureAwait(false);
    }

    /// <summary>All reviews of a message are there.</summary>
    public static async Task ReviewedAsync(Transaction transaction, AnnotationTask task)
    {
        if (await TreeStore.MessageAsync(transaction, task.SubjectId).ConfigureAwait(false) is not { } message)
            return; // a review that belongs to no tree
        var tree = (await TreeStore.LockAsync(transaction, message.TreeId).ConfigureAwait(false))!;
        var project = (await ProjectStore.FindAsync(transaction, task.ProjectId).ConfigureAwait(false))!;
        var votes = (await TaskStore.InForceAsync(transaction, task.Id).ConfigureAwait(false)).Where(judgment => judgment.Outcome == Outcome.Answered).ToList();
        var flags = votes.Count(vote => vote.Answers!.GetValueOrDefault(ReviewTask.Spam) == "yes");
        var accepted = votes.Count(vote => vote.Answers!.GetValueOrDefault(ReviewTask.Acceptable) == "yes");
        var passes = votes.Count > 0 && accepted >= project.Settings.Tree.Acceptance * votes.Count && 2 * flags < votes.Count;
        if (message.State is MessageState.Review)
        {
            await transaction.ExecuteAsync("UPDATE messages SET state = @State, red_flags = @flags WHERE id = @Id", new { message.Id, flags, State = passes ? "accepted" : "rejected" }).ConfigureAwait(false);
            await FlagAsync(transaction, project, message.Id).ConfigureAwait(false);
        }
        await AdvanceAsync(transaction, project, tree, task).ConfigureAwait(false);
    }

    /// <summary>All rankings of the replies to a message are there.</summary>
    public static async Task RankedAsync(Transaction transaction, AnnotationTask task)
    {
        if (!task.SubjectId.StartsWith(RankingOf, StringComparison.Ordinal) || await TreeStore.MessageAsync(transaction, task.SubjectId[RankingOf.Length..]).ConfigureAwait(false) is not { } parent)
            return;
        var tree = (await TreeStore.LockAsync(transaction, parent.TreeId).ConfigureAwait(false))!;
        var answers = Comparison.FromJson(task.Payload).Answers;
        var votes = (await TaskStore.InForceAsync(transaction, task.Id).ConfigureAwait(false)).Where(vote => vote.Compares).Select(vote => vote.Ranks).ToList();
        // The mean rank; an answer that was not placed stands behind those that were.
        var means = answers.Select((_, index) => votes.Count == 0 ? 0 : -votes.Average(ranks => ranks[index] == 0 ? 1 + ranks.Count(rank => rank > 0) : (double)ranks[index])).ToList();
        foreach (var (answer, place) in answers.Zip(Judgment.RanksOf(means)))
            await transaction.ExecuteAsync("UPDATE messages SET place = @place WHERE id = @Id", new { answer.Id, place = votes.Count == 0 ? (int?)null : place }).ConfigureAwait(false);
        await AdvanceAsync(transaction, (await ProjectStore.FindAsync(transaction, task.ProjectId).ConfigureAwait(false))!, tree, task).ConfigureAwait(false);
    }

    /// <summary>Somebody gave a task back: enough skips halt a tree, enough reports delete a message.</summary>
    public static async Task ReleasedAsync(Transaction transaction, string taskId)
    {
        if (await TaskStore.FindAsync(transaction, taskId).ConfigureAwait(false) is not { Kind: TaskKind.Message or TaskKind.Review } task || await TreeStore.MessageAsync(transaction, task.SubjectId).ConfigureAwait(false) is not { } message)
            return;
        var tree = (await TreeStore.LockAsync(transaction, message.TreeId).ConfigureAwait(false))!;
        var project = (await ProjectStore.FindAsync(transaction, task.ProjectId).ConfigureAwait(false))!;
        var skips = await transaction.CountAsync("SELECT COUNT(*) FROM leases WHERE task_id = @taskId AND reason = 'skip'", new { taskId }).ConfigureAwait(false);
        if (task.Kind == TaskKind.Message && skips >= project.Settings.Tree.Skips)
            await EndAsync(transaction, tree, "halted").ConfigureAwait(false);
        else if (await FlagAsync(transaction, project, message.Id).ConfigureAwait(false))
            await AdvanceAsync(transaction, project, tree, task).ConfigureAwait(false);
    }

    /// <summary>Takes a message back whose review nobody has begun; false where it is too late.</summary>
    public static async Task<bool> WithdrawAsync(Transaction transaction, AnnotationTask task, string judgmentId)
    {
        if (task.Kind is TaskKind.Review or TaskKind.Rank)
            return task.State != TaskState.Complete || !await BelongsAsync(transaction, task).ConfigureAwait(false);
        if (await TreeStore.MessageAsync(transaction, judgmentId).ConfigureAwait(false) is not { } message)
            return true;
        var reviews = await transaction.QueryAsync<AnnotationTask>(
            $"SELECT * FROM tasks WHERE project_id = @ProjectId AND subject_id = @judgmentId AND state <> 'withdrawn' ORDER BY id{transaction.Engine.ForUpdate}", new { task.ProjectId, judgmentId }).ConfigureAwait(false);
        if (message.State != MessageState.Review || reviews.Any(review => review.Active + review.Accepted > 0))
            return false;
        await transaction.ExecuteAsync("UPDATE tasks SET state = 'withdrawn' WHERE project_id = @ProjectId AND subject_id = @judgmentId", new { task.ProjectId, judgmentId }).ConfigureAwait(false);
        await transaction.ExecuteAsync("DELETE FROM messages WHERE id = @judgmentId", new { judgmentId }).ConfigureAwait(false);
        if (message.ParentId is null)
            await transaction.ExecuteAsync("DELETE FROM message_trees WHERE id = @judgmentId", new { judgmentId }).ConfigureAwait(false);
        return true;
    }

    private static async Task<bool> BelongsAsync(Transaction transaction, AnnotationTask task) =>
        await TreeStore.MessageAsync(transaction, task.Kind == TaskKind.Rank && task.SubjectId.StartsWith(RankingOf, StringComparison.Ordinal) ? task.SubjectId[RankingOf.Length..] : task.SubjectId).ConfigureAwait(false) is not null;

    /// <summary>Deletes a message with all below it once it has its red flags: reviewers who called it spam and people who reported a task that shows it.</summary>
    private static async Task<bool> FlagAsync(Transaction transaction, Project project, string messageId)
    {
        var reports = await transaction.CountAsync(
            "SELECT COUNT(DISTINCT l.person_id) FROM leases l JOIN tasks t ON t.id = l.task_id WHERE t.project_id = @Id AND t.subject_id = @messageId AND l.reason LIKE 'broken%'", new { project.Id, messageId }).ConfigureAwait(false);
        var message = (await TreeStore.MessageAsync(transaction, messageId).ConfigureAwait(false))!;
        if (message.RedFlags + reports < project.Settings.Tree.RedFlags || message.State == MessageState.Deleted)
            return false;
        var tree = await TreeStore.MessagesAsync(transaction, message.TreeId).ConfigureAwait(false);
        var below = new HashSet<string>(StringComparer.Ordinal) { messageId };
        foreach (var other in tree.OrderBy(other => other.Depth).Where(other => other.ParentId is { } parent && below.Contains(parent)))
            below.Add(other.Id);
        foreach (var id in below)
        {
            await transaction.ExecuteAsync("UPDATE messages SET state = 'deleted' WHERE id = @id", new { id }).ConfigureAwait(false);
            await CloseAsync(transaction, project.Id, id).ConfigureAwait(false);
        }
        return true;
    }

    /// <summary>Makes the tasks that the tree now needs, or ends it: decided anew from all that is there, so it does not matter what came last.</summary>
    private static async Task AdvanceAsync(Transaction transaction, Project project, MessageTree tree, AnnotationTask from)
    {
        if (tree.State != TreeState.Growing)
            return;
        var messages = await TreeStore.MessagesAsync(transaction, tree.Id).ConfigureAwait(false);
        if (messages[0].State is MessageState.Rejected or MessageState.Deleted)
        {
            await EndAsync(transaction, tree, "halted").ConfigureAwait(false);
            return;
        }
        var plan = new TreePlan(project.Settings.Tree, messages, await TasksAsync(transaction, project.Id, tree.Id).ConfigureAwait(false));
        foreach (var (task, overlap) in plan.Replacements())
            await transaction.ExecuteAsync("UPDATE tasks SET overlap = @overlap, state = 'open', completed_at = NULL WHERE id = @Id", new { task.Id, overlap }).ConfigureAwait(false);
        foreach (var task in plan.NewTasks())
            await FollowUps.AddAsync(transaction, project, from, task).ConfigureAwait(false);
        var open = (await TasksAsync(transaction, project.Id, tree.Id).ConfigureAwait(false)).Count(task => task.State is TaskState.Open or TaskState.Waiting);
        if (open == 0)
            await EndAsync(transaction, tree, "ready").ConfigureAwait(false);
    }

    private static Task<IReadOnlyList<AnnotationTask>> TasksAsync(Transaction transaction, string projectId, string treeId) => transaction.QueryAsync<AnnotationTask>(
        $"""
        SELECT * FROM tasks WHERE project_id = @projectId AND state <> 'withdrawn'
            AND (subject_id IN (SELECT id FROM messages WHERE tree_id = @treeId) OR subject_id IN (SELECT '{RankingOf}' || id FROM messages WHERE tree_id = @treeId))
        ORDER BY id{transaction.Engine.ForUpdate}
        """, new { projectId, treeId });

    private static async Task EndAsync(Transaction transaction, MessageTree tree, string state)
    {
        await transaction.ExecuteAsync("UPDATE message_trees SET state = @state, ended_at = @Now WHERE id = @Id", new { tree.Id, state, transaction.Now }).ConfigureAwait(false);
        if (state == "halted")
        {
            foreach (var message in await TreeStore.MessagesAsync(transaction, tree.Id).ConfigureAwait(false))
                await CloseAsync(transaction, tree.ProjectId, message.Id).ConfigureAwait(false);
        }
    }

    // What is in somebody's hands may still come in, and stays in the log.
    private static Task<int> CloseAsync(Transaction transaction, string projectId, string messageId) => transaction.ExecuteAsync(
        "UPDATE tasks SET state = 'withdrawn' WHERE project_id = @projectId AND (subject_id = @messageId OR subject_id = @Ranking) AND state IN ('open', 'waiting')",
        new { projectId, messageId, Ranking = RankingSubject(messageId) });
}
