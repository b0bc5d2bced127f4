using System.Security.Cryptography;
using Attune.Evaluation;
using Attune.Loop;
using Attune.Runs;

namespace Attune.Tests.Loop;

/// <summary>A quick start of a few prompts and two steps a stage: the whole way within a second or two. One finished run is shared.</summary>
public sealed class TinyQuickstart : IDisposable
{
    private readonly TinyHome _home = new(Repository.Root);

    public TinyQuickstart() => StraightReport = Run("straight")!;

    public static QuickstartPlan Plan { get; } = new()
    {
        Compute = new() { Threads = 1 },
        AnswerTokens = 10,
        AnswersPerPrompt = 2,
        AnswersPerRanking = 2,
        Prompts = 60,
        Votes = 3,
        HeldOutPrompts = 6,
        BestOf = [1, 2],
        BestOfPrompts = 2,
        Sft = new() { Steps = 3, Batch = 4, MicroBatch = 2, LearningRate = 1e-2, WarmUpSteps = 1 },
        Reward = new() { BatchSize = 16, LearningRate = 1e-3 },
        Ppo = new() { Steps = 4, PromptsPerStep = 8, Epochs = 1, Minibatches = 2, MicroBatch = 8, LearningRate = 1e-3, KlController = Attune.Updates.KlController.Adaptive },
    };

    /// <summary>The folder of the shared run; tests read it only.</summary>
    public string Straight => At("straight");

    public EvaluationReport StraightReport { get; }

    public ShippedFiles Files => _home.Files;

    public string At(string name) => _home.At(name);

    public EvaluationReport? Run(string name, QuickstartStart? start = null, QuickstartPlan? plan = null, IProgressSink? progress = null, CancellationToken stop = default)
    {
        start = (start ?? new() { Folder = "" }) with { Folder = At(name) };
        using var quickstart = start.Open(plan ?? Plan, Files, progress ?? SilentProgress.Instance);
        return quickstart.Run(stop);
    }

    /// <summary>A copy of the finished run, to be changed.</summary>
    public string Copy(string name)
    {
        foreach (var file in Directory.EnumerateFiles(Straight, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(At(name), Path.GetRelativePath(Straight, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        return At(name);
    }

    /// <summary>What every file of a quick start holds, as a hash, but recipes, which name the folder, and metrics, which count all tensors of the process.</summary>
    public SortedDictionary<string, string> Left(string name) => new(
        Directory.EnumerateFiles(At(name), "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) is not (".lock" or "recipe.yaml" or "metrics.jsonl"))
            .ToDictionary(file => Path.GetRelativePath(At(name), file), file => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))), StringComparer.Ordinal);

    /// <summary>The files that are in one of two quick starts alone, or differ in a byte.</summary>
    public IReadOnlyList<string> Differences(string name, string other)
    {
        var (left, right) = (Left(name), Left(other));
        return [.. left.Keys.Union(right.Keys).Where(file => left.GetValueOrDefault(file) != right.GetValueOrDefault(file))];
    }

    public void Dispose() => _home.Dispose();
}
