using Attune.Feedback;
using Attune.Storage.Judgments;
using Attune.Storage.Work;

namespace Attune.Storage.Leases;

public sealed partial class LeaseStore
{
    /// <summary>
    /// Takes an answer. The same one sent again gets the same reply and is kept once; another one under the same token is a conflict. What comes after the
    /// lease has ended is kept, marked late, and not counted towards the overlap.
    /// </summary>
    /// <param name="token">The lease's.</param>
    /// <param name="personId">Whose it has to be; null where the token alone is enough.</param>
    /// <param name="answer">See <see cref="GrantedLease.Answer(Outcome, IReadOnlyList{int})"/>. Ids, order, time, version and lateness are the store's.</param>
    /// <param name="stop">Gives up.</param>
    public Task<SubmitResult> SubmitAsync(string token, string? personId, Judgment answer, CancellationToken stop = default) =>
        _database.WriteAsync(transaction => SubmitAsync(transaction, token, personId, answer), stop);

    /// <summary>Takes an answer and gives the next task, in one change and with one flush of the disk. Without an answer in the log nothing is given.</summary>
    public Task<(SubmitResult Submitted, NextTask? Next)> SubmitAndNextAsync(string token, string personId, Judgment answer, LeaseRequest? request = null, CancellationToken stop = default) => _database.WriteAsync(
        async transaction =>
        {
            var submitted = await SubmitAsync(transaction, token, personId, answer).ConfigureAwait(false);
            if (submitted is not SubmitResult.Accepted)
                return (submitted, null);
            var lease = (await ByTokenAsync(transaction, token).ConfigureAwait(false))!;
            return (submitted, (NextTask?)await NextAsync(transaction, lease.ProjectId, personId, request ?? new()).ConfigureAwait(false));
        }, stop);

    /// <summary>The same as the first within a change.</summary>
    public async Task<SubmitResult> SubmitAsync(Transaction transaction, string token, string? personId, Judgment answer)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(answer);
        if (await ByTokenAsync(transaction, token).ConfigureAwait(false) is not { } lease || (personId is not null && lease.PersonId != personId))
            return new SubmitResult.Unknown();
        var hash = HashOf(answer);
        if (lease.JudgmentId is { } there)
            return await RepeatedAsync(transaction, there, lease.Id, hash).ConfigureAwait(false);

        var isRunning = lease.State == LeaseState.Active;
        var isLate = !isRunning || lease.ExpiresAt <= transaction.Now;
        var task = (await TaskStore.FindAsync(transaction, lease.TaskId).ConfigureAwait(false))!;
        var judgment = await StampedAsync(transaction, lease, task, answer, isLate).ConfigureAwait(false);
        if ((judgment.Fault() ?? Misfit(judgment, task)) is { } fault)
            return new SubmitResult.Refused(fault);

        await JudgmentStore.InsertAsync(transaction, judgment, task, lease.PersonId, lease.Id).ConfigureAwait(false);
        await transaction.ExecuteAsync(
            "UPDATE leases SET state = @State, ended_at = @Now, answer_hash = @hash, judgment_id = @Judgment WHERE id = @Id",
            new { lease.Id, State = isLate ? "late" : "submitted", transaction.Now, hash, Judgment = judgment.Id }).ConfigureAwait(false);
        await transaction.ExecuteAsync("DELETE FROM drafts WHERE lease_id = @Id", new { lease.Id }).ConfigureAwait(false);
        if (isRunning)
            await transaction.ExecuteAsync("UPDATE tasks SET active = active - 1, accepted = accepted + @Counted WHERE id = @TaskId", new { lease.TaskId, Counted = isLate ? 0 : 1 }).ConfigureAwait(false);
        if (isLate)
            await ReleaseOtherAsync(transaction, lease).ConfigureAwait(false);
        else
            await AfterAnswerAsync(transaction, lease, task, judgment).ConfigureAwait(false);
        return new SubmitResult.Accepted(judgment, IsRepeat: false);
    }

    /// <summary>
    /// Takes an answer back within the project's window: a judgment that withdraws it is appended, the first stays in the log, and the lease runs again at
    /// its old place and with its old token. What followed from the answer is withdrawn; where somebody has begun that, it is too late. Asked again before
    /// another answer came, it says the same.
    /// </summary>
    public Task<UndoResult> UndoAsync(string leaseId, string personId, CancellationToken stop = default) => _database.WriteAsync<UndoResult>(
        async transaction =>
        {
            var lease = await transaction.FirstAsync<Lease>($"SELECT * FROM leases WHERE id = @leaseId AND person_id = @personId{transaction.Engine.ForUpdate}", new { leaseId, personId }).ConfigureAwait(false);
            if (lease is null)
                return new UndoResult.Unknown();
            if (lease is not { JudgmentId: { } judgmentId, EndedAt: { } ended })
                return await UndoneBeforeAsync(transaction, lease).ConfigureAwait(false);
            var project = (await ProjectStore.FindAsync(transaction, lease.ProjectId).ConfigureAwait(false))!;
            if (transaction.Now > ended.AddMinutes(project.Settings.UndoMinutes) || project.Settings.UndoMinutes == 0)
                return new UndoResult.TooLate();

            var before = (await JudgmentStore.FindAsync(transaction, judgmentId).ConfigureAwait(false))!;
            var task = (await TaskStore.FindAsync(transaction, lease.TaskId, transaction.Engine.ForUpdate).ConfigureAwait(false))!;
            if (!await FollowUps.WithdrawAsync(transaction, task, judgmentId).ConfigureAwait(false))
                return new UndoResult.TooLate();
            await JudgmentStore.InsertAsync(transaction, Withdrawal(transaction, before), task, personId, lease.Id).ConfigureAwait(false);
            var counted = lease.State == LeaseState.Submitted;
            var running = lease with { State = counted ? LeaseState.Active : LeaseState.Expired, ExpiresAt = counted ? Until(transaction, project) : lease.ExpiresAt, EndedAt = null, JudgmentId = null };
            await transaction.ExecuteAsync(
                "UPDATE leases SET state = @State, expires_at = @ExpiresAt, ended_at = NULL, answer_hash = NULL, judgment_id = NULL WHERE id = @Id",
                new { running.Id, State = StorageJson.Word(running.State), running.ExpiresAt }).ConfigureAwait(false);
            if (counted)
            {
                await transaction.ExecuteAsync("UPDATE tasks SET active = active + 1, accepted = accepted - 1 WHERE id = @TaskId", new { lease.TaskId }).ConfigureAwait(false);
                await TaskStore.SettleAsync(transaction, lease.TaskId).ConfigureAwait(false);
            }
            return new UndoResult.Undone(await GrantedAsync(transaction, running, before.AnnotatorId).ConfigureAwait(false), before);
        }, stop);

    private static async Task<UndoResult> UndoneBeforeAsync(Transaction transaction, Lease lease) =>
        await transaction.FirstAsync<string>(
            "SELECT b.content FROM judgments j JOIN judgments b ON b.id = j.supersedes WHERE j.lease_id = @Id AND j.outcome = 'withdrawn' ORDER BY j.id DESC LIMIT 1", new { lease.Id }).ConfigureAwait(false) is { } before
            ? new UndoResult.Undone(await GrantedAsync(transaction, lease, Judgment.FromJson(before).AnnotatorId).ConfigureAwait(false), Judgment.FromJson(before)) : new UndoResult.Unknown();

    private static async Task<SubmitResult> RepeatedAsync(Transaction transaction, string judgmentId, string leaseId, string hash)
    {
        var existing = (await JudgmentStore.FindAsync(transaction, judgmentId).ConfigureAwait(false))!;
        var first = await transaction.FirstAsync<string>("SELECT answer_hash FROM leases WHERE id = @leaseId", new { leaseId }).ConfigureAwait(false);
        return first == hash ? new SubmitResult.Accepted(existing, IsRepeat: true) : new SubmitResult.Conflict(existing);
    }

    /// <summary>The answer with everything that is not for the caller to say.</summary>
    private static async Task<Judgment> StampedAsync(Transaction transaction, Lease lease, AnnotationTask task, Judgment answer, bool isLate)
    {
        var person = (await transaction.FirstAsync<People.Person>("SELECT * FROM people WHERE id = @PersonId", new { lease.PersonId }).ConfigureAwait(false))!;
        return answer with
        {
            Id = transaction.NewId(),
            ComparisonId = task.SubjectId,
            TaskId = task.SubjectId == task.Id ? null : task.Id,
            AnnotatorId = person.Pseudonym,
            Order = lease.Order,
            InstructionVersion = $"{lease.InstructionVersion}",
            At = transaction.Now,
            Source = person.Source,
            Late = isLate,
            Supersedes = await transaction.FirstAsync<string>(
                "SELECT id FROM judgments j WHERE lease_id = @Id AND NOT EXISTS (SELECT 1 FROM judgments s WHERE s.supersedes = j.id)", new { lease.Id }).ConfigureAwait(false),
        };
    }

    private static string? Misfit(Judgment judgment, AnnotationTask task) => (task.Kind, judgment.Outcome) switch
    {
        (_, Outcome.Withdrawn) => "is Withdrawn, expected an answer; take one back through undo",
        (TaskKind.Pair or TaskKind.Rank or TaskKind.Best, not Outcome.CannotJudge) when !judgment.Compares =>
            $"is {judgment.Outcome} of a task that compares answers, expected a choice, a ranking, a tie, both-bad or cannot-judge",
        (TaskKind.Write or TaskKind.Fix or TaskKind.Message, not Outcome.Written) => $"is {judgment.Outcome} of a task that asks for a text, expected written",
        (TaskKind.Question or TaskKind.Verify or TaskKind.Review, not (Outcome.Answered or Outcome.CannotJudge)) => $"is {judgment.Outcome} of a task that asks questions, expected answered or cannot-judge",
        _ => null,
    };

    /// <summary>What makes two answers the same: all but the store's own fields, and the times and counts, which differ when it is sent again.</summary>
    private static string HashOf(Judgment answer) => Secret.Hash((answer with
    {
        Id = "",
        ComparisonId = "",
        TaskId = null,
        AnnotatorId = "",
        Order = [],
        InstructionVersion = "",
        At = default,
        Source = null,
        Late = false,
        Supersedes = null,
        Seconds = 0,
        ActiveSeconds = null,
        TypedCharacters = null,
        PastedCharacters = null,
    }).ToJson());

    private static Judgment Withdrawal(Transaction transaction, Judgment before) => new()
    {
        Id = transaction.NewId(),
        ComparisonId = before.ComparisonId,
        TaskId = before.TaskId,
        AnnotatorId = before.AnnotatorId,
        Order = before.Order,
        Outcome = Outcome.Withdrawn,
        Ranks = [],
        InstructionVersion = before.InstructionVersion,
        At = transaction.Now,
        Source = before.Source,
        Late = before.Late,
        Supersedes = before.Id,
    };

    /// <summary>Somebody whose lease ran out was given the task again and now answers the first one: they are not asked twice.</summary>
    private static async Task ReleaseOtherAsync(Transaction transaction, Lease late)
    {
        foreach (var other in await transaction.QueryAsync<Lease>(
            $"SELECT * FROM leases WHERE task_id = @TaskId AND person_id = @PersonId AND state = 'active' AND id <> @Id{transaction.Engine.ForUpdate}",
            new { late.TaskId, late.PersonId, late.Id }).ConfigureAwait(false))
            await EndAsync(transaction, other, LeaseState.Released, AnsweredLate).ConfigureAwait(false);
    }
}
