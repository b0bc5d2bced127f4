#pragma warning disable RS0030 // A benchmark is a console program of its own.
using System.Diagnostics;
using System.Globalization;
using Attune.Feedback.Aggregation;
using static Attune.Benchmarks.Statistics;

namespace Attune.Benchmarks;

/// <summary>
/// Takes the measurements of each part and turns them into rows of the result. Both sides take turns, step by step, because machines drift by
/// a third within minutes; ratios are of neighbours in time. The unit of what PyTorch has no counterpart for is the eager step: the median
/// of the yardstick's training steps taken in between.
/// </summary>
internal sealed class Measurements(BenchOptions options, EagerPyTorch? eager) : IDisposable
{
    private const int Additions = 100_000;
    private const double SecondsOfSampling = 0.6; // about two eager steps: a shorter turn measures how threads wake up and caches fill
    private static readonly int[] Batches = [1, 16, 64];
    private readonly Lazy<Workloads> _models = new(() => new());
    private readonly List<double> _eagerSteps = [];

    private Workloads Models => _models.Value;

    /// <summary>Rows of a Markdown table: what, Attune, eager PyTorch, ratio, target.</summary>
    public List<string> Rows { get; } = [];

    /// <summary>Median seconds of an eager training step over the whole run; null without yardstick.</summary>
    public double? EagerStep => _eagerSteps.Count > 0 ? Median(_eagerSteps) : null;

    /// <summary>Measures one part.</summary>
    public void Take(string part)
    {
        var resets = Machine.ForgetPeak();
        switch (part)
        {
            case "train": Train(); break;
            case "add": Add(); break;
            case "sample": Sample(); break;
            case "ppo": Ppo(); break;
            case "text": Text(); break;
            case "load": Load(); break;
            case BenchOptions.Aggregation: Aggregation(); break;
        }

        if (resets && part is ("train" or "ppo") && Machine.PeakMegabytes is { } peak)
            Row($"{part}: peak memory of the process", $"{peak:N0} MB");
    }

    public void Dispose()
    {
        if (_models.IsValueCreated)
            _models.Value.Dispose();
    }

    private void Train()
    {
        const int StepsARound = 4;
        Warm(() => Models.Train());
        var (mine, ratios) = (new List<double>(), new List<double>());
        for (var round = 0; round < options.Rounds; round++)
        {
            Progress("train", round);
            for (var k = 0; k < StepsARound; k++)
            {
                var (theirs, own) = (EagerSteps(1), Models.Train());
                mine.Add(own);
                if (theirs.Length > 0)
                    ratios.Add(theirs[0] / own);
            }
        }

        Row("training step: 8×128 tokens, AdamW", $"{Median(mine) * 1e3:F0} ms", EagerStep is { } e ? $"{e * 1e3:F0} ms" : "", Ratio(ratios, "× as fast"), "≥ 1.2×");
        Row("training tokens/s", $"{Workloads.TrainingTokens / Median(mine):N0}", EagerStep is { } f ? $"{Workloads.TrainingTokens / f:N0}" : "");
    }

    private void Add()
    {
        Workloads.Add(Additions);
        var (mine, theirs) = (new List<double>(), new List<double>());
        for (var round = 0; round < options.Rounds; round++)
        {
            Progress("add", round);
            mine.Add(Workloads.Add(Additions));
            if (eager is not null)
                theirs.Add(eager.Add(Additions));
        }

        Row("one `add` of 4×4 tensors", $"{Median(mine) * 1e6:F2} µs", theirs.Count > 0 ? $"{Median(theirs) * 1e6:F2} µs" : "",
            Ratio([.. mine.Zip(theirs, (a, b) => a / b)], "× the time"), "≤ 1.5×");
    }

    private void Sample()
    {
        foreach (var batch in Batches)
        {
            Warm(() => Models.Sample(batch, 0));
            var (rates, seen) = (new List<double>(), new List<double>());
            for (var round = 0; round < options.Rounds; round++)
            {
                Progress($"sample, batch {batch}", round);
                seen.AddRange(EagerSteps(2));
                rates.Add(Models.Sample(batch, SecondsOfSampling));
            }

            // Targets hold on a machine whose eager step takes 0.30 s: elsewhere they scale with it.
            var target = batch switch { 1 => 700, 16 => 3_000, _ => 6_000 };
            var scaled = seen.Count > 0 ? $"{Median(rates) * Median(seen) / 0.30:N0} tokens/s at an eager step of 0.30 s" : "";
            Row($"sampling, batch {batch}: {Workloads.Prompt} prompt, {Workloads.Response} new tokens", $"{Median(rates):N0} tokens/s ({Spread(rates, "N0")})", "", scaled, $"≥ {target:N0}");
        }
    }

    private void Ppo()
    {
        Warm(() => Models.Ppo());
        var (steps, seen, inSteps) = (new List<(double Rollout, double Scoring, double Update)>(), new List<double>(), new List<double>());
        for (var round = 0; round < options.Rounds; round++)
        {
            Progress("ppo", round);
            var before = EagerSteps(2);
            var step = Models.Ppo();
            var around = (double[])[.. before, .. EagerSteps(2)];
            steps.Add(step);
            seen.AddRange(around);
            if (around.Length > 0)
                inSteps.Add((step.Rollout + step.Scoring + step.Update) / Median(around));
        }

        double? unit = seen.Count > 0 ? Median(seen) : null;
        Row("PPO step", $"{Median(steps.Select(s => s.Rollout + s.Scoring + s.Update)) * 1e3:F0} ms", "", Ratio(inSteps, " eager steps"), "≤ 4.3, stretch 3.8");
        foreach (var (name, times) in new[] { ("rollout", steps.Select(s => s.Rollout)), ("scoring", steps.Select(s => s.Scoring)), ("update", steps.Select(s => s.Update)) })
            Row($"— {name}", $"{Median(times) * 1e3:F0} ms", "", unit is { } u ? $"{Median(times) / u:F2} eager steps" : "");
        Row("— rollout tokens/s", $"{Workloads.PpoBatch * Workloads.Response / Median(steps.Select(s => s.Rollout)):N0}");
    }

    private void Text()
    {
        if (options.Corpus is not { } corpus || !Directory.Exists(corpus))
        {
            Row("tokenizer", "not measured: no corpus (--corpus FOLDER)");
            return;
        }

        Progress("text", 0);
        var (megabytes, training, encoded) = TextWorkloads.Tokenize(corpus, options.Rounds);
        Row($"BPE: 4,096 pieces from {megabytes:F0} MB, one core", $"{training:F1} s", "", "", "< 60 s from 25 MB");
        Row("encoding English, one core", $"{Median(encoded):F1} MB/s ({Spread(encoded, "F1")})", "", "", "≥ 3 MB/s");
    }

    private void Load()
    {
        Progress("load", 0);
        var (megabytes, seconds, ratios, peaks) = Loading.Measure(options.Rounds);
        double[] rates = [.. seconds.Select(s => megabytes / s)];
        Row($"loading a model of {megabytes:F0} MB of safetensors, warm cache, a process each time", $"{Median(rates):N0} MB/s ({Spread(rates, "N0")})");
        Row("the same against reading the file into memory", $"{Median(ratios):F2} times as long ({Spread(ratios, "F2")})", "", "", "≤ 1.30");
        Row("memory that loading adds at its peak", double.IsNaN(peaks[0]) ? "not measured" : $"{Median(peaks):P1} of the tensors ({Spread(peaks, "P1")})", "", "", "≤ 110 %");
    }

    private void Aggregation()
    {
        const int large = 100_000, small = 25_000;
        var (all, quarter) = (AggregationWorkloads.MadeUp(large), AggregationWorkloads.MadeUp(small));
        var bytes = new List<long>();
        List<double> Steps(LabelSet labels, int iterations)
        {
            AggregationWorkloads.DawidSkeneSteps(labels, iterations); // for the just-in-time compiler
            var seconds = new List<double>();
            for (var round = 0; round < options.Rounds; round++)
            {
                Progress(BenchOptions.Aggregation, round);
                var (took, allocated) = AggregationWorkloads.DawidSkeneSteps(labels, iterations);
                seconds.Add(took);
                bytes.Add(allocated);
            }
            return seconds;
        }

        var ofAll = Steps(all, 20);
        var perLabel = (double)bytes[^1] / all.Count;
        Row("Dawid–Skene, 20 iterations on a million labels (100,000 tasks × 10, 1,000 annotators, 4 classes), one core", $"{Median(ofAll):F2} s ({Spread(ofAll, "F2")})", "", "", "< 1 s");
        var ofQuarter = Steps(quarter, 20);
        Row("— a quarter of the tasks", $"{Median(ofQuarter):F2} s ({Spread(ofQuarter, "F2")})", "", $"{Median(ofAll) / Median(ofQuarter):F1}× the time for 4× the labels");
        Row("— memory", $"{perLabel:F0} bytes a label", "", $"{(double)bytes[^1] / quarter.Count:F0} bytes a label on a quarter", "linear");
        if (AggregationWorkloads.Reference("S_Rel") is not { } reference)
        {
            Row("Dawid–Skene, 100 iterations on S_Rel, one core", "not measured: no data (ATTUNE_FIXTURES)");
            return;
        }
        var seconds = Steps(reference, 100);
        Row("Dawid–Skene, 100 iterations on S_Rel, one core", $"{Median(seconds):F2} s ({Spread(seconds, "F2")})", "", "", "< 0.5 s");
    }

    private double[] EagerSteps(int count)
    {
        if (eager is null)
            return [];
        var seconds = eager.Train(count);
        _eagerSteps.AddRange(seconds);
        return seconds;
    }

    /// <summary>Until the just-in-time compiler has seen what is hot: a fixed time, as a call can be short.</summary>
    private void Warm(Action work)
    {
        var watch = Stopwatch.StartNew();
        for (var k = 0; k < 2 || watch.Elapsed.TotalSeconds < 3; k++)
            work();
        eager?.Train(2);
    }

    private void Progress(string part, int round) => Console.Error.WriteLine($"{part}: round {round + 1} of {options.Rounds}");

    private void Row(string what, string mine, string theirs = "", string ratio = "", string target = "") =>
        Rows.Add($"| {what} | {mine} | {theirs} | {ratio} | {target} |");

    private static string Ratio(List<double> ratios, string unit)
    {
        if (ratios.Count == 0)
            return "";
        var (low, high) = Interval(ratios);
        return string.Create(CultureInfo.InvariantCulture, $"{Median(ratios):F2}{unit} ({low:F2}–{high:F2})");
    }

    private static string Spread(IReadOnlyCollection<double> values, string format) =>
        $"{values.Min().ToString(format, CultureInfo.InvariantCulture)}–{values.Max().ToString(format, CultureInfo.InvariantCulture)}";
}
