using System.Text;
using Attune.Models;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Benchmarks;

/// <summary>What is measured around the model: learning a vocabulary, encoding text, reading weights.</summary>
internal static class TextWorkloads
{
    /// <summary>Seconds to learn 4,096 pieces from a corpus, and the megabytes a second at which one core encodes four megabytes of it afterwards.</summary>
    public static (double Megabytes, double TrainingSeconds, double[] EncodedPerSecond) Tokenize(string corpus, int rounds)
    {
        var files = Directory.EnumerateFiles(corpus, "*.txt", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(f => File.ReadAllText(f)).ToArray();
        var bytes = files.Sum(f => (double)Encoding.UTF8.GetByteCount(f));
        Tokenizer? tokenizer = null;
        var training = Workloads.Time(() => tokenizer = BpeTrainer.Train(files, new BpeTrainerOptions()));
        var sample = string.Concat(files)[..(int)Math.Min(4e6, files.Sum(f => (long)f.Length))];
        var megabytes = Encoding.UTF8.GetByteCount(sample) / 1e6;
        var ids = new List<int>();
        return (bytes / 1e6, training, [.. Enumerable.Range(0, rounds).Select(_ =>
        {
            ids.Clear();
            return megabytes / Workloads.Time(() => tokenizer!.Encode(sample, ids));
        })]);
    }

    /// <summary>
    /// Megabytes a second at which a folder of safetensors becomes a model, and at which a plain read brings the same file into fresh memory; both in turn,
    /// the operating system's cache warm. Last the process's peak beyond what it held before, as a share of the tensors.
    /// </summary>
    public static (double Megabytes, double[] PerSecond, double[] Ratios, double? Peak) Load(int rounds)
    {
        var config = new TransformerConfig { VocabularySize = 32_768, Width = 1024, Layers = 16, Heads = 16, KeyValueHeads = 16, HeadWidth = 64, InnerWidth = 4096, MaximumPositions = 512 };
        var folder = Directory.CreateTempSubdirectory("attune-bench").FullName;
        try
        {
            using (var model = CausalLm.Create(config, new Seed(1), Compute.Cpu))
                model.Save(Path.Combine(folder, "model"));
            var file = Path.Combine(folder, "model", "model.safetensors");
            var megabytes = new FileInfo(file).Length / 1e6;
            var (rates, ratios) = (new double[rounds], new double[rounds]);
            for (var k = 0; k < rounds; k++)
            {
                var plain = Workloads.Time(() => ReadPlainly(file));
                var load = Workloads.Time(() => CausalLm.Load(Path.Combine(folder, "model"), Compute.Cpu).Dispose());
                (rates[k], ratios[k]) = (megabytes / load, load / plain);
            }

            return (megabytes, rates, ratios, PeakOfLoading(Path.Combine(folder, "model"), megabytes));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Reads a file into memory that nothing has touched yet, a piece at a time.</summary>
    private static void ReadPlainly(string path)
    {
        using var file = File.OpenHandle(path);
        using var scope = TensorScope.Begin();
        var length = RandomAccess.GetLength(file);
        var memory = Tensor.Empty([length / 4], Compute.Cpu);
        for (var from = 0L; from < length / 4 * 4;)
        {
            memory.TryGetBytes(from, (int)Math.Min(1 << 20, length / 4 * 4 - from), out var bytes);
            from += RandomAccess.Read(file, bytes, from);
        }
    }

    /// <summary>The most that loading holds beyond what the process held before, as a share of the tensors; null where the system does not tell.</summary>
    private static double? PeakOfLoading(string folder, double megabytes)
    {
        GC.Collect();
        if (!Machine.ForgetPeak() || Machine.PeakMegabytes is not { } before)
            return null;
        CausalLm.Load(folder, Compute.Cpu).Dispose();
        return (Machine.PeakMegabytes - before) / megabytes;
    }
}
