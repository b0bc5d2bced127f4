using System.CommandLine;
using System.Globalization;
using Attune.Cli.Output;
using Attune.Feedback;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary>What a log of judgments amounts to, and how far its annotators agree: the forms of <c>attune aggregate</c> and <c>attune agreement</c> that take a log.</summary>
internal static class JudgmentVerbs
{
    public static Argument<string> Log { get; } = new("log") { Description = "A judgments.jsonl, to make preferences of", Arity = ArgumentArity.ZeroOrOne };

    public static Option<string> People { get; } = new("--annotators") { Description = "Of a log: the annotators.json that says who is held out; everyone is in one group without it", HelpName = "FILE" };

    public static Option<string> Asked { get; } = new("--comparisons") { Description = "Of a log: the comparisons.jsonl that was judged", HelpName = "FILE" };

    public static Option<bool> Rankings { get; } = new("--rankings") { Description = "Of a log: all answers of a comparison with a common ranking, instead of pairs" };

    public static Option<bool> HeldOut { get; } = new("--held-out") { Description = "Of a log: count held-out annotators instead of training ones" };

    public static Option<int?> Votes { get; } = new("--minimum-votes") { Description = "Of a log: leave out what has fewer votes; 1 without it", HelpName = "N" };

    public static void Aggregate(ConsoleOutput output, ParseResult parsed, Option<string> to)
    {
        var problems = new InputProblems("attune aggregate");
        foreach (var (option, description) in new[] { (Asked, "the comparisons.jsonl that was judged"), (to, "a file to write") })
        {
            if (parsed.GetValue(option) is null)
                problems.Add(Problem.Of(option.Name, "is missing", description, "see attune aggregate --help"));
        }
        problems.ThrowIfAny();
        var (log, comparisonFile, file) = (parsed.GetRequiredValue(Log), parsed.GetValue(Asked)!, parsed.GetValue(to)!);
        var options = new ExportOptions { Group = parsed.GetValue(HeldOut) ? AnnotatorGroup.HeldOut : AnnotatorGroup.Training, MinimumJudges = parsed.GetValue(Votes) ?? 1 };
        if (options.MinimumJudges < 1)
            problems.Add(Problem.Of(Votes.Name, $"is {options.MinimumJudges}", "at least 1", "1 keeps all that was judged"));
        if (parsed.GetValue(HeldOut) && parsed.GetValue(People) is null)
            problems.Add(Problem.Of(HeldOut.Name, "stands without --annotators", "the file that says who is held out", "add --annotators annotators.json"));
        if (Directory.Exists(file))
            problems.Add(Problem.Of(to.Name, $"is {file}, a folder", "a file to write", "name a file in it"));
        if (new[] { log, comparisonFile, parsed.GetValue(People) }.OfType<string>().Any(read => Path.GetFullPath(read) == Path.GetFullPath(file)))
            problems.Add(Problem.Of(to.Name, $"is {file}, which is read", "another file than those read", "choose another --out"));
        var judgments = problems.Try(() => Judgments(output, log));
        var comparisons = problems.Try(() => ComparisonFile.Read(comparisonFile));
        var people = problems.Try(() => Named(parsed) ?? Annotators.OfOneGroup(judgments ?? []));
        problems.ThrowIfAny();

        var lines = parsed.GetValue(Rankings)
            ? Write(PreferenceExport.Rankings(comparisons!, judgments!, people!, options), PreferenceExport.Write)
            : Write(PreferenceExport.Pairs(comparisons!, judgments!, people!, options), PreferenceExport.Write);
        if (parsed.GetValue(CommonOptions.Json))
            output.Json(new { file, form = parsed.GetValue(Rankings) ? "rankings" : "pairs", options.Group, judgments = judgments!.Count, comparisons = comparisons!.Count, lines });
        else
            output.Line($"{file} has {Number(lines)} {(parsed.GetValue(Rankings) ? "rankings" : "pairs")} from {Number(judgments!.Count)} judgments of {Number(comparisons!.Count)} comparisons");

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
    }

    public static void Agreement(ConsoleOutput output, ParseResult parsed)
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
