#pragma warning disable RS0030 // A benchmark is a console program of its own.
using System.Globalization;
using System.Text;
using Attune.Benchmarks;
using Attune.Torch;

if (args is ["--help"] or ["-h"])
{
    Console.Out.WriteLine(BenchOptions.Usage);
    return 0;
}

if (args is [Loading.Switch, var folder])
{
    Loading.PrintOne(folder);
    return 0;
}

if (args is [Decoding.Switch, var model, var weights, var threads, var rounds])
{
    Decoding.PrintOne(model, weights, int.Parse(threads, CultureInfo.InvariantCulture), int.Parse(rounds, CultureInfo.InvariantCulture));
    return 0;
}

if (BenchOptions.Parse(args, out var problem) is not { } options)
{
    await Console.Error.WriteLineAsync(problem).ConfigureAwait(false);
    return 2;
}

var bench = FindBench();
var loadBefore = Machine.Load;
if (options.Web is not null)
{
    var found = await Attune.Benchmarks.Web.WebBench.RunAsync(options.Web, Path.GetDirectoryName(bench)!).ConfigureAwait(false);
    var when = TimeProvider.System.GetUtcNow();
    await KeepAsync(bench, string.Create(CultureInfo.InvariantCulture, $"{when:yyyy-MM-dd}-{Machine.FileName}-web.md"),
        string.Create(CultureInfo.InvariantCulture, $"# {Machine.Name}, {when:yyyy-MM-dd}\n\n`{string.Join(' ', ["./attune bench", .. args])}`: load before the start {loadBefore}.\n\n{found}")).ConfigureAwait(false);
    return 0;
}

TorchRuntime.Threads = options.Threads;
using var eager = options.NeedsYardstick ? EagerPyTorch.Start(Path.Combine(bench, "eager_yardstick.py"), options.Threads, out problem) : null;
if (eager is null && options.NeedsYardstick)
{
    await Console.Error.WriteLineAsync($"The yardstick is missing: {problem}. Expected a python3 with PyTorch, the same version as libtorch; on Debian: apt-get install python3-torch; or measure without it: --alone").ConfigureAwait(false);
    return 2;
}

using var measurements = new Measurements(options, eager);
foreach (var part in options.Parts.Where(part => part != Decoding.Part))
    measurements.Take(part);
var decoding = options.Parts.Contains(Decoding.Part) ? Decoding.Measure(options.Threads, options.Rounds) : "";

var today = TimeProvider.System.GetUtcNow();
var text = new StringBuilder()
    .AppendLine(CultureInfo.InvariantCulture, $"# {Machine.Name}, {today:yyyy-MM-dd}")
    .AppendLine();
var run = string.Create(CultureInfo.InvariantCulture, $"`{string.Join(' ', ["./attune bench", .. args])}`: libtorch {TorchRuntime.Version}{(eager is null ? "" : $" against eager PyTorch {eager.Version}")}, {options.Threads} threads");
if (measurements.Rows.Count == 0)
{
    text.AppendLine(CultureInfo.InvariantCulture, $"{run}, load before the start {loadBefore}.");
}
else
{
    text.AppendLine(CultureInfo.InvariantCulture, $"{run}, {options.Rounds} rounds in which both sides take turns, load before the start {loadBefore}.")
        .AppendLine($"{(options.Parts.All(part => part is BenchOptions.Aggregation or Decoding.Part) ? "" : "4 layers, width 256, 4 heads, vocabulary 4,096, float32. ")}Medians; behind a ratio the 95 % bootstrap interval of its median over neighbouring pairs, behind a rate the slowest and the fastest round.");
    if (measurements.EagerStep is { } step)
        text.AppendLine(CultureInfo.InvariantCulture, $"One eager step, the median of all of PyTorch's training steps in this run: {step * 1e3:F0} ms.");
    text.AppendLine().AppendLine("| what | Attune | eager PyTorch | ratio | target |").AppendLine("|---|---|---|---|---|");
    foreach (var row in measurements.Rows)
        text.AppendLine(row);
}

text.Append(decoding);
if (options.IsAlone)
    Console.Out.Write(text);
else
    await KeepAsync(bench, string.Create(CultureInfo.InvariantCulture, $"{today:yyyy-MM-dd}-{Machine.FileName}{options.FileMark}.md"), text.ToString()).ConfigureAwait(false);
return 0;

static async Task KeepAsync(string bench, string name, string text)
{
    Console.Out.Write(text);
    var file = Path.Combine(Directory.CreateDirectory(Path.Combine(bench, "results")).FullName, name);
    await File.WriteAllTextAsync(file, text).ConfigureAwait(false);
    await Console.Error.WriteLineAsync($"written: {file}").ConfigureAwait(false);
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
