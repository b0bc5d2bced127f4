using System.Diagnostics;
using System.Globalization;
using Attune.Models;
using Attune.Torch;

namespace Attune.Benchmarks;

/// <summary>
/// Bringing a model's weights into memory, each time in a process of its own: one that has held a model before has warm memory, and no honest peak.
/// </summary>
internal static class Loading
{
    /// <summary>What this program is started with for one measurement.</summary>
    public const string Switch = "--load-once";

    /// <summary>Writes a model of 1.3 GB and measures loading it.</summary>
    /// <returns>Its size; seconds of loading; how many times as long as reading the file takes; the most memory while loading, as a share of the tensors.</returns>
    public static (double Megabytes, double[] Seconds, double[] Ratios, double[] Peaks) Measure(int rounds)
    {
        var config = new TransformerConfig { VocabularySize = 32_768, Width = 1024, Layers = 16, Heads = 16, KeyValueHeads = 16, HeadWidth = 64, InnerWidth = 4096, MaximumPositions = 512 };
        var folder = Directory.CreateTempSubdirectory("attune-bench").FullName;
        try
        {
            using (var model = CausalLm.Create(config, new Seed(1), Compute.Cpu))
                model.Save(Path.Combine(folder, "model"));
            var megabytes = new FileInfo(FileIn(folder)).Length / 1e6;
            var found = Enumerable.Range(0, rounds).Select(_ => InOtherProcess(folder)).ToArray();
            return (megabytes, [.. found.Select(f => f[1])], [.. found.Select(f => f[1] / f[0])], [.. found.Select(f => f[2] / megabytes)]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>In the process of its own: seconds of reading the file, seconds of loading the model, megabytes that loading added.</summary>
    public static void PrintOne(string folder)
    {
        TorchRuntime.Threads = 1;
        Tensor.Zeros([1]).Dispose(); // the library is in memory before anything is measured
        var reading = Workloads.Time(() => Read(FileIn(folder)));
        var isKnown = Machine.ForgetPeak();
        var before = Machine.PeakMegabytes;
        CausalLm? model = null;
        var loading = Workloads.Time(() => model = CausalLm.Load(Path.Combine(folder, "model"), Compute.Cpu));
        var added = isKnown ? Machine.PeakMegabytes - before : null;
        model!.Dispose();
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{reading} {loading} {added ?? double.NaN}"));
    }

    /// <summary>Reads a whole file into memory that nothing has touched yet.</summary>
    private static void Read(string path)
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file) / 4 * 4;
        using var memory = Tensor.Empty([length / 4], Compute.Cpu);
        for (var from = 0L; from < length;)
        {
            memory.TryGetBytes(from, (int)Math.Min(1 << 20, length - from), out var bytes);
            from += RandomAccess.Read(file, bytes, from);
        }
    }

    private static string FileIn(string folder) => Path.Combine(folder, "model", "model.safetensors");

    private static double[] InOtherProcess(string folder)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(Loading).Assembly.Location);
        start.ArgumentList.Add(Switch);
        start.ArgumentList.Add(folder);
        using var process = Process.Start(start)!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"loading once ended with {process.ExitCode}");
        return [.. text.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture))];
    }
}
