using Attune.Feedback;
using Attune.Feedback.Quality;
using Attune.Feedback.Tasks;
using Attune.Storage.Work;

namespace Attune.Storage.Leases;

/// <summary>
/// Dynamic overlap: after each answer the posterior of the task's answer decides whether it gets another one, in the transaction of the answer. Skills are those
/// that stand in <c>standings</c>; who is not there yet is taken to be right four times in five.
/// </summary>
internal static class OverlapControl
{
    /// <summary>Right and wrong answers that everyone is taken to have given before.</summary>
    public const double PriorRight = 4, PriorWrong = 1;

    private const double LeastDoubt = 0.02;

    /// <summary>Whether the answers to a kind of task are few words, so that they have a posterior.</summary>
    public static bool Suits(TaskKind kind) => kind is TaskKind.Pair or TaskKind.Best or TaskKind.Question or TaskKind.Verify;

    /// <summary>Completes the task, asks for more answers, or leaves it as it is.</summary>
    public static async Task DecideAsync(Transaction transaction, string taskId, OverlapOptions options)
    {
        var task = (await TaskStore.FindAsync(transaction, taskId, transaction.Engine.ForUpdate).ConfigureAwait(false))!;
        if (task.State is not (TaskState.Open or TaskState.Complete))
            return;
        var probability = ProbabilityOf(await VotesAsync(transaction, taskId).ConfigureAwait(false), task.Choices);
        var isOver = DynamicOverlap.Decide(probability, task.Accepted, options) != OverlapDecision.Extend;
        var taken = task.Accepted + task.Active;
        var overlap = isOver ? taken : Math.Max(taken, Math.Min(Math.Max(task.Overlap, task.Accepted + 1), options.Maximum));
        await transaction.ExecuteAsync(
            "UPDATE tasks SET overlap = @overlap, maximum_overlap = @Most WHERE id = @taskId", new { taskId, overlap, Most = Math.Max(task.MaximumOverlap, overlap) }).ConfigureAwait(false);
        await TaskStore.SettleAsync(transaction, taskId, isOver).ConfigureAwait(false);
    }

    /// <summary>The probability of the likeliest of the words that were given; of a task without any word it is that of a guess.</summary>
    internal static double ProbabilityOf(IReadOnlyList<(string? Word, double? Skill)> votes, int choices)
    {
        var words = votes.Select(vote => vote.Word).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        var labels = Math.Max(Math.Max(2, choices), words.Count);
        var answers = votes.Where(vote => vote.Word is not null)
            .Select(vote => (words.IndexOf(vote.Word!), Math.Clamp(vote.Skill ?? PriorRight / (PriorRight + PriorWrong), 1.0 / labels, 1 - LeastDoubt))).ToList(); // who is worse than chance says nothing
        return answers.Count == 0 ? 1.0 / labels : DynamicOverlap.Posterior(answers, labels).Max();
    }

    private static async Task<IReadOnlyList<(string? Word, double? Skill)>> VotesAsync(Transaction transaction, string taskId) =>
        [.. (await transaction.QueryAsync<(string Content, double? Skill)>(
            """
            SELECT j.content, s.skill FROM judgments j LEFT JOIN standings s ON s.project_id = j.project_id AND s.person_id = j.person_id
            WHERE j.task_id = @taskId AND j.late = 0 AND j.outcome <> 'withdrawn' AND NOT EXISTS (SELECT 1 FROM judgments n WHERE n.supersedes = j.id)
                AND NOT EXISTS (SELECT 1 FROM rejections r WHERE r.judgment_id = j.id AND r.lifted_at IS NULL)
            """, new { taskId }).ConfigureAwait(false)).Select(row => (TaskOutcome.Of(Judgment.FromJson(row.Content)), row.Skill))];
}
