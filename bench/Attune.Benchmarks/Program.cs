#pragma warning disable RS0030 // A benchmark is a console program of its own.
using System.Globalization;
using System.Text;
using Attune.Benchmarks;
using Attune.Torch;

// ./attune bench [ROUNDS]: measures, prints and writes bench/results/MACHINE.md. Both sides take turns, because machines drift by a third
// within minutes; what is reported are medians and the spread of each round's ratio.
var rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 7;
var bench = FindBench();
var threads = Math.Min(Environment.ProcessorCount, 16);
TorchRuntime.Threads = threads;
using var eager = EagerPyTorch.Start(Path.Combine(bench, "eager_yardstick.py"), threads, out var problem);
if (eager is null)
{
    await Console.Error.WriteLineAsync($"The yardstick is missing: {problem}. Expected a python3 with PyTorch, the same version as libtorch; on Debian: apt-get install python3-torch").ConfigureAwait(false);
    return 2;
}

using var attune = new Workloads();
const int Steps = 4, Additions = 100_000;
attune.Train(2);
eager.Train(2);
Workloads.Add(Additions);
var (mine, theirs, ratios, addMine, addTheirs) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(), new List<double>());
var sampled = new Dictionary<int, List<double>> { [1] = [], [16] = [], [64] = [] };
for (var round = 0; round < rounds; round++)
{
    await Console.Error.WriteLineAsync($"round {round + 1} of {rounds}").ConfigureAwait(false);
    var (a, e) = (attune.Train(Steps), eager.Train(Steps));
    mine.AddRange(a);
    theirs.AddRange(e);
    ratios.Add(Median(e) / Median(a));
    addMine.Add(Workloads.Add(Additions));
    addTheirs.Add(eager.Add(Additions));
    foreach (var (batch, rates) in sampled)
        rates.Add(attune.Sample(batch));
}

const int TokensPerStep = 8 * 128;
var text = new StringBuilder()
    .AppendLine(CultureInfo.InvariantCulture, $"# {Machine()}")
    .AppendLine()
    .AppendLine(CultureInfo.InvariantCulture, $"`./attune bench {rounds}`: libtorch {TorchRuntime.Version} against eager PyTorch {eager.Version}, {threads} threads, {rounds} rounds taking turns, medians; in brackets the smallest and the largest round.")
    .AppendLine("4 layers, width 256, 4 heads, vocabulary 4,096, float32.")
    .AppendLine()
    .AppendLine("| what | Attune | eager PyTorch | ratio |")
    .AppendLine("|---|---|---|---|")
    .AppendLine(CultureInfo.InvariantCulture, $"| training step, 8×128 tokens, AdamW | {Median(mine) * 1e3:F0} ms | {Median(theirs) * 1e3:F0} ms | {Median(ratios):F2}× as fast ({ratios.Min():F2}–{ratios.Max():F2}) |")
    .AppendLine(CultureInfo.InvariantCulture, $"| training tokens/s | {TokensPerStep / Median(mine):N0} | {TokensPerStep / Median(theirs):N0} | |")
    .AppendLine(CultureInfo.InvariantCulture, $"| `add` of 4×4 tensors, a call | {Median(addMine) * 1e6:F2} µs | {Median(addTheirs) * 1e6:F2} µs | {Median(addMine) / Median(addTheirs):F2}× the time |");
foreach (var (batch, rates) in sampled)
    text.AppendLine(CultureInfo.InvariantCulture, $"| sampling, batch {batch}: 16 prompt, 48 new tokens | {Median(rates):N0} tokens/s ({rates.Min():N0}–{rates.Max():N0}) | | |");
text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"Peak memory of Attune's process: {PeakMegabytes()} MB.");
Console.Out.Write(text);
var results = Directory.CreateDirectory(Path.Combine(bench, "results")).FullName;
await File.WriteAllTextAsync(Path.Combine(results, $"{FileName(Machine())}.md"), text.ToString()).ConfigureAwait(false);
return 0;

static double Median(IEnumerable<double> values)
{
    var sorted = values.Order().ToArray();
    return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
}

static string FindBench()
{
    for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
    {
        if (File.Exists(Path.Combine(folder.FullName, "eager_yardstick.py")))
            return folder.FullName;
    }

    throw new InvalidOperationException("bench/eager_yardstick.py is not above the program; run it through ./attune bench");
}

static string Machine()
{
    var model = File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim()
        : null;
    return $"{model ?? System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString()}, {Environment.ProcessorCount} cores";
}

static string FileName(string machine) => new([.. machine.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')]);

static string PeakMegabytes() => File.Exists("/proc/self/status")
    ? File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM", StringComparison.Ordinal)).Split(':')[1].Trim().Split(' ')[0] is var kb ? $"{long.Parse(kb, CultureInfo.InvariantCulture) / 1024:N0}" : "?"
    : "?";
