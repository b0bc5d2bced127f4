namespace Attune.Feedback;

/// <summary>Judgments as ratings of pairs of answers, the form in which agreement is computed.</summary>
public static class Ratings
{
    /// <summary>The label of a pair that a judge found level.</summary>
    public const string Level = "level";

    /// <summary>
    /// One rating per judgment in force (<see cref="JudgmentLog.InForce"/>) and pair of answers on which it says something. The unit is the comparison's id, with "/i-j" behind it where
    /// there are more than two answers; the label is the index of the better answer, or <see cref="Level"/>. An answer to a question, or a label of yes or no,
    /// is one more: its unit is the comparison's id with "?" and the question's behind it.
    /// </summary>
    public static IEnumerable<Rating> Of(IEnumerable<Judgment> judgments)
    {
        ArgumentNullException.ThrowIfNull(judgments);
        foreach (var judgment in JudgmentLog.InForce(judgments))
        {
            for (var i = 0; i < judgment.Order.Count; i++)
                for (var j = i + 1; j < judgment.Order.Count; j++)
                    if (judgment.Between(i, j) is { } sign)
                        yield return new(Unit(judgment.ComparisonId, judgment.Order.Count, i, j), judgment.AnnotatorId, sign > 0 ? $"{i}" : sign < 0 ? $"{j}" : Level);
            foreach (var (question, answer) in judgment.Outcome is Outcome.Answered or Outcome.Rated && judgment.Answers is { } answers ? answers : new Dictionary<string, string>())
                yield return new($"{judgment.ComparisonId}?{question}", judgment.AnnotatorId, answer);
        }
    }

    internal static string Unit(string comparison, int answers, int first, int second) => answers == 2 ? comparison : $"{comparison}/{first}-{second}";
}

/// <summary>What the log shows about one annotator; a corrected judgment counts once.</summary>
/// <param name="AnnotatorId">Who.</param>
/// <param name="Judgments">How many they gave.</param>
/// <param name="Ties">How many of them found all answers level.</param>
/// <param name="NoVotes">How many of them could not say.</param>
/// <param name="FirstShown">How often the answer shown first was the one best; of judgments that have a best one.</param>
/// <param name="FirstShownByChance">The share of <paramref name="FirstShown"/> that a judge blind to sides comes to: the mean of 1/K over these judgments, K the answers shown.</param>
/// <param name="WithMajorityOfOthers">How often they agree with the majority of the others, see <see cref="Agreement.WithMajorityOfOthers"/>.</param>
/// <param name="MedianSeconds">Time spent on half of them or less.</param>
public sealed record AnnotatorStatistics(
    string AnnotatorId, int Judgments, int Ties, int NoVotes, Proportion FirstShown, double FirstShownByChance, Proportion WithMajorityOfOthers, double MedianSeconds)
{
    /// <summary>
    /// The bias to the first shown: (share − chance)/(1 − chance), which for K answers is (K·share − 1)/(K − 1), from −1/(K − 1) (never the first)
    /// to 1 (always). For someone who takes the first without looking in a share b of the cases and is fair otherwise, it estimates b. Its interval
    /// is that of <see cref="FirstShown"/>, so transformed.
    /// </summary>
    public double SideBias => BiasOf(FirstShown.Share, FirstShownByChance);

    /// <summary>The bias that a share of judgments for the first shown amounts to.</summary>
    internal static double BiasOf(double share, double byChance) => (share - byChance) / (1 - byChance);

    /// <summary>The statistics of everyone in a log, in alphabetical order.</summary>
    public static IReadOnlyList<AnnotatorStatistics> Of(IReadOnlyList<Judgment> log)
    {
        var agreed = Agreement.WithMajorityOfOthers(Ratings.Of(log)).ToDictionary(rater => rater.Rater, rater => rater.Agreed);
        return JudgmentLog.InForce(log).GroupBy(judgment => judgment.AnnotatorId).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group =>
        {
            var own = group.ToList();
            var decided = own.Where(judgment => judgment.Best is not null).ToList();
            return new AnnotatorStatistics(
                group.Key,
                own.Count,
                own.Count(judgment => judgment.Outcome == Outcome.Tie),
                own.Count(judgment => judgment.Outcome == Outcome.CannotJudge),
                new(decided.Count(judgment => judgment.Best == judgment.Order[0]), decided.Count),
                decided.Count == 0 ? double.NaN : decided.Average(judgment => 1.0 / judgment.Order.Count),
                agreed.GetValueOrDefault(group.Key),
                Median(own.Select(judgment => judgment.Seconds)));
        }).ToList();
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
