using System.Text;
using Attune.Tokens;

namespace Attune.Benchmarks;

/// <summary>What is measured around the model: learning a vocabulary, encoding text.</summary>
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
}
