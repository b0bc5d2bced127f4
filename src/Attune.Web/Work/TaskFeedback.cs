using Attune.Feedback;
using Attune.Storage;
using Attune.Storage.Leases;
using Attune.Storage.Quality;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <summary>What somebody is told after a training task: what they said, what is right, and why. Answers stand as they were shown.</summary>
public sealed record TaskFeedback
{
    /// <summary>The lease that was answered.</summary>
    public required string LeaseId { get; init; }

    /// <summary>What the answers answer, untrusted.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answers, from the left or the top, untrusted.</summary>
    public required IReadOnlyList<ShownAnswer> Answers { get; init; }

    /// <summary>Whether it was right.</summary>
    public required bool IsRight { get; init; }

    /// <summary>The place of the answer that was taken; null where none was.</summary>
    public int? Yours { get; init; }

    /// <summary>What was said where no answer was taken: "tie", "both-bad", an answer to a question; null for no vote.</summary>
    public string? YourWord { get; init; }

    /// <summary>The place of the answer that is best; null where another word is expected.</summary>
    public int? Expected { get; init; }

    /// <summary>The word that is expected otherwise.</summary>
    public string? ExpectedWord { get; init; }

    /// <summary>Why, Markdown; null where nothing is said.</summary>
    public string? Why { get; init; }

    /// <summary>The feedback on the last training task that somebody answered and has not seen it of; null where there is none.</summary>
    public static Task<TaskFeedback?> UnseenAsync(Database database, string projectId, string personId, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        return database.ReadAsync(
            async transaction => await transaction.FirstAsync<string>(
                """
                SELECT l.id FROM leases l JOIN tasks t ON t.id = l.task_id WHERE l.person_id = @personId AND l.project_id = @projectId AND l.judgment_id IS NOT NULL
                    AND t.purpose = 'training' AND NOT EXISTS (SELECT 1 FROM feedback_seen s WHERE s.lease_id = l.id) ORDER BY l.ended_at DESC LIMIT 1
                """, new { projectId, personId }).ConfigureAwait(false) is { } lease ? await OfAsync(transaction, lease, personId).ConfigureAwait(false) : null, stop);
    }

    /// <summary>The feedback on a training task that somebody answered; null where there is none for them.</summary>
    public static Task<TaskFeedback?> FindAsync(Database database, string leaseId, string personId, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        return database.ReadAsync(transaction => OfAsync(transaction, leaseId, personId), stop);
    }

    /// <summary>Notes that it was read.</summary>
    public static Task SeenAsync(Database database, string leaseId, string personId, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        return database.WriteAsync(
            transaction => transaction.ExecuteAsync(
                "INSERT INTO feedback_seen (lease_id, at) SELECT id, @Now FROM leases WHERE id = @leaseId AND person_id = @personId ON CONFLICT DO NOTHING", new { leaseId, personId, transaction.Now }), stop);
    }

    private static async Task<TaskFeedback?> OfAsync(Transaction transaction, string leaseId, string personId)
    {
        var lease = await transaction.FirstAsync<Lease>("SELECT * FROM leases WHERE id = @leaseId AND person_id = @personId", new { leaseId, personId }).ConfigureAwait(false);
        if (lease?.JudgmentId is null || await transaction.FirstAsync<AnnotationTask>("SELECT * FROM tasks WHERE id = @TaskId AND purpose = 'training'", new { lease.TaskId }).ConfigureAwait(false) is not { } task
            || ExpectedAnswer.FromJson(task.Expected) is not { } expected)
            return null;
        var judgment = Judgment.FromJson((await transaction.FirstAsync<string>("SELECT content FROM judgments WHERE id = @JudgmentId", new { lease.JudgmentId }).ConfigureAwait(false))!);
        var comparison = Comparison.FromJson(task.Payload);
        var order = lease.Order.ToList();
        return new()
        {
            LeaseId = lease.Id,
            Prompt = comparison.Prompt,
            Answers = [.. order.Select(index => new ShownAnswer(comparison.Answers[index].Text, null))],
            IsRight = expected.IsMetBy(judgment),
            Yours = judgment.Best is { } best ? order.IndexOf(best) : null,
            YourWord = judgment.Best is null ? TaskOutcome.Of(judgment) : null,
            Expected = expected.Best is { } right ? order.IndexOf(right) : null,
            ExpectedWord = expected.Answer,
            Why = expected.Why,
        };
    }
}
