using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Optimisers;
using Attune.Updates;

namespace Attune.Tests;

/// <summary>A corpus of small sentences, demonstrations, and recipes that learn them within seconds, in a folder of their own.</summary>
internal sealed class TinyText : IDisposable
{
    private static readonly string[] Animals = ["cat", "dog", "fox", "owl", "hen"], Places = ["mat", "roof", "hill", "boat", "wall"], Verbs = ["sat", "slept", "sang"];

    public TinyText()
    {
        Folder = Directory.CreateTempSubdirectory("attune-tiny-").FullName;
        Corpus = Write("corpus.txt", string.Join('\n', Sentences(240, 1)));
        Validation = Write("validation.txt", string.Join('\n', Sentences(40, 2)));
        Demonstrations = Write("demonstrations.jsonl", string.Join('\n', Pairs(32, 3)));
    }

    public string Folder { get; }

    public string Corpus { get; }

    public string Validation { get; }

    public string Demonstrations { get; }

    public PretrainRecipe Pretrain => new()
    {
        Compute = new() { Threads = 1 },
        Model = new() { Layers = 2, Width = 32, Heads = 2, Context = 64 },
        Vocabulary = 300,
        Corpus = [new() { Path = Corpus, LinePerDocument = true }],
        Validation = [new() { Path = Validation, LinePerDocument = true }],
        Pretrain = Training with { Steps = 60, LearningRate = 2e-2 },
        Run = new() { CheckpointEvery = 7 },
    };

    public SftRecipe Sft => new()
    {
        Compute = new() { Threads = 1 },
        From = At("model"),
        Data = [new() { Path = Demonstrations, Format = DataFormat.Prompts }],
        Rows = new() { Longest = 64 },
        Sft = Training with { Epochs = 12, Batch = 8, LearningRate = 1e-2 },
        Run = new() { CheckpointEvery = 4 },
    };

    private static LanguageModelConfig Training => new() { Batch = 8, MicroBatch = 4, WarmUpSteps = 2, ValidateEvery = 10, Schedule = ScheduleShape.Linear };

    public string At(string name) => Path.Combine(Folder, name);

    public string Write(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }

    /// <summary>A model folder with random weights, and a tokenizer learned from the corpus.</summary>
    public string Model(string name = "model", ulong seed = 1, ModelShape? shape = null)
    {
        var tokenizer = BpeTrainer.Train(Sentences(240, 1), new() { VocabularySize = 300 });
        var config = (shape ?? Pretrain.Model).ToConfig(tokenizer.VocabularySize, tokenizer.EndId, tokenizer.PaddingId, DType.Float32);
        using var model = CausalLm.Create(config, new Seed(seed), Compute.Cpu);
        new TextModel(model, tokenizer).Save(At(name));
        return At(name);
    }

    /// <summary>Runs a stage in a folder below; with a step to stop at, as Ctrl-C would.</summary>
    public TResult? Run<TRecipe, TResult>(TRecipe recipe, Func<TRecipe, Run, CancellationToken, TResult?> stage, RunSettings settings,
        string name = "run", bool resume = false, int? stopAfter = null, IProgressSink? progress = null)
        where TRecipe : class
        where TResult : class
    {
        using var stop = new CancellationTokenSource();
        progress ??= stopAfter is { } steps ? new StopAfter(steps, stop) : SilentProgress.Instance;
        return Attune.Runs.Run.Within(recipe, new() { Folder = At(name), Resume = resume, Settings = settings, Progress = progress },
            run => stage(recipe, run, stop.Token)!);
    }

    /// <summary>The bytes of every file that a finished run leaves, but its checkpoints.</summary>
    public Dictionary<string, string> Left(string name) => Directory.EnumerateFiles(At(name), "*", SearchOption.AllDirectories)
        .Where(file => !file.Contains("checkpoints") && Path.GetFileName(file) != ".lock")
        .ToDictionary(file => Path.GetRelativePath(At(name), file), file => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file))));

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    public static IEnumerable<string> Sentences(int count, ulong seed) => Enumerable.Range(0, count).Select(i =>
        $"the {Word(Animals, seed, i, 0)} {Word(Verbs, seed, i, 1)} on the {Word(Places, seed, i, 2)} and the {Word(Animals, seed, i, 3)} {Word(Verbs, seed, i, 4)} too .");

    private static IEnumerable<string> Pairs(int count, ulong seed) => Enumerable.Range(0, count).Select(i =>
        $$"""{"prompt":"where is the {{Word(Animals, seed, i, 0)}} ?","response":" the {{Word(Animals, seed, i, 0)}} is on the {{Word(Places, seed, i, 1)}}{{(i % 3 == 0 ? " and " + Word(Verbs, seed, i, 2) : "")}} ."}""");

    private static string Word(string[] words, ulong seed, int row, int place) => words[new Seed(seed).Below(words.Length, row, place)];

    private sealed class StopAfter(int steps, CancellationTokenSource stop) : IProgressSink
    {
        public void Report(ProgressReport report)
        {
            if (report.Done >= steps)
                stop.Cancel();
        }

        public void Say(string line)
        {
        }

        public void Warn(string line)
        {
        }
    }
}
