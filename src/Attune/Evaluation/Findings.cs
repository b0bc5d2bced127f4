using Attune.Feedback;

namespace Attune.Evaluation;

/// <summary>
/// From measured answers and judgments to a report: pure counting and averaging, so the same files always give the same report. Reads
/// <see cref="AnswerRow"/>s and <see cref="PairResult"/>s, writes an <see cref="EvaluationReport"/>.
/// </summary>
internal sealed class Findings(EvaluationInput input, EvaluationPlan plan, AnswerFile answers)
{
    /// <summary>A judge that looks at sides is further than this from a half, and further than chance moves so many votes (three deviations).</summary>
    private const double SuspiciousSideShare = 0.1, ChanceDeviations = 3;

    /// <summary>Below this share of the reference's distinct-2 the writing has narrowed.</summary>
    private const double NarrowedDistinct2 = 0.7;

    private JudgePanel First => input.Judges[0];

    /// <summary>The whole report, judged by each panel in turn.</summary>
    /// <param name="results">Results by panel, in the order of <see cref="EvaluationInput.Judges"/>.</param>
    public EvaluationReport Report(IReadOnlyList<IReadOnlyList<PairResult>> results)
    {
        var (earlier, earlierSources) = EarlierRounds.Of(input.Earlier);
        var round = Round(results, Math.Max(input.Round, earlier.Count + 1));
        return new EvaluationReport
        {
            Title = input.Title,
            Summary = input.Summary,
            Headline = new(plan.Headline, input.Reference),
            Checks = [.. Checks(round)],
            Warnings = [.. input.Warnings, .. Warnings(round)],
            Facts = [.. input.Facts, .. Facts()],
            Models = [.. Models()],
            Rounds = [.. earlier, round],
            Sources =
            [
                .. results.Zip(input.Judges, (judged, panel) => Tournament.Sources(judged, panel.Name, JudgedPairs.JudgmentsName)).SelectMany(s => s),
                .. plan.Orders.Select(order => new Source
                {
                    Id = SourceOf(order.Name), About = $"Answers of {order.Name}, with what was measured of each", File = AnswerFile.Name, Lines = answers.LinesOf(order.Name),
                }),
                .. Samples(results[0]).Select(sample => sample.Votes).OfType<Source>(), .. input.Sources, .. earlierSources,
            ],
        };
    }

    private RoundReport Round(IReadOnlyList<IReadOnlyList<PairResult>> results, int number)
    {
        var wins = results.Zip(input.Judges, (judged, panel) =>
        {
            var table = Tournament.Of(judged, input.Reference, panel.Name, input.Seed.For("intervals"));
            var others = table.Pairs.Where(row => row.Model != input.Reference && row.Opponent != input.Reference);
            return table.AgainstBaseline.OrderBy(row => plan.Rank(row.Model)).Concat(others);
        }).SelectMany(rows => rows).ToList();
        return new RoundReport
        {
            Number = number,
            Wins = wins,
            Baselines = Baselines(wins),
            TextMetrics = [.. plan.Compared.Select(Texts)],
            Frontier = Frontier(),
            RewardModel = input.RewardModel,
            Annotators = input.Annotators,
            Curves = input.Curves,
            Samples = [.. Samples(results[0]).Select(sample => sample.Row)],
        };
    }

    private BaselineRow[] Baselines(IReadOnlyList<WinTableRow> wins)
    {
        double? WinRate(string model) => wins.FirstOrDefault(w => w.Model == model && w.Opponent == input.Reference && w.Judges == First.Name)?.Result.Rate;
        // From what needs least to what needs most: the base, the reference, best-of-N, the trained.
        var compared = plan.Compared.ToList();
        var (trained, simple) = (compared.Where(order => input.Models.Contains(order.Who) && order.Name != input.Reference), compared.Where(order => order.Who == input.Base).Reverse());
        return [.. simple.Concat(compared.Where(order => order.Name == input.Reference)).Select(Sampled), .. BestOf(), .. trained.Reverse().Select(Sampled)];

        BaselineRow Sampled(AnswerOrder order)
        {
            var rows = FirstAnswers(order.Name);
            var reward = MeanAndError.Of([.. rows.Select(r => r.Score(AnswerRow.Reward)).OfType<double>()]);
            return new BaselineRow
            {
                Model = order.Name,
                Reward = input.Reward is null ? null : reward.Mean,
                RewardStandardError = input.Reward is null ? null : reward.StandardError,
                HeldOut = Mean(rows, r => r.Score(First.Name)),
                WinRate = WinRate(order.Name),
                Kl = Mean(rows, r => r.Kl),
                CopyRate = input.PromptIsText ? Mean(rows, r => TextMetrics.CopyRate(r.Prompt, r.Text)) : null,
                Source = SourceOf(order.Name),
            };
        }

        IEnumerable<BaselineRow> BestOf() => plan.BestOf.Zip(BestOfPoints()).Where(pair => pair.First > 1).Select(pair => new BaselineRow
        {
            Model = EvaluationPlan.BestOfName(pair.First),
            Reward = pair.Second.Reward,
            RewardStandardError = pair.Second.RewardStandardError,
            HeldOut = pair.Second.HeldOut,
            WinRate = WinRate(EvaluationPlan.BestOfName(pair.First)),
            Kl = pair.Second.Kl,
            CopyRate = input.PromptIsText ? Mean(plan.BestAmong(answers.Of(input.Reference), pair.First), r => TextMetrics.CopyRate(r.Prompt, r.Text)) : null,
            Source = SourceOf(input.Reference),
        });
    }

    private TextMetricsRow Texts(AnswerOrder order)
    {
        var samples = FirstAnswers(order.Name).Select(r => new TextSample(r.Prompt, r.Text, r.Tokens, r.Words)).ToList();
        var measured = TextMetrics.Of(order.Name, samples, source: SourceOf(order.Name));
        return measured with { CopyRate = input.PromptIsText ? measured.CopyRate : null, Perplexity = input.Base is null ? null : measured.Perplexity };
    }

    private Frontier? Frontier() => input.Reward is null || plan.BestOf.Count == 0 ? null
        : new(BestOfPoints(), [.. plan.Frontier.Where(order => order.Name != input.Reference).Select(FrontierPoint)]);

    /// <summary>The best-of-N curve over the frontier's prompts: every answer of the pool counts in every N, see <see cref="BestOfN.ExpectedBest"/>.</summary>
    private IReadOnlyList<FrontierPoint> BestOfPoints()
    {
        if (plan.BestOf.Count == 0)
            return [];
        var pools = plan.Pools(answers.Of(input.Reference));
        double[] Scores(IReadOnlyList<AnswerRow> pool, string name) => [.. pool.Select(r => r.Score(name) ?? double.NaN)];
        var isJudged = pools[0][0].Score(First.Name) is not null;
        return
        [
            .. BestOfN.Curve([.. pools.Select(pool => Scores(pool, AnswerRow.Reward))], plan.BestOf, SourceOf(input.Reference)).Zip(plan.BestOf, (point, n) => point with
            {
                HeldOut = isJudged ? pools.Average(pool => BestOfN.ExpectedGold(Scores(pool, AnswerRow.Reward), Scores(pool, First.Name), n)) : null,
            }),
        ];
    }

    /// <summary>Where a policy stands: means over its answers to the frontier's prompts, the error over prompts.</summary>
    private FrontierPoint FrontierPoint(AnswerOrder order)
    {
        var rows = plan.OnFrontier(answers.Of(order.Name));
        var reward = MeanAndError.Of([.. rows.GroupBy(r => r.Prompt).Select(prompt => prompt.Average(r => r.Score(AnswerRow.Reward)!.Value))]);
        return new FrontierPoint
        {
            Label = order.Name,
            Kl = Mean(rows, r => r.Kl)!.Value,
            Reward = reward.Mean,
            RewardStandardError = reward.StandardError,
            HeldOut = Mean(rows, r => r.Score(First.Name)),
            Source = SourceOf(order.Name),
        };
    }

    private IEnumerable<(SampleRow Row, Source? Votes)> Samples(IReadOnlyList<PairResult> judged)
    {
        var headline = judged.Select(r => r.Model == plan.Headline ? r : r.Reversed())
            .Where(r => r.Model == plan.Headline && r.Opponent == input.Reference).ToDictionary(r => r.Prompt, StringComparer.Ordinal);
        var byModel = plan.Compared.ToDictionary(order => order.Name, order => FirstAnswers(order.Name).ToDictionary(r => r.Prompt));
        var number = 0;
        foreach (var prompt in plan.Prompts.Take(input.Budget.SampleRows))
        {
            number++;
            var votes = headline.GetValueOrDefault(prompt);
            var source = votes is null ? null : new Source
            {
                Id = $"sample.{number}",
                About = $"Sample {number}: {plan.Headline} against {input.Reference}, judged by the {First.Name}",
                File = JudgedPairs.JudgmentsName,
                Rows = [.. votes.Votes.Select(v => v.Row).OfType<SourceRow>()],
            };
            yield return (new SampleRow
            {
                Prompt = prompt,
                Answers = [.. byModel.Select(model => model.Value[prompt]).Select(r => new SampleAnswer(r.Model, r.Text, r.Score(AnswerRow.Reward), r.Score(First.Name)))],
                Verdict = votes is null ? null : Verdict(votes),
                Source = source?.Id,
            }, source);
        }
    }

    private static string Verdict(PairResult result)
    {
        var (won, lost) = (result.Votes.Count(v => v.Outcome == PairOutcome.Win), result.Votes.Count(v => v.Outcome == PairOutcome.Loss));
        return result.Majority switch
        {
            PairOutcome.Win => $"{result.Model} preferred, {won} of {result.Votes.Count} votes",
            PairOutcome.Loss => $"{result.Opponent} preferred, {lost} of {result.Votes.Count} votes",
            _ => $"tie, {won} to {lost} of {result.Votes.Count} votes",
        };
    }

    private IEnumerable<ReportCheck> Checks(RoundReport round)
    {
        var asked = input.Requirements;
        var headline = round.Wins.First(w => w.Model == plan.Headline && w.Opponent == input.Reference);
        if (asked.WinRate is { } rate)
            yield return new($"Preferred over {input.Reference} on at least {NumberText.Percent(rate)} of prompts", NumberText.Percent(headline.Result.Rate),
                headline.Result.Rate >= rate, headline.Source);
        if (asked.WinRateLowerBound is { } bound)
            yield return new($"Lower end of the 95 % interval (the lower of both intervals) at least {NumberText.Percent(bound)}", NumberText.Percent(headline.Result.LowerBound),
                headline.Result.LowerBound >= bound, headline.Source);
        if (asked.Distinct2OfReference is { } share)
        {
            var (own, other) = (TextsOf(round, plan.Headline), TextsOf(round, input.Reference));
            yield return new($"Distinct-2 at least {NumberText.Percent(share)} of {input.Reference}'s", NumberText.Percent(own.Distinct2 / other.Distinct2),
                own.Distinct2 >= share * other.Distinct2, own.Source);
        }

        if (asked.RepetitionAtMost is { } most)
        {
            var own = TextsOf(round, plan.Headline);
            yield return new($"Repetition at most {NumberText.Percent(most)}", NumberText.Percent(own.Repetition), own.Repetition <= most, own.Source);
        }
    }

    private IEnumerable<string> Warnings(RoundReport round)
    {
        bool LooksAtSides(WinRate result) => Math.Abs((result.FirstShownShare ?? 0.5) - 0.5) > Math.Max(SuspiciousSideShare, ChanceDeviations * 0.5 / Math.Sqrt(result.Votes));
        foreach (var row in round.Wins.Where(w => w.Opponent == input.Reference && LooksAtSides(w.Result)))
            yield return $"The {row.Judges} gave {NumberText.Percent(row.Result.FirstShownShare)} of the decisive votes on {row.Model} and {row.Opponent} to the answer shown first (healthy: near 50 %).";
        var (model, reference) = (TextsOf(round, plan.Headline), TextsOf(round, input.Reference));
        if (model.Distinct2 < NarrowedDistinct2 * reference.Distinct2)
            yield return $"Distinct-2 of {plan.Headline} is {NumberText.Percent(model.Distinct2 / reference.Distinct2)} of {input.Reference}'s (healthy: above {NumberText.Percent(NarrowedDistinct2)}): its writing has narrowed.";
        var (own, other) = (round.Baselines.First(b => b.Model == plan.Headline), round.Baselines.First(b => b.Model == input.Reference));
        var headline = round.Wins.First(w => w.Model == plan.Headline && w.Opponent == input.Reference).Result;
        var error = Math.Sqrt(Math.Pow(own.RewardStandardError ?? 0, 2) + Math.Pow(other.RewardStandardError ?? 0, 2));
        if (own.Reward - other.Reward > 2 * error && headline.Rate < 0.5)
            yield return $"{plan.Headline} scores above {input.Reference} by the reward ({NumberText.Number(own.Reward)} against {NumberText.Number(other.Reward)}) and loses to it by the {First.Name}: it exploits the reward's mistakes.";
        if (input.Sampling.IsGreedy || input.Sampling.IsTruncated)
        {
            yield return $"Answers are {(input.Sampling.IsGreedy ? "greedy" : "from a truncated distribution (penalties, bans or truncations are set)")} "
                + "(expected: drawn from the full one, whose log-probs measure distance): distances are no KL divergences.";
        }

        var fewest = round.Wins.Where(w => w.Judges == First.Name).Min(w => w.Result.Votes / (double)w.Result.Prompts);
        if (First.Judges.Count > 1 && fewest < PairResult.MinimumVotes)
            yield return $"The {First.Name} gave {NumberText.Number(fewest)} votes a pair (expected: at least {PairResult.MinimumVotes}).";
    }

    private IEnumerable<Fact> Facts()
    {
        yield return new("Prompts", input.PromptsAreHeldOut ? $"{plan.Prompts.Count}, held out from training" : $"{plan.Prompts.Count} prompts");
        foreach (var panel in input.Judges)
            yield return new("Judges", $"{panel.Name}: {panel.Votes} votes a pair, sides swapped from one vote to the next, {panel.Judges.Count} judge{(panel.Judges.Count == 1 ? "" : "s")}");
        if (plan.BestOf.Count > 0)
            yield return new("Best-of-N", $"{plan.PoolSize} answers of {input.Reference} to each of {plan.FrontierPrompts} prompts, each N by the unbiased estimate over all subsets; "
                + "judged is the best of N others than the one it is set against");
        yield return new("Sampling", input.Sampling.IsGreedy ? "greedy" : $"temperature {NumberText.Number(input.Sampling.Temperature)}, at most {input.Sampling.MaximumNewTokens} tokens");
        yield return new("Seed", $"{input.Seed.Value}");
    }

    private IEnumerable<ModelFacts> Models()
    {
        foreach (var order in plan.Compared)
        {
            var description = order.Shots is { } shots ? $"{order.Who.Name} with {shots.Demonstrations.Count} examples in its prompt" : order.Who.Description;
            yield return new(order.Name, description, order.Shots is null ? order.Who.Place ?? order.Who.Folder : null);
        }

        foreach (var n in plan.BestOf.Where(n => n > 1))
            yield return new(EvaluationPlan.BestOfName(n), $"{n} answers of {input.Reference}, the one that the reward likes most");
    }

    private List<AnswerRow> FirstAnswers(string model) => answers.Of(model).Where(row => row.Sample == 0).ToList();

    private static TextMetricsRow TextsOf(RoundReport round, string model) => round.TextMetrics.First(t => t.Model == model);

    private static double? Mean(IReadOnlyList<AnswerRow> rows, Func<AnswerRow, double?> value)
    {
        var known = rows.Select(value).OfType<double>().Where(v => !double.IsNaN(v)).ToList();
        return known.Count == 0 ? null : known.Average();
    }

    private static string SourceOf(string model) => $"answers.{Tournament.Slug(model)}";
}
