using System.Text.Json;

namespace Attune.Evaluation;

/// <summary>The report in a few lines of plain text, for a terminal or a log. Formatting only; colours are the terminal's business.</summary>
public static class EvaluationSummary
{
    /// <summary>The headline, the win table, the baselines and the text measures of the last round, then checks and warnings.</summary>
    public static IReadOnlyList<string> Lines(EvaluationReport report)
    {
        var round = report.Rounds[^1];
        var headline = ReportPage.HeadlineOf(report, round);
        var result = headline.Result;
        var lines = new List<string>
        {
            $"{headline.Model} preferred over {headline.Opponent} on {NumberText.Percent(result.Rate)} of {result.Prompts} prompts "
            + $"(95 % interval {NumberText.Percents(result.Wilson)}; {result.Wins} won, {result.Ties} tied, {result.Losses} lost)",
        };
        lines.AddRange(Table(["model", "against", "judges"], ["win rate", "95 % interval", "won", "tied", "lost"], [.. round.Wins.Select(w => new[]
        {
            w.Model, w.Opponent, w.Judges, NumberText.Percent(w.Result.Rate), NumberText.Percents(w.Result.Wilson), $"{w.Result.Wins}",
                $"{w.Result.Ties}", $"{w.Result.Losses}",
        })]));
        lines.AddRange(Table(["model"], ["reward", "held-out", $"over {report.Headline.Opponent}", "distance", "copied"],
            [.. round.Baselines.Select(b => new[]
        {
            b.Model, NumberText.WithError(b.Reward, b.RewardStandardError), NumberText.Number(b.HeldOut), NumberText.Percent(b.WinRate),
                NumberText.Number(b.Kl), NumberText.Percent(b.CopyRate),
        })]));
        lines.AddRange(Table(["model"], ["distinct-1", "distinct-2", "distinct-3", "repetition", "words", "perplexity"],
            [.. round.TextMetrics.Select(t => new[]
        {
            t.Model, NumberText.Percent(t.Distinct1), NumberText.Percent(t.Distinct2), NumberText.Percent(t.Distinct3),
                NumberText.Percent(t.Repetition), NumberText.Number(t.MeanWords), NumberText.Number(t.Perplexity),
        })]));
        if (round.TextMetrics.Count > 0)
        {
            var over = round.DistinctVariant == DistinctVariant.PooledOverWords ? "all words" : "all n-grams";
            lines.Add($"distinct-n: different n-word sequences over {over}, all answers of a model pooled ({JsonNamingPolicy.KebabCaseLower.ConvertName($"{round.DistinctVariant}")})");
        }
        if (report.Checks.Count + report.Warnings.Count > 0)
            lines.Add("");
        lines.AddRange(report.Checks.Select(c => $"{(c.Passed ? "met    " : "not met")}  {c.Name}: {c.Value}"));
        lines.AddRange(report.Warnings.Select(w => $"warning  {w}"));
        return [.. lines.Select(l => l.Replace('\u00A0', ' '))];
    }

    // Text columns flush left, numbers flush right, two blanks between; nothing at all without rows.
    private static IEnumerable<string> Table(string[] texts, string[] numbers, IReadOnlyList<string[]> rows)
    {
        if (rows.Count == 0)
            return [];
        var all = rows.Prepend([.. texts, .. numbers]).ToList();
        var widths = all[0].Select((_, i) => all.Max(r => r[i].Length)).ToArray();
        return all.Select(r =>
            string.Join("  ", r.Select((cell, i) => i < texts.Length ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).TrimEnd()).Prepend("");
    }
}
