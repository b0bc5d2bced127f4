using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Feedback.Aggregation;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune aggregate --benchmark</c>: the reference table of truth inference in both modes, beside what was published.</summary>
internal static class ReferenceTableVerb
{
    private const string Variable = "ATTUNE_FIXTURES";

    public static void Run(ConsoleOutput output, ParseResult parsed, Option<string> to, CancellationToken stop)
    {
        if (parsed.GetValue(to) is not null)
            throw InputException.One(to.Name, "stands beside --benchmark", "a result to write", "leave it out; --json > FILE keeps the table");
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } fixtures)
        {
            throw InputException.One(Variable, "is not set", $"a folder with data/crowd/{string.Join(", ", ReferenceTable.DataSets)}, each with labels.csv and truth.csv",
                $"get the data of Zheng and others (2017), and set {Variable} to the folder above data");
        }
        using var progress = output.Progress(TimeProvider.System);
        var cells = ReferenceTable.Compute(Path.Combine(fixtures, "data", "crowd"), progress, TimeProvider.System, stop);
        if (parsed.GetValue(CommonOptions.Json))
        {
            output.Json(cells);
            return;
        }
        foreach (var set in cells.GroupBy(cell => cell.Data))
        {
            var table = new TextTable(set.Key, "method", "published", "compatible", "deviation", "correct", "note");
            foreach (var cell in set)
            {
                var published = cell.Published is null ? "" : LabelVerbs.Decimals(cell.Published) + (cell.PublishedTo is { } upTo ? $" – {LabelVerbs.Decimals(upTo)}" : "");
                var deviation = cell.Deviation?.ToString("+0.0000;-0.0000;0.0000", CultureInfo.InvariantCulture) ?? "";
                table.Row(cell.Method, published, Digits(cell.Compatible), deviation, Digits(cell.Correct), cell.IsMet == false && cell.Note.Length > 0 ? "exception: " + cell.Note : cell.Note);
            }
            output.Table(table);
        }
        output.Line($"{cells.Count(cell => cell.IsMet == true)} of {cells.Count(cell => cell.IsMet is not null)} published values are met within 0.001 in compatible mode; the exceptions have their reason beside them");
    }

    private static string Digits(double value) => value.ToString("0.00000", CultureInfo.InvariantCulture);
}
