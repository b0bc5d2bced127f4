namespace Attune.Feedback.Aggregation;

/// <summary>How the votes on a pair of answers become one preference.</summary>
public enum PreferenceAggregation
{
    /// <summary>Not at all: each vote is a preference of its own, level ones are left out.</summary>
    Raw,

    /// <summary>p(chosen) is the share of votes.</summary>
    MajorityVote,

    /// <summary>p(chosen) is the posterior of <see cref="DawidSkene"/>, which knows how often each annotator is right.</summary>
    DawidSkene,

    /// <summary>p(chosen) is σ of the difference of the answers' strengths by <see cref="Aggregation.NoisyBradleyTerry"/>, which knows each annotator's attention and side.</summary>
    NoisyBradleyTerry,
}

/// <summary>
/// Preferences out of judgments, by one of several methods. A pure function. Rankings count as all the pairs that they decide. Dawid–Skene reads "the answer
/// stored first is better" as one label and "the other" as the second; level votes say nothing to it. A weak prior (two right answers against one wrong one)
/// keeps its posteriors off 0 and 1 where an annotator gave few. The noisy Bradley–Terry model reads sides as shown, and level votes as half a win each.
/// </summary>
public static class AggregatedPreferences
{
    private const string First = "0", Second = "1";

    private static readonly DawidSkeneOptions WithPrior = new() { PriorRight = 2, PriorWrong = 1, PriorTasks = 1 };

    /// <summary>The method's name in recipes and files.</summary>
    public static string Word(PreferenceAggregation method) => method switch
    {
        PreferenceAggregation.Raw => "raw",
        PreferenceAggregation.MajorityVote => "majority-vote",
        PreferenceAggregation.DawidSkene => "dawid-skene",
        _ => "noisy-bradley-terry",
    };

    /// <summary>The method of a name.</summary>
    /// <exception cref="Runs.InputException">There is none.</exception>
    public static PreferenceAggregation Parse(string? word) => Enum.GetValues<PreferenceAggregation>().Where(method => Word(method) == word).ToArray() is [var method] ? method
        : throw Runs.InputException.One("The aggregation", $"is {word ?? "not given"}", "raw, majority-vote, dawid-skene or noisy-bradley-terry", "majority-vote is usual");

    /// <summary>The preferences, in the order of the comparisons.</summary>
    /// <param name="method">The method.</param>
    /// <param name="comparisons">What was judged.</param>
    /// <param name="judgments">The log.</param>
    /// <param name="annotators">Who trains and who is held out.</param>
    /// <param name="options">Whose votes; ties are dropped or kept as it says, smoothing belongs to the majority vote alone.</param>
    /// <exception cref="Runs.InputException">As for <see cref="PreferenceExport.Pairs"/>.</exception>
    public static IReadOnlyList<Preference> Of(
        PreferenceAggregation method, IReadOnlyList<Comparison> comparisons, IReadOnlyList<Judgment> judgments, Annotators annotators, ExportOptions options)
    {
        ArgumentNullException.ThrowIfNull(judgments);
        ArgumentNullException.ThrowIfNull(options);
        if (method == PreferenceAggregation.MajorityVote)
            return PreferenceExport.Pairs(comparisons, judgments, annotators, options);
        var inForce = JudgmentLog.InForce(judgments);
        var all = PreferenceExport.Pairs(comparisons, inForce, annotators, options with { Ties = TieRule.Keep });
        var byId = inForce.ToDictionary(judgment => judgment.Id, StringComparer.Ordinal);
        var places = comparisons.ToDictionary(comparison => comparison.Id, comparison => comparison.Answers.Select(answer => answer.Id).ToList(), StringComparer.Ordinal);
        var pairs = all.Select(row => new Pair(row, places[row.Comparison].IndexOf(row.ChosenId!), places[row.Comparison].IndexOf(row.RejectedId!), [.. row.Judgments.Select(id => byId[id])])).ToList();
        return method switch
        {
            PreferenceAggregation.Raw => [.. pairs.SelectMany(Votes)],
            PreferenceAggregation.DawidSkene => Decided(pairs, Posteriors(pairs), options.Ties),
            _ => Decided(pairs, Strengths(pairs), options.Ties),
        };
    }

    private static IEnumerable<Preference> Votes(Pair pair)
    {
        foreach (var judgment in pair.Votes)
        {
            var sign = judgment.Between(pair.Chosen, pair.Rejected)!.Value;
            if (sign == 0)
                continue;
            var row = sign > 0 ? pair.Row : Turned(pair.Row);
            yield return row with
            {
                Id = $"{row.Id}@{judgment.AnnotatorId}",
                PChosen = 1,
                Judges = 1,
                Strength = judgment.StrengthBetween(pair.Chosen, pair.Rejected) is { } strength ? Math.Abs(strength) : null,
                ChosenShownFirst = judgment.Order.First(shown => shown == pair.Chosen || shown == pair.Rejected) == (sign > 0 ? pair.Chosen : pair.Rejected) ? 1 : 0,
                Judgments = [judgment.Id],
            };
        }
    }

    /// <summary>p(chosen) of each pair; NaN where nobody decided it.</summary>
    private static double[] Posteriors(List<Pair> pairs)
    {
        var rows = pairs.SelectMany(pair => pair.Votes.Select(judgment => (pair.Row.Id, judgment.AnnotatorId, Sign: judgment.Between(pair.Low, pair.High)!.Value)))
            .Where(vote => vote.Sign != 0).Select(vote => new LabelRow(vote.Id, vote.AnnotatorId, vote.Sign > 0 ? First : Second)).ToList();
        if (rows.Count == 0)
            return [.. pairs.Select(_ => double.NaN)];
        var found = DawidSkene.Run(LabelSet.Of(rows, [First, Second]), WithPrior);
        return [.. pairs.Select(pair => found.Data.TaskNumber(pair.Row.Id) < 0 ? double.NaN : found.ProbabilityOf(pair.Row.Id, pair.Chosen == pair.Low ? First : Second))];
    }

    private static double[] Strengths(List<Pair> pairs)
    {
        var rows = pairs.SelectMany(pair => pair.Votes.Select(judgment =>
        {
            var isChosenFirst = judgment.Order.First(shown => shown == pair.Chosen || shown == pair.Rejected) == pair.Chosen;
            var sign = judgment.Between(pair.Chosen, pair.Rejected)!.Value * (isChosenFirst ? 1 : -1);
            return new PairRow(pair.ItemOf(isChosenFirst), pair.ItemOf(!isChosenFirst), sign switch { 1 => Winner.Left, -1 => Winner.Right, _ => Winner.Tie }, judgment.AnnotatorId);
        })).ToList();
        if (rows.Count == 0)
            return [];
        var found = NoisyBradleyTerry.Run(ComparisonSet.Of(rows));
        var scores = found.Items.Select((item, number) => (item, found.Scores[number])).ToDictionary(pair => pair.item, pair => pair.Item2, StringComparer.Ordinal);
        return [.. pairs.Select(pair => scores[pair.ItemOf(true)] / (scores[pair.ItemOf(true)] + scores[pair.ItemOf(false)]))];
    }

    private static List<Preference> Decided(List<Pair> pairs, double[] ofChosen, TieRule ties)
    {
        var decided = new List<Preference>();
        for (var i = 0; i < pairs.Count; i++)
        {
            var p = double.IsNaN(ofChosen[i]) ? 0.5 : ofChosen[i];
            if (p != 0.5 || ties == TieRule.Keep)
                decided.Add((p >= 0.5 ? pairs[i].Row : Turned(pairs[i].Row)) with { PChosen = Math.Max(p, 1 - p) });
        }
        return decided;
    }

    private static Preference Turned(Preference row) => row with
    {
        Chosen = row.Rejected,
        Rejected = row.Chosen,
        PChosen = 1 - row.PChosen,
        Strength = -row.Strength,
        ChosenShownFirst = 1 - row.ChosenShownFirst,
        ChosenId = row.RejectedId,
        RejectedId = row.ChosenId,
        ChosenSource = row.RejectedSource,
        RejectedSource = row.ChosenSource,
    };

    private sealed record Pair(Preference Row, int Chosen, int Rejected, IReadOnlyList<Judgment> Votes)
    {
        public int Low => Math.Min(Chosen, Rejected);

        public int High => Math.Max(Chosen, Rejected);

        /// <summary>The name of an answer among those of all comparisons.</summary>
        public string ItemOf(bool chosen) => $"{Row.Comparison}\n{(chosen ? Chosen : Rejected)}";
    }
}
