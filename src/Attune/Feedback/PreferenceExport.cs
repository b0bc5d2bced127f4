using Attune.Runs;

namespace Attune.Feedback;

/// <summary>Whose votes are exported, and how they are counted.</summary>
public sealed record ExportOptions : IChecked
{
    /// <summary>Whose judgments count; the others are not looked at.</summary>
    public AnnotatorGroup Group { get; init; } = AnnotatorGroup.Training;

    /// <summary>What happens to pairs without a majority.</summary>
    public TieRule Ties { get; init; } = TieRule.Drop;

    /// <summary>α of <see cref="PairVotes.ShareOfFirst"/>; 0 is the plain share.</summary>
    public double Smoothing { get; init; }

    /// <summary>Pairs with fewer votes are left out.</summary>
    public int MinimumJudges { get; init; } = 1;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (!(Smoothing >= 0))
            yield return Problem.Of("smoothing", $"is {Smoothing}", "0 or more", "0 is the plain share, 1 is Laplace's");
        if (MinimumJudges < 1)
            yield return Problem.Of("minimumJudges", $"is {MinimumJudges}", "at least 1", "1 keeps every pair that was judged");
    }
}

/// <summary>
/// Turns comparisons and their judgments into preferences, by majority vote. A pure function of the log. Not here: weights for annotators'
/// skills. A corrected judgment counts once (<see cref="JudgmentLog.InForce"/>). Judgments of comparisons that are not given are passed over, so that one log may serve several rounds.
/// </summary>
public static class PreferenceExport
{
    /// <summary>One preference per pair of answers that has votes (all K(K−1)/2 pairs of a comparison of K), in the order of the comparisons.</summary>
    /// <exception cref="InputException">A judgment's annotator is in neither group, or its answers are not the comparison's.</exception>
    public static IReadOnlyList<Preference> Pairs(
        IReadOnlyList<Comparison> comparisons, IReadOnlyList<Judgment> judgments, Annotators annotators, ExportOptions options)
    {
        var pairs = new List<Preference>();
        foreach (var (comparison, own) in Joined(comparisons, judgments, annotators, options))
            for (var i = 0; i < comparison.Answers.Count; i++)
                for (var j = i + 1; j < comparison.Answers.Count; j++)
                {
                    var votes = PairVotes.Of(own, i, j);
                    if (votes.Judges < options.MinimumJudges || (votes.Majority == 0 && options.Ties == TieRule.Drop))
                        continue;
                    pairs.Add(votes.Majority >= 0 ? Pair(comparison, own, i, j, options) : Pair(comparison, own, j, i, options));
                }
        return pairs;
    }

    /// <summary>One ranking per comparison that has votes, in the order of the comparisons. <see cref="ExportOptions.Ties"/> does not matter here: ranks may be level.</summary>
    /// <exception cref="InputException">As for <see cref="Pairs"/>.</exception>
    public static IReadOnlyList<RankedAnswers> Rankings(
        IReadOnlyList<Comparison> comparisons, IReadOnlyList<Judgment> judgments, Annotators annotators, ExportOptions options)
    {
        var rankings = new List<RankedAnswers>();
        foreach (var (comparison, all) in Joined(comparisons, judgments, annotators, options))
        {
            var own = all.Where(judgment => judgment.Compares).ToList();
            if (own.Count < options.MinimumJudges)
                continue;
            var indexes = Enumerable.Range(0, comparison.Answers.Count).ToList();
            double Share(int i, int j) => PairVotes.Of(own, i, j) is { Judges: > 0 } votes ? votes.ShareOfFirst(options.Smoothing) : 0.5;
            var shares = indexes.Select(i => indexes.Where(j => j != i).Average(j => Share(i, j))).ToArray();
            rankings.Add(new()
            {
                Prompt = comparison.Prompt,
                Answers = comparison.Answers.Select(answer => answer.Text).ToArray(),
                Ranks = Judgment.RanksOf(shares.Select(share => Math.Round(share, 12)).ToArray()), // equal but for the order of a sum is level
                Shares = shares,
                Judges = own.Count,
                Group = options.Group,
                Split = comparison.Split,
                Round = comparison.Round,
                Sources = comparison.Answers.Select(answer => answer.Source).ToArray(),
                Comparison = comparison.Id,
                Judgments = own.ConvertAll(judgment => judgment.Id),
            });
        }
        return rankings;
    }

    /// <summary>Writes <c>preferences.jsonl</c>, whole or not at all.</summary>
    public static void Write(string path, IEnumerable<Preference> preferences) => FeedbackFile.WriteLines(path, preferences, FeedbackFile.Lines.Preference);

    /// <summary>Writes <c>rankings.jsonl</c>, whole or not at all.</summary>
    public static void Write(string path, IEnumerable<RankedAnswers> rankings) => FeedbackFile.WriteLines(path, rankings, FeedbackFile.Lines.RankedAnswers);

    /// <summary>Reads <c>preferences.jsonl</c> with everything in it.</summary>
    /// <exception cref="InputException">It is missing or has bad lines; lists them.</exception>
    public static IReadOnlyList<Preference> ReadPairs(string path) => FeedbackFile.ReadLines(path, FeedbackFile.Lines.Preference, preference =>
        preference.PChosen is >= 0 and <= 1 ? null : $"has pChosen {preference.PChosen}, expected 0 to 1");

    /// <summary>Reads <c>rankings.jsonl</c>.</summary>
    /// <exception cref="InputException">It is missing or has bad lines; lists them.</exception>
    public static IReadOnlyList<RankedAnswers> ReadRankings(string path) => FeedbackFile.ReadLines(path, FeedbackFile.Lines.RankedAnswers, ranking =>
        ranking.Answers.Count >= 2 && ranking.Ranks.Count == ranking.Answers.Count ? null
        : $"has {ranking.Answers.Count} answers and {ranking.Ranks.Count} ranks, expected as many of both, at least two");

    private static Preference Pair(Comparison comparison, List<Judgment> all, int chosen, int rejected, ExportOptions options)
    {
        var own = all.Where(judgment => judgment.Between(chosen, rejected) is not null).ToList();
        var strengths = own.ConvertAll(judgment => judgment.StrengthBetween(chosen, rejected));
        return new()
        {
            Id = Ratings.Unit(comparison.Id, comparison.Answers.Count, Math.Min(chosen, rejected), Math.Max(chosen, rejected)),
            Prompt = comparison.Prompt,
            Chosen = comparison[chosen].Text,
            Rejected = comparison[rejected].Text,
            PChosen = PairVotes.Of(own, chosen, rejected).ShareOfFirst(options.Smoothing),
            Judges = own.Count,
            Strength = strengths.Exists(strength => strength is not (null or 0)) ? strengths.Average() : null,
            ChosenShownFirst = own.Average(judgment => judgment.Order.First(shown => shown == chosen || shown == rejected) == chosen ? 1.0 : 0),
            Group = options.Group,
            Split = comparison.Split,
            Round = comparison.Round,
            ChosenId = comparison[chosen].Id,
            RejectedId = comparison[rejected].Id,
            ChosenSource = comparison[chosen].Source,
            RejectedSource = comparison[rejected].Source,
            Comparison = comparison.Id,
            Judgments = own.ConvertAll(judgment => judgment.Id),
        };
    }

    private static IEnumerable<(Comparison, List<Judgment>)> Joined(
        IReadOnlyList<Comparison> comparisons, IReadOnlyList<Judgment> judgments, Annotators annotators, ExportOptions options)
    {
        var problems = options.Check().ToList();
        if (problems.Count > 0)
            throw new InputException("The export", problems);
        var groups = annotators.People.ToDictionary(person => person.Id, person => person.Group, StringComparer.Ordinal);
        var strangers = judgments.Select(judgment => judgment.AnnotatorId).Distinct(StringComparer.Ordinal).Where(id => !groups.ContainsKey(id)).ToList();
        if (strangers.Count > 0)
            throw new InputException("The judgment log", strangers.ConvertAll(id =>
                Problem.Of(id, "has judgments but is in neither group", "every annotator in annotators.json", "restore the file that goes with this log")));
        var byComparison = JudgmentLog.InForce(judgments).Where(judgment => groups[judgment.AnnotatorId] == options.Group).ToLookup(judgment => judgment.ComparisonId, StringComparer.Ordinal);
        var misfits = comparisons.SelectMany(comparison => byComparison[comparison.Id].Where(judgment => judgment.Order.Count != comparison.Answers.Count)).ToList();
        if (misfits.Count > 0)
            throw new InputException("The judgment log", misfits.ConvertAll(judgment =>
                Problem.Of(judgment.Id, $"is about {judgment.Order.Count} answers", "as many as the comparison has", "restore the comparisons that go with this log")));
        return comparisons.Select(comparison => (comparison, byComparison[comparison.Id].ToList())).Where(joined => joined.Item2.Count > 0);
    }
}
