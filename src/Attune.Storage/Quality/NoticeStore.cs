using Attune.Runs;

namespace Attune.Storage.Quality;

/// <summary>What a rule tells an annotator, and what became of it.</summary>
public sealed record Notice
{
    /// <summary>The identifier.</summary>
    public required string Id { get; init; }

    /// <summary>The project.</summary>
    public required string ProjectId { get; init; }

    /// <summary>To whom.</summary>
    public required string PersonId { get; init; }

    /// <summary>Which firing it belongs to.</summary>
    public required string FiringId { get; init; }

    /// <summary>"warn", "pause", "ban", "bonus" or "reject".</summary>
    public required string Kind { get; init; }

    /// <summary>The reason, as the rule gives it; may be empty.</summary>
    public required string Message { get; init; }

    /// <summary>Since when.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Until when it may be appealed against.</summary>
    public required DateTimeOffset AppealUntil { get; init; }

    /// <summary>When it was shown; null before.</summary>
    public DateTimeOffset? SeenAt { get; init; }

    /// <summary>What the annotator says against it, untrusted; null without an appeal.</summary>
    public string? Appeal { get; init; }

    /// <summary>When they did.</summary>
    public DateTimeOffset? AppealedAt { get; init; }

    /// <summary>"upheld" or "overturned"; null before the decision.</summary>
    public string? Decision { get; init; }

    /// <summary>Why.</summary>
    public string? DecisionReason { get; init; }

    /// <summary>When it was decided.</summary>
    public DateTimeOffset? DecidedAt { get; init; }
}

/// <summary>Notices of rules, appeals against them, and their decision.</summary>
public sealed class NoticeStore
{
    /// <summary>The longest appeal or reason, in characters.</summary>
    public const int LongestText = 4_000;

    private readonly Database _database;

    internal NoticeStore(Database database) => _database = database;

    /// <summary>A person's notices in a project, the newest first.</summary>
    public Task<IReadOnlyList<Notice>> OfAsync(string projectId, string personId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.QueryAsync<Notice>("SELECT * FROM notices WHERE project_id = @projectId AND person_id = @personId ORDER BY id DESC", new { projectId, personId }), stop);

    /// <summary>How many of them they have not been shown yet.</summary>
    public Task<long> UnseenAsync(string projectId, string personId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.CountAsync("SELECT COUNT(*) FROM notices WHERE project_id = @projectId AND person_id = @personId AND seen_at IS NULL", new { projectId, personId }), stop);

    /// <summary>Marks what somebody was shown.</summary>
    public Task SeenAsync(string projectId, string personId, CancellationToken stop = default) => _database.WriteAsync(
        transaction => transaction.ExecuteAsync(
            "UPDATE notices SET seen_at = @Now WHERE project_id = @projectId AND person_id = @personId AND seen_at IS NULL", new { projectId, personId, transaction.Now }), stop);

    /// <summary>Appeals, those without a decision first.</summary>
    public Task<IReadOnlyList<Notice>> AppealsAsync(string projectId, CancellationToken stop = default) => _database.ReadAsync(
        transaction => transaction.QueryAsync<Notice>(
            "SELECT * FROM notices WHERE project_id = @projectId AND appealed_at IS NOT NULL ORDER BY CASE WHEN decision IS NULL THEN 0 ELSE 1 END, id DESC", new { projectId }), stop);

    /// <summary>Appeals against a notice, once.</summary>
    /// <exception cref="InputException">The text is empty or too long, the time is over, or there was an appeal.</exception>
    public Task<bool> AppealAsync(string projectId, string noticeId, string personId, string text, CancellationToken stop = default)
    {
        CheckText("The appeal", text);
        return _database.WriteAsync(
            async transaction =>
            {
                if (await FindAsync(transaction, projectId, noticeId).ConfigureAwait(false) is not { } notice || notice.PersonId != personId)
                    return false;
                if (notice.AppealedAt is not null || notice.AppealUntil < transaction.Now || notice.Kind == "bonus")
                {
                    throw InputException.One("The appeal", notice.AppealedAt is not null ? "was made already" : "comes too late, or against what needs none", $"one, until {notice.AppealUntil:u}",
                        "ask whoever runs the project");
                }
                await transaction.ExecuteAsync("UPDATE notices SET appeal = @Text, appealed_at = @Now WHERE id = @noticeId", new { noticeId, Text = text.Trim(), transaction.Now }).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, personId, "appeal.make", noticeId, projectId).ConfigureAwait(false);
                return true;
            }, stop);
    }

    /// <summary>Decides an appeal. An overturned one undoes the whole firing: bans end, rejected judgments count again. Gives false where there is none to decide.</summary>
    /// <exception cref="InputException">The reason is empty or too long.</exception>
    public Task<bool> DecideAsync(string projectId, string noticeId, bool overturn, string reason, string? actorId, CancellationToken stop = default)
    {
        CheckText("The decision's reason", reason);
        return _database.WriteAsync(
            async transaction =>
            {
                if (await FindAsync(transaction, projectId, noticeId).ConfigureAwait(false) is not { AppealedAt: not null, Decision: null } notice)
                    return false;
                await transaction.ExecuteAsync(
                    "UPDATE notices SET decision = @Decision, decision_reason = @Reason, decided_by = @actorId, decided_at = @Now, seen_at = NULL WHERE id = @noticeId",
                    new { noticeId, Decision = overturn ? "overturned" : "upheld", Reason = reason.Trim(), actorId, transaction.Now }).ConfigureAwait(false);
                if (overturn)
                    await RuleStore.OverturnAsync(transaction, projectId, notice.FiringId).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, actorId, "appeal.decide", noticeId, projectId, new { overturned = overturn, person = notice.PersonId }).ConfigureAwait(false);
                return true;
            }, stop);
    }

    /// <summary>Undoes a firing without an appeal. Gives false where there is none, or it was undone already.</summary>
    /// <exception cref="InputException">The reason is empty or too long.</exception>
    public Task<bool> OverturnAsync(string projectId, string firingId, string reason, string? actorId, CancellationToken stop = default)
    {
        CheckText("The reason", reason);
        return _database.WriteAsync(
            async transaction =>
            {
                var person = await transaction.FirstAsync<string>(
                    "SELECT person_id FROM rule_firings WHERE project_id = @projectId AND id = @firingId AND overturned_at IS NULL", new { projectId, firingId }).ConfigureAwait(false);
                if (person is null)
                    return false;
                await RuleStore.OverturnAsync(transaction, projectId, firingId).ConfigureAwait(false);
                await transaction.ExecuteAsync(
                    """
                    UPDATE notices SET decision = 'overturned', decision_reason = @Reason, decided_by = @actorId, decided_at = @Now, seen_at = NULL
                    WHERE project_id = @projectId AND firing_id = @firingId AND decision IS NULL
                    """, new { projectId, firingId, Reason = reason.Trim(), actorId, transaction.Now }).ConfigureAwait(false);
                await _database.Audit.RecordAsync(transaction, actorId, "rule.overturn", person, projectId).ConfigureAwait(false);
                return true;
            }, stop);
    }

    private static Task<Notice?> FindAsync(Transaction transaction, string projectId, string noticeId) => transaction.FirstAsync<Notice>(
        $"SELECT * FROM notices WHERE id = @noticeId AND project_id = @projectId{transaction.Engine.ForUpdate}", new { noticeId, projectId });

    private static void CheckText(string title, string text)
    {
        if (string.IsNullOrWhiteSpace(text) || text.Length > LongestText || text.Contains('\0'))
            throw InputException.One(title, string.IsNullOrWhiteSpace(text) ? "is empty" : $"has {text.Length} characters or a NUL", $"1 to {LongestText} characters", "say it in a few sentences");
    }
}
