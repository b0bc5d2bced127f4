using System.Text;
using Attune.Models;
using Attune.Runs;
using Attune.Tests.Models;
using Attune.Tokens;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>A folder with a small model of random weights and made-up comparisons: all that the reward stage reads.</summary>
internal sealed class TinyRewardStage : IDisposable
{
    private static readonly string[] Words = ["red", "blue", "old", "new", "big", "warm", "slow", "calm"];

    private readonly Attune.Tests.TemporaryFolder _folder = new();

    public TinyRewardStage()
    {
        var tokenizer = BpeTrainer.Train([.. Enumerable.Range(0, 50).Select(k => $"{Answer(k, isGood: true)}{Answer(k, isGood: false)}")], new() { VocabularySize = 320 });
        var config = TinyModel.Llama with { VocabularySize = tokenizer.VocabularySize, Layers = 1, EndIds = [tokenizer.EndId!.Value] };
        using var model = CausalLm.Create(config, new Seed(1), Compute.Cpu);
        model.Save(Model, new() { AddFiles = tokenizer.Save });
    }

    public string Model => System.IO.Path.Combine(_folder.Path, "policy");

    public string Path(string name) => System.IO.Path.Combine(_folder.Path, name);

    public string Write(string name, string text) => _folder.Write(name, text);

    /// <summary>Both answers have the same words; the better one says "cat dog", the worse one "dog cat". Length and counts of words know nothing.</summary>
    public string Pairs(int count, string name = "pairs.jsonl", int first = 0)
    {
        var lines = new StringBuilder();
        for (var k = first; k < first + count; k++)
            lines.Append(ResultFile.Json(new { id = k, prompt = $"Tell me about {k}:", chosen = Answer(k, isGood: true), rejected = Answer(k, isGood: false) })).Append('\n');
        return Write(name, lines.ToString());
    }

    public static string Answer(int k, bool isGood) => $" {Words[k % 8]} {Words[k / 8 % 8]} {(isGood ? "cat dog" : "dog cat")}";

    public RewardRecipe Recipe(params PreferenceSource[] preferences) => new()
    {
        From = Model,
        Preferences = preferences,
        Data = new() { AddEnd = false },
        Reward = new() { BatchSize = 16, LearningRate = 3e-3 },
        Normalise = new() { Samples = 16, NewTokens = 6 },
        Compute = new() { Threads = 1 },
        Run = new() { CheckpointEvery = 4 },
    };

    /// <summary>Runs the stage in a folder of that name.</summary>
    /// <param name="recipe">What to do.</param>
    /// <param name="name">The folder.</param>
    /// <param name="stopAfter">Asks to stop once so many steps are done.</param>
    /// <param name="isResumed">Whether to go on there.</param>
    /// <param name="progress">Hears everything.</param>
    public RewardResult? Run(RewardRecipe recipe, string name = "run", int? stopAfter = null, bool isResumed = false, IProgressSink? progress = null)
    {
        using var stop = new CancellationTokenSource();
        var sink = new StopAt(stopAfter, stop, progress ?? SilentProgress.Instance);
        return Attune.Runs.Run.Within(recipe, new() { Folder = Path(name), Resume = isResumed, Settings = recipe.Run, Progress = sink }, run => RewardTraining.Run(recipe, run, stop.Token));
    }

    public void Dispose() => _folder.Dispose();

    private sealed class StopAt(int? steps, CancellationTokenSource stop, IProgressSink next) : IProgressSink
    {
        public void Report(ProgressReport report)
        {
            next.Report(report);
            if (report.Done == steps)
                stop.Cancel();
        }

        public void Say(string line) => next.Say(line);

        public void Warn(string line) => next.Warn(line);
    }
}
