#pragma warning disable RS0030 // A benchmark is a console program of its own.
using System.Globalization;
using System.Text;
using Attune.Feedback.Aggregation;
using Attune.Feedback.Quality;
using Attune.Runs;
using Attune.Storage.Tests.Testing;
using Attune.Web.Simulation;

namespace Attune.Benchmarks.Web;

/// <summary><c>./attune bench --web</c>: load, the proof that nothing is lost, and what a bad crowd does to labels; on SQLite and on PostgreSQL.</summary>
internal static class WebBench
{
    private const int GoldEvery = 20; // one task of twenty has a known answer

    public static async Task<string> RunAsync(WebBenchOptions options, string root)
    {
        string[] program = [Path.Combine(root, "attune")];
        var text = new StringBuilder();
        var folder = Directory.CreateTempSubdirectory("attune-bench-");
        var postgres = PostgresServer.WhyNot is null ? new PostgresServer(durable: true) : null;
        try
        {
            if (postgres is null)
                text.AppendLine(CultureInfo.InvariantCulture, $"PostgreSQL was not measured: {PostgresServer.WhyNot}.").AppendLine();
            var engines = new List<(string Name, Func<string, string> NewUrl)> { ("SQLite, synchronous FULL", name => Path.Combine(folder.FullName, name + ".db")) };
            if (postgres is not null)
                engines.Add(("PostgreSQL, fsync on", _ => postgres.NewDatabase()));
            await LoadAsync(program, engines, options, text).ConfigureAwait(false);
            await ProofAsync(program, engines, options, text, root).ConfigureAwait(false);
            return text.ToString();
        }
        finally
        {
            postgres?.Stop();
            folder.Delete(recursive: true);
        }
    }

    private static async Task LoadAsync(string[] program, IReadOnlyList<(string Name, Func<string, string> NewUrl)> engines, WebBenchOptions options, StringBuilder text)
    {
        text.AppendLine("Submit and get next, over HTTP; the generator runs on the same cores:").AppendLine()
            .AppendLine("| database | load | a second | median | 95th percentile | 99th | target |").AppendLine("|---|---|---|---|---|---|---|");
        foreach (var (name, newUrl) in engines)
        {
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: two loads, about {1.5 * options.LoadSeconds + 15:N0} s left"));
            var thinking = await LoadRun.MeasureAsync(program, newUrl("think"), 200, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(options.LoadSeconds)).ConfigureAwait(false);
            Row(text, name, "200 annotators, 5 s of think time", thinking, "95th percentile < 100 ms");
            var closed = await LoadRun.MeasureAsync(program, newUrl("closed"), 64, TimeSpan.Zero, TimeSpan.FromSeconds(options.LoadSeconds / 2.0)).ConfigureAwait(false);
            Row(text, name, "64 without think time (saturation)", closed, "");
        }
        text.AppendLine();
    }

    private static void Row(StringBuilder text, string name, string load, LoadResult result, string target)
    {
        var line = string.Create(CultureInfo.InvariantCulture,
            $"| {name} | {load} | {result.Answers / result.Seconds:N0} | {result.Quantile(0.5):N1} ms | {result.Quantile(0.95):N1} ms | {result.Quantile(0.99):N1} ms | {target} |");
        text.AppendLine(line);
        Console.Error.WriteLine(line);
    }

    private static async Task ProofAsync(string[] program, IReadOnlyList<(string Name, Func<string, string> NewUrl)> engines, WebBenchOptions options, StringBuilder text, string root)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"Nothing lost: {options.Annotators} annotators (55 of 100 honest, 20 noisy, 5 each lazy, side-biased, fast, colluding, adversarial; a tenth of the answers given back, sent twice, taken back or cut off on the way), {options.Tasks:N0} pairs with {options.Overlap} answers each, the server killed with -9 {options.Kills} times:").AppendLine()
            .AppendLine("| database | acknowledged | in the log once | kills | looks at the overlap rule | fewest and most answers of one annotator | longest wait for a task | time | faults |").AppendLine("|---|---|---|---|---|---|---|---|---|");
        KillProofResult? last = null;
        foreach (var (name, newUrl) in engines)
        {
            last = await KillProof.RunAsync(new()
            {
                Program = program,
                Url = newUrl("proof"),
                Tasks = options.Tasks,
                Overlap = options.Overlap,
                Annotators = options.Annotators,
                Kills = options.Kills,
                ThinkTime = TimeSpan.FromSeconds(0.3),
                Progress = new ProgressMeter(new ProgressLines(), $"{name}, nothing lost", options.Tasks * options.Overlap, "answers", TimeProvider.System),
            }).ConfigureAwait(false);
            var there = last.Log.Select(judgment => judgment.Id).ToHashSet(StringComparer.Ordinal);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {name} | {last.Run.Acknowledged.Count:N0} | {last.Run.Acknowledged.Keys.Count(there.Contains):N0} | {last.Kills} | {last.Looks} | {last.Run.Answers.Values.Min()}, {last.Run.Answers.Values.Max()} | {last.Run.LongestWait.TotalSeconds:N1} s | {last.Run.Elapsed.TotalSeconds:N0} s | {(last.Faults.Count == 0 ? "none" : string.Join("; ", last.Faults))} |");
        }
        text.AppendLine();
        BadCrowd(last!, text, root);
    }

    /// <summary>How right the labels of that crowd are by each method, with and without the work of those whom the shipped rules stop: ban, pause, or reject.</summary>
    private static void BadCrowd(KillProofResult proof, StringBuilder text, string root)
    {
        var inForce = Attune.Feedback.JudgmentLog.InForce(proof.Log).Where(judgment => judgment.Best is not null).ToList();
        var truth = Truth.Of(proof.Project.Better.Select(task => (task.Key, $"{task.Value}")));
        var gold = proof.Project.Better.OrderBy(task => task.Key, StringComparer.Ordinal).Where((_, number) => number % GoldEvery == 0).ToDictionary(StringComparer.Ordinal);
        var known = Truth.Of(gold.Select(task => (task.Key, $"{task.Value}")));
        var rules = RuleSet.Load(Path.Combine(root, "data", "quality-rules.yaml"));
        var facts = gold.Select(task => new TaskFacts { ComparisonId = task.Key, Expected = new() { Best = task.Value } }).ToList();
        // A pause of this file outlasts the log, so that it keeps an annotator from the rest of the work as a ban does.
        var stopped = RuleEngine.Replay(rules, new(inForce, facts, [], [])).Firings.Where(firing => firing.Actions.Any(action => action.Do is ActionKind.Ban or ActionKind.Reject or ActionKind.Pause)).Select(firing => firing.AnnotatorId).ToHashSet(StringComparer.Ordinal);
        text.AppendLine(CultureInfo.InvariantCulture,
            $"The labels of that crowd (the last database), one task of {GoldEvery} with a known answer that the methods with gold and the rules see; the rules of data/quality-rules.yaml stopped (ban, rejection or pause) {string.Join(", ", Enum.GetValues<Behaviour>().Select(kind => $"{proof.Project.Behaviours.Count(person => person.Value == kind && stopped.Contains(person.Key))} of {proof.Project.Behaviours.Values.Count(own => own == kind)} {kind}"))}:").AppendLine()
            .AppendLine("| accuracy on tasks without a known answer | majority vote | Dawid–Skene | majority weighted by gold | Dawid–Skene with gold |").AppendLine("|---|---|---|---|---|");
        var unknown = Truth.Of(proof.Project.Better.Where(task => !gold.ContainsKey(task.Key)).Select(task => (task.Key, $"{task.Value}")));
        Accuracies(text, "everybody", inForce, known, unknown);
        Accuracies(text, "without those whom the rules stopped", [.. inForce.Where(judgment => !stopped.Contains(judgment.AnnotatorId))], known, unknown);
        Accuracies(text, "the honest alone", [.. inForce.Where(judgment => proof.Project.Behaviours[judgment.AnnotatorId] == Behaviour.Honest)], known, unknown);
    }

    private static void Accuracies(StringBuilder text, string who, IReadOnlyList<Attune.Feedback.Judgment> judgments, Truth gold, Truth unknown)
    {
        var labels = CrowdProject.Labels(judgments);
        double Of(AggregationResult result) => LabelMetrics.Accuracy(result, unknown);
        var golden = labels.Rows().Where(row => gold.Of(row.Task).Count > 0).Select(row => row.Worker).ToHashSet(StringComparer.Ordinal);
        var tested = LabelSet.Of(labels.Rows().Where(row => golden.Contains(row.Worker)), ["0", "1"]); // who met no golden task has no weight
        text.AppendLine(CultureInfo.InvariantCulture,
            $"| {who} | {Of(MajorityVote.Run(labels)):P2} | {Of(DawidSkene.Run(labels)):P2} | {Of(GoldMajorityVote.Run(tested, gold)):P2} | {Of(DawidSkene.Run(labels, new() { Gold = gold })):P2} |");
    }
}

/// <summary>Progress as plain lines, the first, the last and one every ten seconds between: a log of hours stays short.</summary>
internal sealed class ProgressLines : IProgressSink
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private long? _said;

    public void Report(ProgressReport report)
    {
        if (_said is { } last && report.Done < report.Total && TimeProvider.System.GetElapsedTime(last) < Pause)
            return;
        _said = TimeProvider.System.GetTimestamp();
        Say(report.Line());
    }

    public void Say(string line) => Console.Error.WriteLine(line);

    public void Warn(string line) => Say("warning: " + line);
}

/// <summary>How large <c>--web</c> is.</summary>
internal sealed record WebBenchOptions
{
    public int Annotators { get; init; } = 300;

    public int Tasks { get; init; } = 10_000;

    public int Overlap { get; init; } = 5;

    public int Kills { get; init; } = 10;

    public int LoadSeconds { get; init; } = 60;
}
