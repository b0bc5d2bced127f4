#pragma warning disable RS0030 // A benchmark is a console program of its own.
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Attune.Models;
using Attune.Rollouts;
using Attune.Text;
using Attune.Torch;
using static Attune.Benchmarks.Statistics;

namespace Attune.Benchmarks;

/// <summary>
/// Tokens a second against the number of rows that are decoded together, for two sizes of models and three forms of their weights, held against
/// what memory allows; and what rounding costs in perplexity. Each model in a process of its own, for an honest peak of memory.
/// </summary>
internal static class Decoding
{
    public const string Part = "decode";

    /// <summary>What this program is started with for one model.</summary>
    public const string Switch = "--decode-once";

    private const int MostRounds = 5; // of each figure: more would take more than the six minutes that all of them may take
    private const double SecondsAFigure = 0.35;
    private static readonly int[] Batches = [1, 2, 4, 8, 16, 32, 64];
    private static readonly int[] Prompt = [.. Enumerable.Range(0, 16).Select(k => (k * 31) % 4096)];
    private static readonly WeightForm[] Forms = Enum.GetValues<WeightForm>();

    /// <summary>GPT-2's shapes: the published one of 124 million values, and one of 5 million.</summary>
    private static readonly (string Name, TransformerConfig Config)[] Sizes =
    [
        ("5 M: 5 layers, width 256, vocabulary 4,096", Gpt2(5, 256, 4, 4096, 512)),
        ("124 M: 12 layers, width 768, vocabulary 50,257", Gpt2(12, 768, 12, 50_257, 1024)),
    ];

    /// <summary>What a process found of one model.</summary>
    private sealed record Found(long Bytes, double? PeakMegabytes, double[] Bandwidths, Dictionary<int, double[]> Rates)
    {
        public double Rate(int batch) => Median(Rates[batch]);

        /// <summary>The rate of one row as a share of what memory allows, round by round.</summary>
        public double Share => Median(Rates[1].Zip(Bandwidths, (rate, bandwidth) => rate * Bytes / bandwidth));
    }

    /// <summary>Measures all of it, and writes it down in Markdown.</summary>
    public static string Measure(int threads, int rounds)
    {
        var text = new StringBuilder();
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"Decoding: tokens/s of rows that are drawn together, behind a prompt of {Prompt.Length} tokens whose reading is not counted; random weights in GPT-2's shape, medians of {Math.Min(rounds, MostRounds)} rounds, each model in a process of its own.");
        text.AppendLine("A token reads all weights once, tables of which it looks rows up aside; bandwidth is what as many threads read of 512 MB by plain loads, in the same rounds.");
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"| weights | {string.Join(" | ", Batches.Select(b => $"batch {b}"))} | batch 1 against float32 | MB a token | bandwidth | batch 1 of what it allows | peak memory |");
        text.AppendLine(CultureInfo.InvariantCulture, $"|{string.Concat(Enumerable.Repeat("---|", Batches.Length + 6))}");
        foreach (var (name, config) in Sizes)
            AddRows(text, name, config, threads, Math.Min(rounds, MostRounds));
        text.AppendLine("\nTarget at 124 M, float32: ≥ 70 % of what bandwidth allows.");
        AddPerplexities(text);
        return text.ToString();
    }

    /// <summary>In the process of one model.</summary>
    public static void PrintOne(string folder, string weights, int threads, int rounds)
    {
        TorchRuntime.Threads = threads;
        Machine.ForgetPeak();
        using var model = CausalLm.Load(folder, Compute.Cpu, weights: Enum.Parse<WeightForm>(weights));
        var steps = Batches.ToDictionary(batch => batch, batch => Math.Max(4, (int)(SecondsAFigure * WeightTrial.DecodedRate(model, Prompt, batch, 8) / batch))); // the first time is slow, too
        foreach (var batch in Batches)
            steps[batch] = Math.Clamp((int)(SecondsAFigure * WeightTrial.DecodedRate(model, Prompt, batch, Math.Min(32, steps[batch])) / batch), 4, 400);
        var peak = Machine.PeakMegabytes;
        using var memory = new Bandwidth();
        var found = new Found(model.BytesReadPerToken, peak, new double[rounds], Batches.ToDictionary(batch => batch, _ => new double[rounds]));
        for (var round = 0; round < rounds; round++)
        {
            found.Bandwidths[round] = memory.Measure(threads);
            foreach (var batch in Batches)
                found.Rates[batch][round] = WeightTrial.DecodedRate(model, Prompt, batch, steps[batch]);
        }

        Console.Out.WriteLine(JsonSerializer.Serialize(found));
    }

    private static void AddRows(StringBuilder text, string name, TransformerConfig config, int threads, int rounds)
    {
        var folder = Path.Combine(Directory.CreateTempSubdirectory("attune-bench").FullName, "model");
        try
        {
            using (var model = CausalLm.Create(config, new Seed(1), Compute.Cpu))
                model.Save(folder);
            text.AppendLine(CultureInfo.InvariantCulture, $"| **{name}** |{string.Concat(Enumerable.Repeat(" |", Batches.Length + 5))}");
            Found? full = null;
            foreach (var form in Forms)
            {
                Console.Error.WriteLine($"{Part}: {name}, {NameOf(form)}");
                var found = InOtherProcess(folder, form, threads, rounds);
                full ??= found;
                var rates = Batches.Select(batch => string.Create(CultureInfo.InvariantCulture, $"{found.Rate(batch):N0}"));
                text.AppendLine(CultureInfo.InvariantCulture, $"| {NameOf(form)} | {string.Join(" | ", rates)} | {found.Rate(1) / full.Rate(1):F2}× | {found.Bytes / 1e6:F1} | {Median(found.Bandwidths) / 1e9:F1} GB/s | {found.Share:P0} | {found.PeakMegabytes:N0} MB |");
            }
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(folder)!, recursive: true);
        }
    }

    private static void AddPerplexities(StringBuilder text)
    {
        var root = RepositoryRoot();
        var files = ModelDescription.Read(Path.Combine(root, "models", "base"), TokenizerUse.Needed);
        var (name, given) = HeldOut(root);
        int[] ids = files.Tokenizer!.Encode(given);
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"Perplexity of `models/base` on {name}, {ids.Length - 1:N0} tokens in windows of {files.Config.MaximumPositions}:");
        text.AppendLine().AppendLine("| weights | perplexity | change | tokens/s, scored | tokens/s, decoded | MB a token |").AppendLine("|---|---|---|---|---|---|");
        WeightTrial? full = null;
        foreach (var form in Forms)
        {
            Console.Error.WriteLine($"{Part}: perplexity, {NameOf(form)}");
            var trial = WeightTrial.Of(files, Compute.Cpu, form, ids, files.Config.MaximumPositions);
            full ??= trial;
            text.AppendLine(CultureInfo.InvariantCulture, $"| {NameOf(form)} | {trial.Perplexity:F4} | {Math.Round(100 * ((trial.Perplexity / full.Perplexity) - 1), 2) + 0.0:+0.00;-0.00} % | {trial.ScoredPerSecond:N0} | {trial.DecodedPerSecond:N0} | {trial.BytesPerToken / 1e6:F1} |");
        }
    }

    /// <summary>A book that the model was not trained on, where it is there; else answers that the project ships.</summary>
    private static (string Name, string Text) HeldOut(string root)
    {
        const int Characters = 60_000;
        if (Environment.GetEnvironmentVariable("ATTUNE_FIXTURES") is { Length: > 0 } fixtures && Path.Combine(fixtures, "data", "corpus", "gutenberg", "the-time-machine-35.txt") is var book && File.Exists(book))
            return ("the beginning of *The Time Machine*, which it was not trained on", File.ReadAllText(book)[..Characters]);
        var answers = Readers.PromptResponses(Path.Combine(root, "data", "quickstart", "demonstrations.jsonl"), new());
        return ("answers of `data/quickstart/demonstrations.jsonl`", string.Concat(answers.Select(row => row.Prompt + row.Response + "\n"))[..Characters]);
    }

    private static Found InOtherProcess(string folder, WeightForm form, int threads, int rounds)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(Decoding).Assembly.Location);
        foreach (var argument in new[] { Switch, folder, form.ToString(), threads.ToString(CultureInfo.InvariantCulture), rounds.ToString(CultureInfo.InvariantCulture) })
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"decoding with {form} ended with {process.ExitCode}");
        return JsonSerializer.Deserialize<Found>(text)!;
    }

    private static string NameOf(WeightForm form) => form == WeightForm.Full ? "float32" : form.ToString().ToLowerInvariant();

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !Directory.Exists(Path.Combine(folder.FullName, "models", "base")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("models/base is not above the program; run it through ./attune bench");
    }

    private static TransformerConfig Gpt2(int layers, int width, int heads, int vocabulary, int positions) => new()
    {
        Family = "gpt2",
        VocabularySize = vocabulary,
        Width = width,
        Layers = layers,
        Heads = heads,
        KeyValueHeads = heads,
        HeadWidth = width / heads,
        InnerWidth = 4 * width,
        MaximumPositions = positions,
        Norm = NormKind.LayerNorm,
        Positions = PositionKind.Learned,
        Activation = ActivationKind.GeluTanh,
        IsGated = false,
        AttentionBias = true,
        AttentionOutBias = true,
        MlpBias = true,
        TiedEmbeddings = true,
    };
}
