using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Feedback;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune aggregate</c> and <c>attune agreement</c>: what a log of judgments amounts to, and how far its annotators agree.</summary>
internal static class FeedbackVerbs
{
    private static readonly Argument<string> Log = new("log") { Description = "The judgments.jsonl" };
    private static readonly Option<string> People = new("--annotators") { Description = "The annotators.json that says who is held out; everyone is in one group without it", HelpName = "FILE" };

    public static Verb Aggregate(ConsoleOutput output)
    {
        const string Title = "attune aggregate";
        var asked = new Option<string>("--comparisons") { Description = "The comparisons.jsonl that was judged", HelpName = "FILE", Required = true };
        var to = new Option<string>("--out") { Description = "File to write; it is replaced as a whole", HelpName = "FILE", Required = true };
        var rankings = new Option<bool>("--rankings") { Description = "All answers of a comparison with a common ranking, instead of pairs" };
        var heldOut = new Option<bool>("--held-out") { Description = "Count held-out annotators instead of training ones" };
        var votes = new Option<int>("--minimum-votes") { Description = "Leave out what has fewer votes", HelpName = "N", DefaultValueFactory = _ => 1 };
        var verb = new Verb("aggregate", "Turn judgments into preferences, by majority vote.",
            "attune aggregate runs/quickstart/round-1/judgments.jsonl --comparisons runs/quickstart/round-1/comparisons.jsonl --annotators runs/quickstart/annotators.json --out preferences.jsonl")
        {
            Log, asked, to, People, rankings, heldOut, votes, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, _) =>
        {
            var (log, comparisonFile, file) = (parsed.GetRequiredValue(Log), parsed.GetRequiredValue(asked), parsed.GetRequiredValue(to));
            var options = new ExportOptions { Group = parsed.GetValue(heldOut) ? AnnotatorGroup.HeldOut : AnnotatorGroup.Training, MinimumJudges = parsed.GetValue(votes) };
            var problems = new InputProblems(Title);
            if (options.MinimumJudges < 1)
                problems.Add(Problem.Of(votes.Name, $"is {options.MinimumJudges}", "at least 1", "1 keeps all that was judged"));
            if (parsed.GetValue(heldOut) && parsed.GetValue(People) is null)
                problems.Add(Problem.Of(heldOut.Name, "stands without --annotators", "the file that says who is held out", "add --annotators annotators.json"));
            if (Directory.Exists(file))
                problems.Add(Problem.Of(to.Name, $"is {file}, a folder", "a file to write", "name a file in it"));
            if (new[] { log, comparisonFile, parsed.GetValue(People) }.OfType<string>().Any(read => Path.GetFullPath(read) == Path.GetFullPath(file)))
                problems.Add(Problem.Of(to.Name, $"is {file}, which is read", "another file than those read", "choose another --out"));
            var judgments = problems.Try(() => Judgments(output, log));
            var comparisons = problems.Try(() => ComparisonFile.Read(comparisonFile));
            var people = problems.Try(() => Named(parsed) ?? Annotators.OfOneGroup(judgments ?? []));
            problems.ThrowIfAny();

            var lines = parsed.GetValue(rankings)
                ? Write(PreferenceExport.Rankings(comparisons!, judgments!, people!, options), PreferenceExport.Write)
                : Write(PreferenceExport.Pairs(comparisons!, judgments!, people!, options), PreferenceExport.Write);
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(new { file, form = parsed.GetValue(rankings) ? "rankings" : "pairs", options.Group, judgments = judgments!.Count, comparisons = comparisons!.Count, lines });
            else
                output.Line($"{file} has {Number(lines)} {(parsed.GetValue(rankings) ? "rankings" : "pairs")} from {Number(judgments!.Count)} judgments of {Number(comparisons!.Count)} comparisons");

            int Write<T>(IReadOnlyList<T> records, Action<string, IEnumerable<T>> write)
            {
                if (records.Count == 0)
                {
                    throw InputException.One(log, $"decides none of the {comparisons!.Count} comparisons", $"a majority with at least {options.MinimumJudges} votes of the group on one of them",
                        "name the --comparisons and --annotators that go with this log, or lower --minimum-votes");
                }
                AtomicFile.RequireWritable(Path.GetDirectoryName(Path.GetFullPath(file))!);
                write(file, records);
                return records.Count;
            }
        });
    }

    public static Verb Agreement(ConsoleOutput output)
    {
        var verb = new Verb("agreement", "Show how far the annotators of a log agree, each and on the whole.", "attune agreement runs/quickstart/round-1/judgments.jsonl --annotators runs/quickstart/annotators.json")
        {
            Log, People, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, _) =>
        {
            var log = parsed.GetRequiredValue(Log);
            var problems = new InputProblems("attune agreement");
            var judgments = problems.Try(() => Judgments(output, log));
            var people = problems.Try(() => Named(parsed) ?? Annotators.OfOneGroup([]));
            problems.ThrowIfAny();
            if (judgments!.Count == 0)
                throw InputException.One(log, "has no judgment", "at least one", "name a log that somebody wrote to");

            var groups = GroupAgreement.Of(judgments, parsed.GetValue(People) is null ? null : people);
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(groups);
            foreach (var group in parsed.GetValue(CommonOptions.Json) ? [] : groups)
                Show(output, group, isGrouped: parsed.GetValue(People) is not null);
        });
    }

    private static void Show(ConsoleOutput output, GroupAgreement group, bool isGrouped)
    {
        var name = group.Group switch { AnnotatorGroup.Training => "Training annotators", AnnotatorGroup.HeldOut => "Held-out annotators", _ => isGrouped ? "Annotators in neither group" : "Annotators" };
        var table = new TextTable(name, "annotator", "judgments", "agrees with the others", "95 % interval", "first shown", "by chance", "seconds");
        foreach (var one in group.People)
        {
            var agreed = one.WithMajorityOfOthers;
            table.Row(one.AnnotatorId, Number(one.Judgments), Percent(agreed.Share), agreed.Trials > 0 ? Percents(agreed.Wilson()) : "",
                Percent(one.FirstShown.Share), Percent(one.FirstShownByChance), one.MedianSeconds.ToString("0.0", CultureInfo.InvariantCulture));
        }
        output.Table(table);
        output.Line(group.PairwiseInterval is { } interval
            ? $"Two of them agree on {Percent(group.Pairwise.Share)} of the pairs they share (95 % interval {Percents(interval)}); Krippendorff's alpha {group.Alpha.ToString("0.000", CultureInfo.InvariantCulture)}"
            : "No two of them judged the same pair.");
    }

    private static IReadOnlyList<Judgment> Judgments(ConsoleOutput output, string log)
    {
        var contents = JudgmentLog.Read(log);
        if (contents.Torn is { } torn)
            output.Note($"warning: line {torn.Number} of {log} is unfinished, as a killed writer leaves it; it is passed over");
        return contents.Judgments;
    }

    private static Annotators? Named(ParseResult parsed) => parsed.GetValue(People) is { } file ? Annotators.Load(file) : null;

    private static string Number(int value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Percent(double share) => double.IsNaN(share) ? "" : (100 * share).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    private static string Percents(Interval interval) => $"{(100 * interval.Lower).ToString("0.0", CultureInfo.InvariantCulture)} – {Percent(interval.Upper)}";
}
