using Attune.Torch;

namespace Attune.Feedback;

/// <summary>
/// How far the annotators of one group agree with each other. Groups are looked at apart: what held-out annotators think of training ones, who may
/// have been asked about other answers, says nothing about either.
/// </summary>
/// <param name="Group">The group; null where there are no groups, and for annotators who are in none.</param>
/// <param name="Judgments">How many they gave, each annotator's last on a comparison.</param>
/// <param name="Pairwise">Two annotators agree on so many of the pairs they share (<see cref="Agreement.Pairwise"/>).</param>
/// <param name="PairwiseInterval">95 % interval of that share over draws of whole comparisons (<see cref="ClusterBootstrap"/>); null where nobody shares a pair.</param>
/// <param name="Alpha">Krippendorff's alpha for labels without order; NaN where nobody shares a pair.</param>
/// <param name="People">Everyone of the group, in alphabetical order.</param>
public sealed record GroupAgreement(
    AnnotatorGroup? Group, int Judgments, Proportion Pairwise, Interval? PairwiseInterval, double Alpha, IReadOnlyList<AnnotatorStatistics> People)
{
    /// <summary>Each group of a log that has judgments: training, held-out, then those in neither.</summary>
    /// <param name="log">The judgments.</param>
    /// <param name="annotators">Who is in which group; null where there are none.</param>
    public static IReadOnlyList<GroupAgreement> Of(IReadOnlyList<Judgment> log, Annotators? annotators) =>
        [.. log.GroupBy(judgment => annotators?.GroupOf(judgment.AnnotatorId)).OrderBy(group => group.Key is null).ThenBy(group => group.Key).Select(group => One(group.Key, [.. group]))];

    private static GroupAgreement One(AnnotatorGroup? group, IReadOnlyList<Judgment> log)
    {
        var people = AnnotatorStatistics.Of(log);
        var ratings = Ratings.Of(log).ToList();
        var pairwise = Agreement.Pairwise(ratings);
        return new(group, people.Sum(one => one.Judgments), pairwise, pairwise.Trials > 0 ? IntervalOf(log) : null, Agreement.KrippendorffAlpha(ratings), people);
    }

    private static Interval IntervalOf(IReadOnlyList<Judgment> log)
    {
        var clusters = log.GroupBy(judgment => judgment.ComparisonId).Select(comparison => Agreement.Pairwise(Ratings.Of(comparison)))
            .Select(pairs => Enumerable.Range(0, pairs.Trials).Select(pair => pair < pairs.Successes ? 1.0 : 0).ToArray());
        return ClusterBootstrap.OfMean([.. clusters], new Seed(1).For("agreement"));
    }
}
