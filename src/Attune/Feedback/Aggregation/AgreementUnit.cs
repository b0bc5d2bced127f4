using Attune.Feedback.Tasks;

namespace Attune.Feedback.Aggregation;

/// <summary>Something that annotators can agree on: what a comparison came to, a question's answer, a step on an axis.</summary>
/// <param name="Comparison">The comparison, or what else was judged.</param>
/// <param name="Part">The axis, label or question that it is about; null where a judgment has one answer only.</param>
/// <param name="IsScale">Whether labels are steps of a scale, so that it matters how far apart two of them are.</param>
/// <param name="Row">The label. Each answer of a comparison, and each question, is a task of its own.</param>
public sealed record AgreementUnit(string Comparison, string? Part, bool IsScale, LabelRow Row)
{
    /// <summary>
    /// What others can agree with in a judgment: of ratings each axis of each answer; of comparisons the best answer, or the whole order where none is; of
    /// questions and labels each answer. Texts, marks and conversations agree on nothing, and "cannot judge" is no label.
    /// </summary>
    public static IEnumerable<AgreementUnit> Of(Judgment judgment)
    {
        ArgumentNullException.ThrowIfNull(judgment);
        AgreementUnit Unit(string? part, bool isScale, string task, string label) => new(judgment.ComparisonId, part, isScale, new(judgment.ComparisonId + task, judgment.AnnotatorId, label));
        if (judgment.Outcome is Outcome.CannotJudge or Outcome.Withdrawn)
            return [];
        var ratings = (judgment.Ratings ?? []).Select(rating => Unit(rating.Axis, true, $"/{rating.Answer}/{rating.Axis}", $"{rating.Value}"));
        return judgment switch
        {
            { Best: null, Outcome: Outcome.Ranking } => ratings.Append(Unit(null, false, "", string.Join(',', judgment.Ranks))),
            { Compares: true } => ratings.Append(Unit(null, false, "", TaskOutcome.Of(judgment)!)),
            { Outcome: Outcome.Answered, Answers: { Count: 1 } answers } => ratings.Append(Unit(null, false, $"?{answers.Keys.First()}", answers.Values.First())),
            { Outcome: Outcome.Answered or Outcome.Rated, Answers: { } answers } => ratings.Concat(answers.Select(answer => Unit(answer.Key.Split('#')[0], false, $"?{answer.Key}", answer.Value))),
            _ => ratings,
        };
    }
}
