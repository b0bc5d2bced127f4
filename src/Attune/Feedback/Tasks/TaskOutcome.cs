namespace Attune.Feedback.Tasks;

/// <summary>What a task came to, as a word that another task can depend on.</summary>
public static class TaskOutcome
{
    /// <summary>
    /// One judgment's word: the index of the one best answer, "tie", "both-bad", the answer to a single question (of several, <c>id=answer</c> joined by
    /// commas), otherwise the outcome in lower case. Null for no vote.
    /// </summary>
    public static string? Of(Judgment judgment)
    {
        ArgumentNullException.ThrowIfNull(judgment);
        return judgment switch
        {
            { Outcome: Outcome.CannotJudge or Outcome.Withdrawn } => null,
            { Best: { } best } => $"{best}",
            { Outcome: Outcome.BothBad } => "both-bad",
            { Outcome: Outcome.Answered, Answers: { Count: 1 } answers } => answers.Values.First(),
            { Outcome: Outcome.Answered, Answers: { } answers } => string.Join(',', answers.OrderBy(answer => answer.Key, StringComparer.Ordinal).Select(answer => $"{answer.Key}={answer.Value}")),
            _ => judgment.Outcome.ToString().ToLowerInvariant(),
        };
    }

    /// <summary>The word that more judgments gave than any other; null where two are level or nobody voted.</summary>
    public static string? Majority(IEnumerable<Judgment> judgments)
    {
        var counts = judgments.Select(Of).OfType<string>().CountBy(word => word).OrderByDescending(count => count.Value).Take(2).ToList();
        return counts is [var only] ? only.Key : counts is [var first, var second] && first.Value > second.Value ? first.Key : null;
    }
}
