using System.Globalization;
using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage;
using Attune.Storage.Leases;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <summary>One thing of which something is right: a question, a label, a rating, a strength, the rank of an answer.</summary>
/// <param name="Id">The question's id, the axis, <c>strength</c> or <c>rank</c>.</param>
/// <param name="What">What was asked, untrusted; null where the id says it.</param>
/// <param name="Place">The place of the answer that it is about; null for the whole.</param>
/// <param name="Yours">What was said, untrusted; null where nothing was.</param>
/// <param name="Expected">What is right, untrusted.</param>
public sealed record FeedbackPart(string Id, string? What, int? Place, string? Yours, string Expected);

/// <summary>What somebody is told after a training task: what they said, what is right, and why. Answers stand as they were shown.</summary>
public sealed record TaskFeedback
{
    /// <summary>The lease that was answered.</summary>
    public required string LeaseId { get; init; }

    /// <summary>What was asked for.</summary>
    public required TaskKind Kind { get; init; }

    /// <summary>What the answers answer, untrusted.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answers, from the left or the top, untrusted; empty of kinds that compare nothing.</summary>
    public required IReadOnlyList<ShownAnswer> Answers { get; init; }

    /// <summary>What was shown of the kinds that compare nothing: a record of <see cref="Attune.Feedback.Tasks"/>; null of the others.</summary>
    public object? Content { get; init; }

    /// <summary>Whether it was right.</summary>
    public required bool IsRight { get; init; }

    /// <summary>The place of the answer that was taken; null where none was.</summary>
    public int? Yours { get; init; }

    /// <summary>What was said where no answer was taken: "tie", "both-bad", "ranking", "cannot-judge"; null where <see cref="Parts"/> say it.</summary>
    public string? YourWord { get; init; }

    /// <summary>The place of the answer that is best; null where something else is expected.</summary>
    public int? Expected { get; init; }

    /// <summary>The word that is expected in place of a best answer.</summary>
    public string? ExpectedWord { get; init; }

    /// <summary>What is right of each thing that was asked.</summary>
    public required IReadOnlyList<FeedbackPart> Parts { get; init; }

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
            || ExpectedAnswer.Stored(task.Expected) is not { } expected)
            return null;
        var judgment = Judgment.FromJson((await transaction.FirstAsync<string>("SELECT content FROM judgments WHERE id = @JudgmentId", new { lease.JudgmentId }).ConfigureAwait(false))!);
        return Of(TaskView.Of(new(lease, "", task, judgment.AnnotatorId), new()), lease.Order.ToList(), judgment, expected); // the usual settings show no model's name
    }

    private static TaskFeedback Of(TaskView view, List<int> order, Judgment judgment, ExpectedAnswer expected)
    {
        var compares = view.Answers.Count > 0;
        var isNoVote = judgment.Outcome == Outcome.CannotJudge;
        return new()
        {
            LeaseId = view.LeaseId,
            Kind = view.Kind,
            Prompt = view.Prompt,
            Answers = view.Answers,
            Content = view.Content,
            IsRight = expected.IsMetBy(judgment),
            Yours = judgment.Best is { } best ? order.IndexOf(best) : null,
            YourWord = isNoVote ? "cannot-judge" : judgment.Compares && judgment.Best is null ? TaskOutcome.Of(judgment) : null,
            Expected = expected.Best is { } right ? order.IndexOf(right) : null,
            ExpectedWord = compares ? expected.Answer : null,
            Parts = [.. compares ? OfAnswers(expected, judgment, order) : OfQuestions(expected, judgment, view.Content as QuestionTask)],
            Why = expected.Why,
        };
    }

    private static IEnumerable<FeedbackPart> OfAnswers(ExpectedAnswer expected, Judgment judgment, List<int> order)
    {
        if (expected.Strength is { } strength)
            yield return new("strength", null, null, Said(judgment.Strength), Range(strength, expected.Tolerance, Judgment.MaximumStrength));
        for (var place = 0; expected.Ranks is { } ranks && place < order.Count; place++)
            yield return new("rank", null, place, judgment.Ranks.Count == ranks.Count ? Said(judgment.Ranks[order[place]]) : null, ranks[order[place]] == 0 ? "–" : Said(ranks[order[place]])!);
        foreach (var rating in expected.Ratings ?? [])
            yield return new(rating.Axis, null, order.IndexOf(rating.Answer ?? 0), Said(ExpectedAnswer.ValueIn(judgment, rating)), Range(rating.Value, expected.Tolerance, judgment.Ratings?.FirstOrDefault(own => own.Axis == rating.Axis)?.Steps));
        foreach (var (key, value) in expected.Answers ?? new Dictionary<string, string>())
        {
            var answer = key.Split('#') is [_, var index] ? int.Parse(index, CultureInfo.InvariantCulture) : 0;
            yield return new(key.Split('#')[0], null, order.IndexOf(answer), judgment.Answers?.GetValueOrDefault(key), value);
        }
    }

    private static IEnumerable<FeedbackPart> OfQuestions(ExpectedAnswer expected, Judgment judgment, QuestionTask? task)
    {
        var questions = task?.Questions.ToDictionary(question => question.Id, StringComparer.Ordinal) ?? [];
        var right = expected.Answer is { } only ? new Dictionary<string, string> { [questions.Keys.FirstOrDefault() ?? VerifyTask.Accept] = only } : expected.Answers ?? new Dictionary<string, string>();
        foreach (var (id, value) in right)
        {
            var question = questions.GetValueOrDefault(id);
            string Text(string answer) => question?.Options.FirstOrDefault(option => option.Id == answer)?.Text ?? answer;
            yield return new(id, question?.Text, null, judgment.Answers?.GetValueOrDefault(id) is { } said ? Text(said) : null, Text(value));
        }
    }

    private static string? Said(int? value) => value?.ToString(CultureInfo.InvariantCulture);

    private static string Range(int right, int tolerance, int? most)
    {
        var (least, largest) = (Math.Max(1, right - tolerance), Math.Min(most ?? int.MaxValue, right + tolerance));
        return least == largest ? Said(right)! : $"{Said(least)}–{Said(largest)}";
    }
}
