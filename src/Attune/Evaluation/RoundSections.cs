using System.Xml.Linq;
using static Attune.Evaluation.HtmlParts;

namespace Attune.Evaluation;

/// <summary>The sections of the report page that show one round. A section without data is left out.</summary>
internal static class RoundSections
{
    public static IEnumerable<XElement> Of(EvaluationReport report, RoundReport round, HtmlParts parts)
    {
        var id = report.Rounds.Count > 1 ? $"round{round.Number}-" : "";
        if (round.Wins.Count > 0)
            yield return Wins(id, report, round, parts);
        if (round.Baselines.Count > 0)
            yield return Baselines(id, report, round, parts);
        if (round.Frontier is { } frontier)
            yield return FrontierSection(id, frontier, parts);
        if (round.TextMetrics.Count > 0)
            yield return Texts(id, report, round, parts);
        if (round.Samples.Count > 0)
            yield return Samples(id, round, parts);
        if (round.RewardModel is { } reward)
            yield return RewardModel(id, reward, parts);
        if (round.Annotators.Count > 0)
            yield return Annotators(id, round, parts);
        if (round.Curves.Count > 0)
            yield return Curves(id, round, parts);
    }

    /// <summary>The rounds beside each other, one row each.</summary>
    public static XElement Comparison(EvaluationReport report, HtmlParts parts)
    {
        var rounds = report.Rounds.Select(r => (Round: r, Win: ReportPage.HeadlineOf(report, r),
            Base: r.Baselines.FirstOrDefault(b => b.Model == report.Headline.Model),
                Text: r.TextMetrics.FirstOrDefault(t => t.Model == report.Headline.Model))).ToList();
        return Section("rounds", "Round by round",
            $"Each round collects fresh judgments on the newest model's answers and learns from them. All rows show "
                + $"{report.Headline.Model} of that round.",
            parts.Table("Rounds", rounds, r => r.Base?.Source,
            [
                new("Round", r => $"Round {r.Round.Number}", Numeric: false),
                new($"Preferred over {report.Headline.Opponent}", r => NumberText.Percent(r.Win.Result.Rate), Source: r => r.Win.Source),
                new("95 % interval", r => NumberText.Percents(r.Win.Result.Wilson), Source: r => r.Win.Source),
                new("Reward", r => NumberText.Number(r.Base?.Reward)),
                new("Held-out score", r => NumberText.Number(r.Base?.HeldOut)),
                new("Distance, nats", r => NumberText.Number(r.Base?.Kl)),
                new("Distinct-2", r => NumberText.Percent(r.Text?.Distinct2), Source: r => r.Text?.Source),
            ]));
    }

    private static XElement Wins(string id, EvaluationReport report, RoundReport round, HtmlParts parts)
    {
        bool IsHeadline(WinTableRow w) => w.Model == report.Headline.Model && w.Opponent == report.Headline.Opponent;
        string Name(WinTableRow w) => $"{w.Model} over {w.Opponent}" + (w.Judges == round.Wins[0].Judges ? "" : $" ({w.Judges})");
        XElement? Draw(string name, string heading, List<WinTableRow> rows) => rows.Count == 0 ? null : Figure(
            SvgPlot.Draw(new BarPlot
            {
                Id = $"{id}wins-{name}",
                Title = heading,
                Percent = true,
                Low = 0,
                High = 1,
                Reference = 0.5,
                ValueLabel = "share of prompts preferred",
                Description = string.Join("; ", rows.Select(w => $"{Name(w)}: {NumberText.Percent(w.Result.Rate)}")),
                Bars = [.. rows.Select(w => new PlotBar(Name(w), w.Result.Rate, w.Result.Wilson.Lower, w.Result.Wilson.Upper, IsHeadline(w)))],
            }),
            heading, "The dashed mark at 50\u00A0% is no difference. The thin bar is the 95\u00A0% interval.");
        return Section($"{id}wins", "Which answers were preferred",
            "Two models answer the same prompt; judges see both answers without names, some in one order, some in the other, and choose. "
            + "Each pair of answers is decided by the majority of its votes; without a majority it is a tie and counts half.",
            Element("div", "grid",
                round.Wins.Where(w => w.Opponent == report.Headline.Opponent).GroupBy(w => w.Judges).Select((group, k) =>
                    Draw($"baseline{k + 1}", $"Against {report.Headline.Opponent}{(group.Key.Length > 0 ? $", by the {group.Key}" : "")}", [.. group])),
                Draw("others", "Against each other", [.. round.Wins.Where(w => w.Opponent != report.Headline.Opponent)])),
            parts.Table("Win rates", round.Wins, w => w.Source,
            [
                new("Model", w => w.Model, Numeric: false),
                new("Against", w => w.Opponent, Numeric: false),
                new("Judges", w => w.Judges, Numeric: false),
                new("Win rate", w => NumberText.Percent(w.Result.Rate)),
                new("95 %, Wilson", w => NumberText.Percents(w.Result.Wilson)),
                new("95 %, bootstrap", w => NumberText.Percents(w.Result.Bootstrap)),
                new("Won / tied / lost", w => $"{w.Result.Wins} / {w.Result.Ties} / {w.Result.Losses}"),
                new("Prompts", w => $"{w.Result.Prompts}"),
                new("Votes", w => $"{w.Result.Votes}"),
                new("First shown", w => NumberText.Percent(w.Result.FirstShownShare)),
            ], IsHeadline),
            Paragraph("note", $"Intervals count prompts, not votes. Wilson: score interval with n = prompts, a tie as half a win. Bootstrap: "
                + $"{WinRate.BootstrapDraws:#,0} draws of whole prompts. "
                + "First shown: share of decisive votes for the answer on the first side; far from 50\u00A0% means that judges look at the side."));
    }

    private static XElement Baselines(string id, EvaluationReport report, RoundReport round, HtmlParts parts)
    {
        var opponent = report.Headline.Opponent;
        return Section($"{id}baselines", "Beside simpler ways to the same end",
            "Training is worth its trouble only if it beats what needs none: the untrained model, the model with a few examples in its prompt, "
                + "and best-of-N, "
            + "which draws N answers and keeps the one that the reward model likes most.",
            parts.Table("Baselines", round.Baselines, b => b.Source,
            [
                new("Model", b => b.Model, Numeric: false),
                new("Reward", b => NumberText.WithError(b.Reward, b.RewardStandardError)),
                new("Held-out score", b => NumberText.Number(b.HeldOut)),
                new($"Preferred over {opponent}", b => NumberText.Percent(b.WinRate), Source: b => round.Wins.FirstOrDefault(w => w.Model == b.Model && w.Opponent == opponent)?.Source ?? b.Source),
                new("Distance, nats", b => NumberText.Number(b.Kl)),
                new("Copied from prompt", b => NumberText.Percent(b.CopyRate)),
            ], b => b.Model == report.Headline.Model),
            Paragraph("note", "Reward: what training optimised, mean over prompts ± standard error. Held-out score: the taste of judges that "
                + "training never saw. Distance: KL divergence from the "
                + "reference model per answer; for best-of-N its upper bound log N − (N−1)/N. Copied: share of the answer's three-word sequences "
                + "that stand in the prompt."));
    }

    private static XElement FrontierSection(string id, Frontier frontier, HtmlParts parts)
    {
        XElement Draw(string name, string title, string axis, Func<FrontierPoint, double?> value, Func<FrontierPoint, double?> error)
        {
            PlotSeries Of(string series, IReadOnlyList<FrontierPoint> points) => new(series,
                [.. points.Where(p => value(p) is not null).Select(p =>
                    new PlotPoint(p.Kl, value(p)!.Value, value(p) - 1.96 * error(p), value(p) + 1.96 * error(p), p.Label))],
                PlotMark.LineAndPoints);
            return SvgPlot.Draw(new Plot
            {
                Id = $"{id}frontier-{name}",
                Title = title,
                XLabel = "distance from the reference, nats",
                YLabel = axis,
                XLow = 0,
                Description = string.Join("; ",
                    frontier.BestOfN.Concat(frontier.Policy).Where(p => value(p) is not null).Select(p =>
                    $"{p.Label}: {NumberText.Number(value(p))} at {NumberText.Number(p.Kl)} nats")),
                Series = [Of("policy checkpoints", frontier.Policy), Of("best-of-N", frontier.BestOfN)],
            });
        }

        var both = frontier.BestOfN.Concat(frontier.Policy).ToList();
        return Section($"{id}frontier", "What the reward cost",
            "Reward is cheap when a model may forget how to write. Distance measures how far it moved from the model it started from; at equal "
                + "distance, higher is better. "
            + "If held-out judges stop rising while the reward does not, the model is exploiting the reward's mistakes.",
            Element("div", "grid",
                Figure(Draw("reward", "Reward against distance", "reward", p => p.Reward, p => p.RewardStandardError),
                    "By the reward that was trained against", "Bars show 95\u00A0% intervals over prompts."),
                both.Any(p => p.HeldOut is not null)
                    ? Figure(Draw("heldout", "Held-out score against distance", "held-out score", p => p.HeldOut, _ => null),
                        "By judges that training never saw", "The same models, judged by others.")
                    : null),
            parts.Table("Reward against distance", both, p => p.Source,
            [
                new("Model", p => p.Label, Numeric: false),
                new("Distance, nats", p => NumberText.Number(p.Kl)),
                new("Reward", p => NumberText.WithError(p.Reward, p.RewardStandardError)),
                new("Held-out score", p => NumberText.Number(p.HeldOut)),
            ]));
    }

    private static XElement Texts(string id, EvaluationReport report, RoundReport round, HtmlParts parts)
    {
        var variant = round.DistinctVariant == DistinctVariant.PooledOverWords ? "all words" : "all n-grams";
        return Section($"{id}text", "How the writing changed",
            "A model that found one pleasing sentence would repeat it. Variety that falls or repetition that climbs is the first sign; a "
                + "perplexity far below the base model's own says the same.",
            parts.Table("Text measures", round.TextMetrics, t => t.Source,
            [
                new("Model", t => t.Model, Numeric: false),
                new("Texts", t => $"{t.Texts}"),
                new("Distinct-1", t => NumberText.Percent(t.Distinct1)),
                new("Distinct-2", t => NumberText.Percent(t.Distinct2)),
                new("Distinct-3", t => NumberText.Percent(t.Distinct3)),
                new("Repetition", t => NumberText.Percent(t.Repetition)),
                new("Words", t => NumberText.Number(t.MeanWords)),
                new("Tokens", t => NumberText.Number(t.MeanTokens)),
                new("Perplexity", t => NumberText.Number(t.Perplexity)),
                new("Copied from prompt", t => NumberText.Percent(t.CopyRate)),
            ], t => t.Model == report.Headline.Model),
            Paragraph("note", $"Distinct-n: different n-word sequences over {variant}, all answers of a model pooled; compare equal numbers of "
                + $"texts. Repetition: share of four-word sequences already used in the "
                + "same answer. Words and tokens: mean per answer. Perplexity: how surprised the base model is, by token."));
    }

    private static XElement Samples(string id, RoundReport round, HtmlParts parts)
    {
        const int shown = 5;
        string? AnswersOf(string model) => round.TextMetrics.FirstOrDefault(t => t.Model == model)?.Source; // an answer's scores stand beside what else was measured of it
        XElement Draw(SampleRow s) => Element("article", "sample",
            Paragraph("text prompt", s.Prompt),
            Element("div", "answers", s.Answers.Select(a => Element("div", null,
                Element("h4", null, a.Model, Element("span", null,
                    a.Reward is null ? null : new[] { "reward ", parts.Number(NumberText.Number(a.Reward), AnswersOf(a.Model)) },
                    a.Reward is null || a.HeldOut is null ? null : " · ",
                    a.HeldOut is null ? null : new[] { "held-out ", parts.Number(NumberText.Number(a.HeldOut), AnswersOf(a.Model)) })),
                Paragraph("text", a.Text)))),
            s.Verdict is null ? null : Paragraph("verdict", parts.Number(s.Verdict, s.Source)));
        return Section($"{id}samples", "Read for yourself",
            "The same prompts, answered by each model. Taken in order, not picked.",
            round.Samples.Take(shown).Select(Draw),
            round.Samples.Count <= shown ? null
                : Element("details", "samples", Element("summary", null, Element("b", null, $"{round.Samples.Count - shown} more")),
                round.Samples.Skip(shown).Select(Draw)));
    }

    private static XElement RewardModel(string id, RewardModelReport reward, HtmlParts parts)
    {
        var rows = new[] { reward.Overall }.Concat(reward.ByGroup).Concat(reward.ByMargin).Concat(reward.Nulls).ToList();
        var bars = new[] { reward.Overall }.Concat(reward.Nulls).ToList();
        var accuracy = SvgPlot.Draw(new BarPlot
        {
            Id = $"{id}reward-accuracy",
            Title = "Accuracy of the reward model and of simple rules",
            Percent = true,
            Low = 0,
            High = 1,
            Reference = 0.5,
            ValueLabel = "pairs predicted rightly",
            Description = string.Join("; ", bars.Select(b => $"{b.Name}: {NumberText.Percent(b.Accuracy)}")),
            Bars = [.. bars.Select((b, i) => new PlotBar(b.Name, b.Accuracy, b.Interval?.Lower, b.Interval?.Upper, i == 0))],
        });
        var calibration = reward.Reliability.Count == 0 ? null : SvgPlot.Draw(new Plot
        {
            Id = $"{id}reward-calibration",
            Title = "Predicted against observed preference",
            Percent = true,
            XLabel = "predicted",
            YLabel = "observed",
            XLow = 0,
            XHigh = 1,
            YLow = 0,
            YHigh = 1,
            Diagonal = true,
            Description = string.Join("; ",
                reward.Reliability.Select(r =>
                $"predicted {NumberText.Percent(r.Predicted)}, observed {NumberText.Percent(r.Observed)}, {r.Pairs} pairs")),
            Series = [new("reward model", [.. reward.Reliability.Select(r => new PlotPoint(r.Predicted, r.Observed))],
                PlotMark.LineAndPoints)],
        });
        return Section($"{id}reward", "The reward model",
            "The reward model learned to predict which answer people prefer. Here it meets judgments it was not trained on, beside rules that "
                + "understand nothing: it should beat them clearly.",
            Element("div", "grid",
                Figure(accuracy, "Accuracy, beside rules without understanding", "Guessing gets 50\u00A0%."),
                calibration is null ? null : Figure(calibration, "Does it know how sure it is?",
                    "On the dashed line, 70\u00A0% sure means right 70\u00A0% of the time."
                        + (reward.CalibrationError is { } error ? $" Mean gap (ECE): {NumberText.Percent(error)}." : ""))),
            parts.Table("Accuracy", rows, r => r.Source,
            [
                new("Judgments", r => r.Name, Numeric: false),
                new("Accuracy", r => NumberText.Percent(r.Accuracy)),
                new("95 % interval", r => r.Interval is { } i ? NumberText.Percents(i) : NumberText.Missing),
                new("Pairs", r => $"{r.Pairs:#,0}"),
            ], r => ReferenceEquals(r, reward.Overall)),
            reward.Reliability.Count == 0 ? null : Element("details", null, Element("summary", null, "Reliability table"),
                parts.Table("Reliability", reward.Reliability, _ => reward.Overall.Source,
                [
                    new("Predicted between", r => NumberText.Percents(new(r.Lower, r.Upper)), Numeric: false),
                    new("Pairs", r => $"{r.Pairs:#,0}"),
                    new("Mean predicted", r => NumberText.Percent(r.Predicted)),
                    new("Observed", r => NumberText.Percent(r.Observed)),
                ])));
    }

    private static XElement Annotators(string id, RoundReport round, HtmlParts parts) =>
        Section($"{id}annotators", "Who was asked",
            "Preferences are only as good as the people who gave them. Someone who clicks anywhere agrees with the others on about half of the pairs; someone who "
                + "takes what stands first shows it there.",
            parts.Table("Annotators", round.Annotators, a => a.Source,
            [
                new("Annotator", a => a.Annotator, Numeric: false),
                new("Group", a => a.Group ?? NumberText.Missing, Numeric: false),
                new("Judgments", a => $"{a.Judgments:#,0}"),
                new("Agrees with the others", a => NumberText.Percent(a.Agreement)),
                new("95 % interval", a => a.AgreementInterval is { } i ? NumberText.Percents(i) : NumberText.Missing),
                new("First shown", a => NumberText.Percent(a.FirstShown)),
                new("By chance", a => NumberText.Percent(a.FirstShownByChance)),
                new("Seconds, median", a => NumberText.Number(a.MedianSeconds)),
            ]),
            Paragraph("note", "Agrees with the others: share of pairs on which the annotator prefers what the majority of the other annotators of the same group prefers. Training reads "
                + "the judgments of training annotators only. First shown: share of judgments "
                + "whose best answer stood first; by chance: what someone blind to sides comes to."));

    private static XElement Curves(string id, RoundReport round, HtmlParts parts)
    {
        var stages = round.Curves.GroupBy(c => c.Stage, StringComparer.Ordinal).ToList();
        var number = 0;
        return Section($"{id}curves", "How training went", "What each stage logged while it learned.",
            stages.Select(stage => Element("div", "sub", Element("h3", null, stage.Key),
                Element("div", "grid", stage.Select(c =>
                {
                    var last = c.Points.Count > 0 ? c.Points[^1].Value : double.NaN;
                    var plot = SvgPlot.Draw(new Plot
                    {
                        Id = $"{id}curve-{++number}",
                        Title = $"{c.Metric} over steps",
                        XLabel = "step",
                        YLabel = c.Unit,
                        XLow = c.Points.Count > 1 ? c.Points[0].Step : null,
                        XHigh = c.Points.Count > 1 ? c.Points[^1].Step : null,
                        Description = c.Points.Count == 0 ? "no values"
                            : $"from {NumberText.Number(c.Points[0].Value)} at step {c.Points[0].Step} to {NumberText.Number(last)} at step "
                                + $"{c.Points[^1].Step}",
                        Series = [new(c.Metric, [.. c.Points.Select(p => new PlotPoint(p.Step, p.Value))])],
                    });
                    return Element("figure", null,
                        Element("figcaption", null, Element("b", null, c.Metric, " "), c.Explanation, " Last: ",
                        parts.Number(NumberText.Number(last), c.Source), "."), plot);
                })))));
    }
}
