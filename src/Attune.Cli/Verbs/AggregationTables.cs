using System.Globalization;
using Attune.Cli.Output;
using Attune.Feedback.Aggregation;
using static Attune.Cli.Verbs.LabelVerbs;

namespace Attune.Cli.Verbs;

/// <summary>The result of an aggregation for a reader: its first rows as tables, and where the rest is.</summary>
internal static class AggregationTables
{
    public static void Show(ConsoleOutput output, string file, AggregationReport report, string? outFile)
    {
        var stopped = report.Stopped switch
        {
            StopReason.Converged => $"converged after {Number(report.Iterations)} iterations",
            StopReason.IterationLimit => $"stopped at the limit of {Number(report.Iterations)} iterations",
            _ => report.Iterations > 0 ? $"{Number(report.Iterations)} iterations" : "",
        };
        output.Line($"{report.Method} ({report.Mode.ToString().ToLowerInvariant()}) of {file}: {Number(report.Rows)} {(report.Labels is null ? "comparisons" : "labels")}{(stopped.Length > 0 ? ", " : "")}{stopped}");
        if (report.Labels is { } labels)
        {
            var table = new TextTable("Tasks", "task", "label", "probability");
            foreach (var (task, label) in labels.Take(RowsShown))
                table.Row(Name(task), Name(label), Decimals(report.Probabilities![task][label]));
            output.Table(table);
            Rest(output, labels.Count, "tasks", outFile);
        }
        if (report.Scores is { } scores)
            Scores(output, report, scores, outFile);
        if (report.Skills is { } skills)
        {
            var table = report.LeftBiases is null ? new TextTable("Workers", "worker", "skill") : new TextTable("Workers", "worker", "skill", "takes left when not attending");
            foreach (var (worker, skill) in skills.OrderByDescending(one => one.Value).Take(RowsShown))
                table.Row([Name(worker), Decimals(skill), .. report.LeftBiases is { } biases ? new[] { Decimals(biases[worker]) } : []]);
            output.Table(table);
            Rest(output, skills.Count, "workers", outFile);
        }
        if (report.Accuracy is { } accuracy)
            output.Line($"accuracy {accuracy.ToString("0.00000", CultureInfo.InvariantCulture)} on {Number(report.TruthTasks!.Value)} tasks with a truth");
        if (report.Consistency is { } consistency)
            output.Line($"consistency {Decimals(consistency)}: mean posterior of the labels under these skills");
        if (report.Uncertainty is { } uncertainty)
            output.Line($"uncertainty {Decimals(uncertainty)}: mean entropy of a task's answers, in nats");
        if (outFile is not null)
            output.Line($"all of it is in {outFile}");
    }

    private static void Scores(ConsoleOutput output, AggregationReport report, IReadOnlyDictionary<string, double> scores, string? outFile)
    {
        var intervals = report.ScoreIntervals;
        var table = intervals is null ? new TextTable("Items", "item", "score") : new TextTable("Items", "item", "score", "95 % interval");
        foreach (var (item, score) in scores.OrderByDescending(one => one.Value).Take(RowsShown))
            table.Row([Name(item), Decimals(score), .. intervals is null ? [] : new[] { Decimals(intervals[item]) }]);
        output.Table(table);
        Rest(output, scores.Count, "items", outFile);
        foreach (var one in report.Coefficients ?? [])
            output.Line($"{one.Name} {Decimals(one.Value)} log-odds (standard error {Decimals(one.StandardError)})");
        if (report.TieStrength is { } ties)
            output.Line($"ties {Decimals(ties)}: Davidson's ν");
    }

    private static void Rest(ConsoleOutput output, int count, string what, string? outFile)
    {
        if (count > RowsShown)
            output.Line($"and {Number(count - RowsShown)} more {what}{(outFile is null ? "; --out FILE.csv or FILE.json writes all" : "")}");
    }
}
