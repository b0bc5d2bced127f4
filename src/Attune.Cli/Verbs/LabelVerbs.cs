using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Feedback;
using Attune.Feedback.Aggregation;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary>What both verbs read as a table, and <c>attune agreement --labels</c>.</summary>
internal static class LabelVerbs
{
    public const int RowsShown = 10;

    private static readonly Option<LabelDistance?> Distance = new("--distance") { Description = "Of --labels: Krippendorff's alpha with this distance alone; all that the labels allow without it", HelpName = "nominal|ordinal|interval|ratio" };
    private static readonly Option<string> Order = new("--order") { Description = "Of --labels: the labels from the least to the largest, with commas between; numbers have their own order", HelpName = "A,B,C" };
    private static readonly Option<int?> Rounds = new("--bootstrap") { Description = "Of --labels: resamples behind each interval, 1000 without it; 0 for no intervals", HelpName = "N" };
    private static readonly Option<ulong?> Seed = new("--seed") { Description = "Of --labels: decides the resamples; 1 without it", HelpName = "N" };

    public static Option<string> Labels { get; } = new("--labels") { Description = "CSV file with the columns task,worker,label or worker,left,right,winner, in any order; plain or gzip", HelpName = "FILE" };

    public static IReadOnlyList<Option> AgreementOptions { get; } = [Distance, Order, Rounds, Seed];

    public static void Agreement(ConsoleOutput output, ParseResult parsed)
    {
        var file = parsed.GetValue(Labels)!;
        var problems = new InputProblems("attune agreement");
        var options = new LabelAgreementOptions { Distance = parsed.GetValue(Distance), Order = parsed.GetValue(Order)?.Split(','), Rounds = parsed.GetValue(Rounds) ?? 1_000, Seed = parsed.GetValue(Seed) ?? 1 };
        if (options.Rounds is < 0 or > 100_000)
            problems.Add(Problem.Of(Rounds.Name, $"is {options.Rounds}", "from 0 to 100000", "1000 is usual"));
        var data = problems.Try(() => RaterTable.Read(file));
        problems.ThrowIfAny();
        var agreement = LabelAgreement.Of(data!, options);
        if (parsed.GetValue(CommonOptions.Json))
            output.Json(agreement);
        else
            Show(output, file, agreement);
    }

    private static void Show(ConsoleOutput output, string file, LabelAgreement agreement)
    {
        output.Line($"{file}: {Number(agreement.Answers)} answers of {Number(agreement.Annotators)} annotators to {Number(agreement.Tasks)} tasks, {Number(agreement.SharedTasks)} of them with two or more");
        var table = new TextTable("", "measure", "value", "95 % interval");
        void Row(string name, Measured? measured, string otherwise = "")
        {
            if (measured is { } known)
                table.Row(name, Decimals(known.Value), Decimals(known.Interval));
            else if (otherwise.Length > 0)
                table.Row(name, "", otherwise);
        }
        Row("share of pairs of answers that are equal", agreement.Percent);
        Row("Cohen's kappa, mean over pairs of annotators", agreement.Cohen);
        Row("- with linear weights", agreement.Linear);
        Row("- with quadratic weights", agreement.Quadratic);
        Row("Fleiss' kappa", agreement.Fleiss, "needs as many answers to every task");
        foreach (var (distance, alpha) in agreement.Alpha)
            Row($"Krippendorff's alpha, {distance}", alpha);
        output.Table(table);

        var pairs = new TextTable("Pairs of annotators", "first", "second", "tasks", "agree", "Cohen's kappa", "95 % interval");
        foreach (var pair in agreement.Pairs.Take(RowsShown))
            pairs.Row(Name(pair.First), Name(pair.Second), Number(pair.Tasks), Decimals(pair.Percent), Decimals(pair.Cohen.Value), Decimals(pair.Cohen.Interval));
        if (agreement.Pairs.Count > 0)
            output.Table(pairs);
        if (agreement.Pairs.Count > RowsShown)
            output.Line($"and {Number(agreement.Pairs.Count - RowsShown)} more pairs, which --json prints");
    }

    public static string Name(string text) => Printable.Text(text);

    public static string Number(int value) => value.ToString("N0", CultureInfo.InvariantCulture);

    public static string Decimals(double? value) => value is { } number && double.IsFinite(number) ? (Math.Round(number, 3) + 0.0).ToString("0.000", CultureInfo.InvariantCulture) : ""; // + 0 takes the sign off −0

    public static string Decimals(Interval? interval) => interval is { } known ? $"{Decimals(known.Lower)} – {Decimals(known.Upper)}" : "";
}
