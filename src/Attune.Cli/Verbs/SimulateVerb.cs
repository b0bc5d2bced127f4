using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Feedback.Aggregation;
using Attune.Feedback.Quality;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune simulate</c>: what dynamic overlap and active pairs would have saved on a log that was collected with fixed overlap.</summary>
internal static class SimulateVerb
{
    private static readonly Option<int> Seeds = new("--seeds") { Description = "How many times it is simulated; means are printed", HelpName = "N", DefaultValueFactory = _ => 3 };

    public static Command Create(ConsoleOutput output) => new("simulate", "Show on a log what asking fewer people, or about fewer pairs, would have saved.") { Overlap(output), Pairs(output) };

    private static Verb Overlap(ConsoleOutput output)
    {
        var labels = new Option<string>("--labels") { Description = "The answers, CSV with task, worker, label", HelpName = "FILE", Required = true };
        var truth = new Option<string>("--truth") { Description = "What is right, CSV with task, truth", HelpName = "FILE", Required = true };
        var least = new Option<int>("--minimum") { Description = "Answers that every task gets", HelpName = "N", DefaultValueFactory = _ => 2 };
        var most = new Option<int>("--maximum") { Description = "The most answers of a task", HelpName = "N", DefaultValueFactory = _ => 8 };
        var verb = new Verb("overlap", "Fixed overlap against stopping where a label is sure enough.", "attune simulate overlap --labels labels.csv --truth truth.csv")
        {
            labels, truth, least, most, Seeds, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var options = new OverlapOptions { Minimum = parsed.GetValue(least), Maximum = parsed.GetValue(most) };
            var problems = Checked(parsed, "attune simulate overlap", options.Check().Select(problem => problem with { Key = "--" + problem.Key }));
            var data = problems.Try(() => LabelSet.Read(parsed.GetRequiredValue(labels)));
            var right = problems.Try(() => Truth.Read(parsed.GetRequiredValue(truth)));
            if (data is { Count: 0 } || (data is not null && right is not null && !data.Tasks.Any(task => right.Of(task).Count > 0)))
                problems.Add(Problem.Of(truth.Name, "has no task of the labels", "at least one", "name the files that go together"));
            problems.ThrowIfAny();
            var points = OverlapSimulation.Run(data!, right!, options, parsed.GetValue(Seeds), Done(output, parsed, stop));
            if (parsed.GetValue(CommonOptions.Json))
            {
                output.Json(new { tasks = data!.Tasks.Count, answers = data.Count, seeds = parsed.GetValue(Seeds), points });
                return;
            }
            var table = new TextTable("Answers and accuracy, Dawid–Skene throughout", "overlap", "answers", "a task", "accuracy", "fixed overlap needs", "saved");
            foreach (var point in points)
            {
                table.Row(point.Fixed is { } overlap ? $"fixed, {overlap}" : $"dynamic, {point.Threshold!.Value.ToString("0.00", CultureInfo.InvariantCulture)}", Number(point.Answers),
                    Short(point.Answers / data!.Tasks.Count), Percent(point.Accuracy), point.Fixed is not null ? "" : point.FixedAnswers is { } needed ? Number(needed) : "never reaches it", Percent(point.Saving));
            }
            output.Table(table);
        });
    }

    private static Verb Pairs(ConsoleOutput output)
    {
        var comparisons = new Option<string>("--comparisons") { Description = "The comparisons, CSV with left, right, winner", HelpName = "FILE", Required = true };
        var share = new Option<double>("--random-share") { Description = "Share of pairs drawn at random", HelpName = "P", DefaultValueFactory = _ => 0.2 };
        var most = new Option<int>("--overlap") { Description = "How often every pair is compared at the end", HelpName = "N", DefaultValueFactory = _ => 3 };
        var verb = new Verb("pairs", "Every pair alike against pairs chosen by what they are expected to tell.", "attune simulate pairs --comparisons comparisons.csv")
        {
            comparisons, share, most, Seeds, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var options = new ActivePairOptions { RandomShare = parsed.GetValue(share) };
            var problems = Checked(parsed, "attune simulate pairs", options.Check().Select(problem => problem with { Key = share.Name }));
            if (parsed.GetValue(most) < 1)
                problems.Add(Problem.Of(most.Name, $"is {parsed.GetValue(most)}", "at least 1", "3 is usual"));
            var log = problems.Try(() => ComparisonSet.Read(parsed.GetRequiredValue(comparisons)));
            if (log is { Items.Count: < 3 })
                problems.Add(Problem.Of(comparisons.Name, $"compares {log.Items.Count} items", "at least 3", "name another file"));
            problems.ThrowIfAny();
            var points = PairSimulation.Run(log!, options, parsed.GetValue(most), parsed.GetValue(Seeds), Done(output, parsed, stop));
            if (parsed.GetValue(CommonOptions.Json))
            {
                output.Json(new { items = log!.Items.Count, comparisons = log.Count, seeds = parsed.GetValue(Seeds), options.RandomShare, points });
                return;
            }
            var table = new TextTable("Nearness to the scores of the whole log", "comparisons", "tau, alike", "tau, chosen", "error, alike", "error, chosen", "saved, by tau", "saved, by error");
            foreach (var point in points)
            {
                table.Row(Number(point.Comparisons), Short(point.FixedTau), Short(point.ActiveTau), Short(point.FixedError), Short(point.ActiveError),
                    point.FixedForTau is null ? "alike never reaches it" : Percent(point.TauSaving), point.FixedForError is null ? "alike never reaches it" : Percent(point.ErrorSaving));
            }
            output.Table(table);
        });
    }

    private static InputProblems Checked(ParseResult parsed, string title, IEnumerable<Problem> ofOptions)
    {
        var problems = new InputProblems(title);
        problems.Add(ofOptions);
        if (parsed.GetValue(Seeds) is < 1 or > 1000)
            problems.Add(Problem.Of(Seeds.Name, $"is {parsed.GetValue(Seeds)}", "from 1 to 1000", "3 is usual"));
        return problems;
    }

    private static Action<int> Done(ConsoleOutput output, ParseResult parsed, CancellationToken stop) => seed =>
    {
        stop.ThrowIfCancellationRequested();
        output.Note($"simulated {seed} of {parsed.GetValue(Seeds)}");
    };

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Short(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Percent(double? share) => share is { } value && !double.IsNaN(value) ? (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + " %" : "";
}
