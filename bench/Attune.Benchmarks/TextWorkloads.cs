using System.Text;
using Attune.Tokens;

namespace Attune.Benchmarks;

/// <summary>What is measured around the model: learning a vocabulary, encoding text.</summary>
internal static class TextWorkloads
{
    /// <summary>What is found of the tokenizer.</summary>
    /// <param name="Megabytes">Of the corpus.</param>
    /// <param name="TrainingSeconds">To learn 4,096 pieces from it.</param>
    /// <param name="EncodedPerSecond">Megabytes a second at which one core encodes four megabytes of it afterwards, by rounds.</param>
    /// <param name="CutPerSecond">The yardstick in the same rounds: .NET's compiled regular expressions, cutting the same text by GPT-2's pattern and doing nothing else.</param>
    /// <param name="OneLetter">Seconds for a megabyte of one letter and for a quarter of it, by rounds.</param>
    public sealed record TokenizerFigures(double Megabytes, double TrainingSeconds, double[] EncodedPerSecond, double[] CutPerSecond, (double Whole, double Quarter)[] OneLetter);

    /// <summary>Learns and encodes.</summary>
    public static TokenizerFigures Tokenize(string corpus, int rounds)
    {
        var files = Directory.EnumerateFiles(corpus, "*.txt", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(f => File.ReadAllText(f)).ToArray();
        var bytes = files.Sum(f => (double)Encoding.UTF8.GetByteCount(f));
        Tokenizer? learned = null;
        var training = Workloads.Time(() => learned = BpeTrainer.Train(files, new BpeTrainerOptions()));
        var tokenizer = learned!;
        var sample = string.Concat(files)[..(int)Math.Min(4e6, files.Sum(f => (long)f.Length))];
        var megabytes = Encoding.UTF8.GetByteCount(sample) / 1e6;
        var pattern = new System.Text.RegularExpressions.Regex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", System.Text.RegularExpressions.RegexOptions.Compiled | System.Text.RegularExpressions.RegexOptions.CultureInvariant);
        var (encoded, cut, letters) = (new double[rounds], new double[rounds], new (double, double)[rounds]);
        for (var round = -1; round < rounds; round++) // one more for the just-in-time compiler
        {
            var ids = new List<int>();
            var (own, theirs) = (megabytes / Workloads.Time(() => tokenizer.Encode(sample, ids)), megabytes / Workloads.Time(() => Words(pattern, sample)));
            var (whole, quarter) = (Workloads.Time(() => tokenizer.Encode(new string('a', 1 << 20))), Workloads.Time(() => tokenizer.Encode(new string('a', 1 << 18))));
            if (round >= 0)
                (encoded[round], cut[round], letters[round]) = (own, theirs, (whole, quarter));
        }
        return new(bytes / 1e6, training, encoded, cut, letters);
    }

    private static int Words(System.Text.RegularExpressions.Regex pattern, string text)
    {
        var words = 0;
        foreach (var _ in pattern.EnumerateMatches(text))
            words++;
        return words;
    }
}
