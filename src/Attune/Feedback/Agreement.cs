namespace Attune.Feedback;

/// <summary>One answer of one person to one question; the label is whatever they answered.</summary>
/// <param name="Unit">What was judged.</param>
/// <param name="Rater">Who judged.</param>
/// <param name="Label">The answer; compared letter by letter.</param>
public readonly record struct Rating(string Unit, string Rater, string Label);

/// <summary>
/// How far people agree, beyond chance or not. Pure functions of ratings; a person's second answer to the same unit counts as one more.
/// With intervals, weighted kappas and the other forms of alpha, of a table of labels: <see cref="Aggregation.LabelAgreement"/>.
/// </summary>
public static class Agreement
{
    /// <summary>
    /// Of all pairs of answers to the same unit, the share that are equal: "two people agree on so many percent". Successes and trials are
    /// pairs, which are not independent: resample units for an interval.
    /// </summary>
    public static Proportion Pairwise(IEnumerable<Rating> ratings)
    {
        var (equal, all) = Counts(ratings).Pairs();
        return new(equal, checked((int)all));
    }

    /// <summary>
    /// Cohen's kappa of two raters, over units that both judged: <c>(Pₒ − Pₑ)/(1 − Pₑ)</c>, chance agreement Pₑ from each rater's own label
    /// frequencies (Cohen 1960). Two raters who always say the same one thing agree: 1.
    /// </summary>
    /// <param name="first">Labels of one rater, in the order of the units.</param>
    /// <param name="second">Labels of the other, for the same units.</param>
    public static double CohenKappa(IReadOnlyList<string> first, IReadOnlyList<string> second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (first.Count != second.Count || first.Count == 0)
            throw new ArgumentException($"The raters have {first.Count} and {second.Count} labels; expected the same units, at least one.");
        var numbers = first.Concat(second).Distinct(StringComparer.Ordinal).Select((label, number) => (label, number)).ToDictionary(StringComparer.Ordinal);
        var kappa = new Kappa(numbers.Count);
        for (var unit = 0; unit < first.Count; unit++)
            kappa.Add(numbers[first[unit]], numbers[second[unit]]);
        return kappa.Of(KappaWeight.Equal);
    }

    /// <summary>
    /// Fleiss' kappa, for units that all have the same number of answers, whoever gave them (Fleiss 1971). One single label throughout: 1.
    /// </summary>
    /// <exception cref="ArgumentException">Units have different numbers of answers; alpha takes those.</exception>
    public static double FleissKappa(IEnumerable<Rating> ratings)
    {
        var counts = Counts(ratings);
        return counts.AnswersEach >= 2 ? counts.Fleiss()
            : throw new ArgumentException("Fleiss' kappa needs the same number of answers, at least 2, for every unit; use Krippendorff's alpha where answers are missing.");
    }

    /// <summary>
    /// Krippendorff's alpha for labels without order, <c>1 − Dₒ/Dₑ</c>; answers may be missing, units with a single answer are left out
    /// (Krippendorff 2011, "Computing Krippendorff's alpha-reliability"). One single label throughout: 1. No unit with two answers: NaN.
    /// </summary>
    public static double KrippendorffAlpha(IEnumerable<Rating> ratings) => Counts(ratings).Alpha(LabelDistance.Nominal);

    /// <summary>
    /// How often each rater agrees with the majority of the others on the same unit (the rater's own vote left out). Where the others are split
    /// evenly, or there are none, the unit does not count for that rater. Raters in alphabetical order.
    /// </summary>
    public static IReadOnlyList<RaterAgreement> WithMajorityOfOthers(IEnumerable<Rating> ratings)
    {
        ArgumentNullException.ThrowIfNull(ratings);
        var agreed = new SortedDictionary<string, (int Agreed, int Judged)>(StringComparer.Ordinal);
        foreach (var unit in ratings.GroupBy(rating => rating.Unit))
        {
            var all = unit.ToList();
            foreach (var own in all)
            {
                var (a, n) = agreed.GetValueOrDefault(own.Rater);
                var majority = Plurality(all.Where(rating => rating.Rater != own.Rater).Select(rating => rating.Label));
                agreed[own.Rater] = majority is null ? (a, n) : (a + (majority == own.Label ? 1 : 0), n + 1);
            }
        }
        return agreed.Select(entry => new RaterAgreement(entry.Key, new(entry.Value.Agreed, entry.Value.Judged))).ToList();
    }

    /// <summary>The label that more raters gave than any other, or null where two or more share the first place or there is none.</summary>
    public static string? Plurality(IEnumerable<string> labels)
    {
        var counts = labels.CountBy(label => label).OrderByDescending(entry => entry.Value).Take(2).ToList();
        return counts.Count == 0 || (counts.Count == 2 && counts[0].Value == counts[1].Value) ? null : counts[0].Key;
    }

    private static AnswerCounts Counts(IEnumerable<Rating> ratings)
    {
        var all = ratings.ToList();
        var numbers = all.Select(rating => rating.Label).Distinct(StringComparer.Ordinal).Select((label, number) => (label, number)).ToDictionary(StringComparer.Ordinal);
        return AnswerCounts.Of(numbers.Count, all.GroupBy(rating => rating.Unit).Select(unit => unit.Select(rating => numbers[rating.Label])));
    }
}

/// <summary>How often a rater agrees with the majority of the others.</summary>
/// <param name="Rater">Who.</param>
/// <param name="Agreed">Units where they agree, among those where the others have a majority.</param>
public readonly record struct RaterAgreement(string Rater, Proportion Agreed);
