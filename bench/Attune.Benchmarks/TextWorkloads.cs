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

    /// <summary>Megabytes a second at which a folder of safetensors becomes a model, the operating system's cache warm.</summary>
    public static (double Megabytes, double[] PerSecond) Load(int rounds)
    {
        var config = new TransformerConfig { VocabularySize = 16_384, Width = 512, Layers = 8, Heads = 8, KeyValueHeads = 8, HeadWidth = 64, InnerWidth = 2048, MaximumPositions = 512 };
        var folder = Directory.CreateTempSubdirectory("attune-bench").FullName;
        try
        {
            using (var model = CausalLm.Create(config, new Seed(1), Compute.Cpu))
                model.Save(Path.Combine(folder, "model"));
            var megabytes = new FileInfo(Path.Combine(folder, "model", "model.safetensors")).Length / 1e6;
            return (megabytes, [.. Enumerable.Range(0, rounds).Select(_ => megabytes / Workloads.Time(() => CausalLm.Load(Path.Combine(folder, "model"), Compute.Cpu).Dispose()))]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
