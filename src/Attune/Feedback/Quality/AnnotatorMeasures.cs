using Attune.Feedback.Aggregation;

namespace Attune.Feedback.Quality;

/// <summary>What a measure is taken from.</summary>
/// <param name="Annotator">Whose.</param>
/// <param name="Items">The events of the window, in order of time.</param>
/// <param name="Settings">How.</param>
/// <param name="PluralityOfOthers">The label that most others gave to the pair that was rated; null where they are split or there are none.</param>
/// <param name="Speed">Times by kind of task.</param>
internal sealed record MeasureInput(
    string Annotator, IReadOnlyList<HistoryItem> Items, MeasureSettings Settings, Func<Rating, string?> PluralityOfOthers, Func<string, SpeedReference> Speed)
{
    public IEnumerable<HistoryItem> Judged => Items.Where(item => item.Judgment is not null);
}

/// <summary>The formulas of <see cref="Measure"/>. Intervals of rates are Wilson's, of means ± 1.96 standard errors; both take observations as independent.</summary>
internal static class AnnotatorMeasures
{
    private const double Normal95 = 1.959963984540054;

    public static Measured Of(Measure measure, MeasureInput input) => measure switch
    {
        Measure.Judgments => Count(measure, input.Judged.Count(), input.Judged.Count()),
        Measure.GoldenAccuracy => Golden(input),
        Measure.Agreement => Rate(measure, Agreed(input)),
        Measure.SelfConsistency => Rate(measure, Consistent(input)),
        Measure.LeftBias => LeftBias(input),
        Measure.FastShare => Rate(measure, Timed(input).Select(item => SpeedReference.LogOf(item.Seconds) < input.Speed(item.Task.Kind).Quantile(input.Annotator, input.Settings.FastQuantile))),
        Measure.SpeedZ => Mean(measure, [.. Timed(input).Select(item => Standardised(item, input)).Where(double.IsFinite)]),
        Measure.SideStreak => Streak(measure, [.. input.Judged.Select(item => item.Judgment!.Best is { } best ? $"{item.Judgment.Order.ToList().IndexOf(best)}" : null)]),
        Measure.AnswerStreak => Streak(measure, [.. input.Judged.Select(item => AsShown(item.Judgment!))]),
        Measure.AnswerEntropy => Entropy(input),
        Measure.NoVoteRate => Rate(measure, input.Judged.Select(item => item.Judgment!.Outcome == Outcome.CannotJudge)),
        Measure.SkipRate => Rate(measure, input.Items.Select(item => item.Judgment is null)),
        Measure.SkipsInARow => Count(measure, input.Items.Reverse().TakeWhile(item => item.Judgment is null).Count(), input.Items.Count),
        Measure.PastedShare => Pasted(input),
        Measure.TextFaults => Rate(measure, Texts(input).Select(text => TextChecks.Faults(text.Text, text.Prompt, input.Settings.Text).Count > 0)),
        Measure.TextWords => Mean(measure, [.. Texts(input).Select(text => (double)Words.Of(text.Text).Count)]),
        Measure.TextSentences => Mean(measure, [.. Texts(input).Select(text => (double)TextChecks.Sentences(text.Text))]),
        Measure.CopiedShare => Mean(measure, [.. Texts(input).Where(text => text.Prompt is not null).Select(text => TextChecks.CopiedShare(text.Text, text.Prompt!, input.Settings.Text.CopiedWords))]),
        Measure.BannedOpenings => Rate(measure, Texts(input).Select(text => TextChecks.OpensWithAny(text.Text, input.Settings.Text.BannedOpenings))),
        Measure.OtherLanguage => Rate(measure, Texts(input).Select(text => LanguageGuess.Of(text.Text)).OfType<string>().Select(language => input.Settings.Text.Language is { } wanted && language != wanted)),
        _ => throw new ArgumentOutOfRangeException(nameof(measure), measure, null),
    };

    /// <summary>Whether the expected answer was given, for each golden task judged; saying "cannot judge" is no answer.</summary>
    private static Measured Golden(MeasureInput input)
    {
        var right = ProportionOf(input.Judged.Where(item => item.Task.Expected is not null && item.Judgment!.Outcome != Outcome.CannotJudge)
            .Select(item => item.Task.Expected!.IsMetBy(item.Judgment!)));
        var posterior = BetaPosterior.Of(right, input.Settings.PriorRight, input.Settings.PriorWrong);
        return right.Trials == 0 ? new(Measure.GoldenAccuracy, double.NaN, 0, null) : new(Measure.GoldenAccuracy, posterior.Mean, right.Trials, posterior.Credible());
    }

    private static IEnumerable<bool> Agreed(MeasureInput input) =>
        from item in input.Judged
        where item.Task.Expected is null
        from rating in item.Ratings
        let plurality = input.PluralityOfOthers(rating)
        where plurality is not null
        select plurality == rating.Label;

    private static IEnumerable<bool> Consistent(MeasureInput input) =>
        input.Judged.Where(item => item.Repeats is not null && item.Judgment!.Outcome != Outcome.CannotJudge && item.Repeats.Judgment!.Outcome != Outcome.CannotJudge)
            .SelectMany(item => AsBefore(item.Judgment!, item.Repeats!.Judgment!));

    /// <summary>
    /// Whether a repeat says what the first one said: the same ranks, of rankings of more than two each pair of answers that both placed; each question and label the same; each
    /// rating at most one step away, since nobody hits the same of seven steps every time. Texts, marks and conversations have nothing to compare.
    /// </summary>
    private static IEnumerable<bool> AsBefore(Judgment now, Judgment before)
    {
        if (now.Compares && before.Compares)
        {
            if (now.Ranks.Count > 2 && (now.Outcome == Outcome.Ranking || before.Outcome == Outcome.Ranking))
            {
                for (var i = 0; i < now.Ranks.Count; i++)
                    for (var j = i + 1; j < now.Ranks.Count; j++)
                        if (now.Between(i, j) is { } sign && before.Between(i, j) is { } earlier)
                            yield return sign == earlier;
            }
            else
            {
                yield return now.Ranks.SequenceEqual(before.Ranks);
            }
        }
        foreach (var (question, answer) in now.Answers ?? new Dictionary<string, string>())
        {
            if (before.Answers?.TryGetValue(question, out var earlier) == true)
                yield return answer == earlier;
        }
        foreach (var rating in now.Ratings ?? [])
        {
            if ((before.Ratings ?? []).FirstOrDefault(earlier => (earlier.Axis, earlier.Answer) == (rating.Axis, rating.Answer)) is { } given)
                yield return Math.Abs(rating.Value - given.Value) <= 1;
        }
    }

    private static Measured LeftBias(MeasureInput input)
    {
        var decided = input.Judged.Select(item => item.Judgment!).Where(judgment => judgment.Best is not null).ToList();
        if (decided.Count == 0)
            return new(Measure.LeftBias, double.NaN, 0, null);
        var first = ProportionOf(decided.Select(judgment => judgment.Best == judgment.Order[0]));
        var (chance, wilson) = (decided.Average(judgment => 1.0 / judgment.Order.Count), first.Wilson());
        return new(Measure.LeftBias, AnnotatorStatistics.BiasOf(first.Share, chance), decided.Count,
            new(AnnotatorStatistics.BiasOf(wilson.Lower, chance), AnnotatorStatistics.BiasOf(wilson.Upper, chance)));
    }

    private static IEnumerable<HistoryItem> Timed(MeasureInput input) =>
        input.Judged.Where(item => input.Speed(item.Task.Kind).OthersOf(input.Annotator) >= input.Settings.MinimumTimes);

    /// <summary>NaN where the others all took the same time.</summary>
    private static double Standardised(HistoryItem item, MeasureInput input)
    {
        var (mean, deviation) = input.Speed(item.Task.Kind).Moments(input.Annotator);
        return deviation < 1e-6 ? double.NaN : (SpeedReference.LogOf(item.Seconds) - mean) / deviation; // below it there is rounding only
    }

    private static Measured Entropy(MeasureInput input)
    {
        var answers = input.Judged.Select(item => AsShown(item.Judgment!)).OfType<string>().Select(answer => new LabelRow(input.Annotator, input.Annotator, answer)).ToList();
        return answers.Count == 0 ? new(Measure.AnswerEntropy, double.NaN, 0, null)
            : new(Measure.AnswerEntropy, LabelMetrics.TaskUncertainty(LabelSet.Of(answers))[0], answers.Count, null);
    }

    private static Measured Pasted(MeasureInput input)
    {
        var known = input.Judged.Select(item => item.Facts).OfType<JudgmentFacts>().Where(facts => facts.TypedCharacters is not null || facts.PastedCharacters is not null).ToList();
        var (typed, pasted) = (known.Sum(facts => (long)(facts.TypedCharacters ?? 0)), known.Sum(facts => (long)(facts.PastedCharacters ?? 0)));
        return new(Measure.PastedShare, typed + pasted == 0 ? double.NaN : (double)pasted / (typed + pasted), known.Count, null);
    }

    private static IEnumerable<(string Text, string? Prompt)> Texts(MeasureInput input) =>
        input.Judged.Where(item => item.Facts?.Text is not null).Select(item => (item.Facts!.Text!, item.Task.Prompt));

    /// <summary>The answer as the annotator saw it: ranks by place with the strength, answers to questions, ratings by place; null where no two are alike, as of texts.</summary>
    private static string? AsShown(Judgment judgment) => judgment.Outcome switch
    {
        Outcome.CannotJudge => "none",
        _ when judgment.Compares => $"{string.Join(',', judgment.Order.Select(answer => judgment.Ranks[answer]))};{judgment.Strength}",
        Outcome.Answered or Outcome.Rated => string.Join(',', [
            .. (judgment.Answers ?? new Dictionary<string, string>()).OrderBy(answer => answer.Key, StringComparer.Ordinal).Select(answer => answer.Value),
            .. (judgment.Ratings ?? []).OrderBy(rating => rating.Answer is { } answer ? judgment.Order.ToList().IndexOf(answer) : -1).ThenBy(rating => rating.Axis, StringComparer.Ordinal).Select(rating => $"{rating.Value}")]),
        _ => null,
    };

    private static Measured Streak(Measure measure, IReadOnlyList<string?> values)
    {
        var (longest, current) = (0, 0);
        for (var i = 0; i < values.Count; i++)
        {
            current = values[i] is null ? 0 : i > 0 && values[i] == values[i - 1] ? current + 1 : 1;
            longest = Math.Max(longest, current);
        }
        return Count(measure, longest, values.Count);
    }

    private static Measured Count(Measure measure, int value, int count) => new(measure, value, count, null);

    private static Measured Rate(Measure measure, IEnumerable<bool> observed)
    {
        var share = ProportionOf(observed);
        return new(measure, share.Share, share.Trials, share.Trials == 0 ? null : share.Wilson());
    }

    private static Proportion ProportionOf(IEnumerable<bool> observed)
    {
        var (successes, trials) = (0, 0);
        foreach (var one in observed)
            (successes, trials) = (successes + (one ? 1 : 0), trials + 1);
        return new(successes, trials);
    }

    private static Measured Mean(Measure measure, IReadOnlyList<double> values)
    {
        if (values.Count == 0)
            return new(measure, double.NaN, 0, null);
        var mean = values.Average();
        var half = values.Count < 2 ? double.NaN : Normal95 * Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1) / values.Count);
        return new(measure, mean, values.Count, double.IsNaN(half) ? null : new(mean - half, mean + half));
    }
}
