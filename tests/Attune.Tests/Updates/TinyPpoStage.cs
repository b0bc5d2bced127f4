using Attune.Models;
using Attune.Rewards;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Optimisers;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>A small policy, prompts and a reward that pays for saying a token again: all that the PPO stage reads.</summary>
internal sealed class TinyPpoStage : IDisposable
{
    private readonly TinyText _text = new();

    public TinyPpoStage()
    {
        _text.Model("policy", shape: _text.Pretrain.Model with { InitializerRange = 0.4 }); // large: some tokens come often, so there is something to find
        Prompts = _text.Write("prompts.txt", string.Join('\n', TinyText.Sentences(60, 5).Select((sentence, i) => $"the {i} {string.Join(' ', sentence.Split(' ')[1..4])} ")));
    }

    public string Prompts { get; }

    public PpoRecipe Recipe => new()
    {
        Compute = new() { Threads = 1 },
        From = At("policy"),
        Rewards = [new() { Name = "again", Function = RewardFunction.Repetition, Ngram = 1, Weight = -1 }],
        Prompts = new() { Data = [new() { Path = Prompts }], MaximumTokens = 16 },
        Ppo = new() { Steps = 6, PromptsPerStep = 8, MaximumLength = 8, Epochs = 2, Minibatches = 2, LearningRate = 1e-2, Schedule = ScheduleShape.Constant, KlCoefficient = 0.01, ValueCoefficient = 0.5 },
        Samples = new() { Every = 2, Count = 2 },
        Run = new() { CheckpointEvery = 1 },
    };

    /// <summary>Everything that has state: adaptive coefficient, critic from a reward model, mixed reward, PPO-ptx, held-out judge.</summary>
    public PpoRecipe Whole => Recipe with
    {
        Rewards = [.. Recipe.Rewards, new() { Model = RewardModelFolder(), Weight = 0.5 }, new() { Function = RewardFunction.LengthTarget, Length = 6 }],
        Pretraining = new() { Data = [new() { Path = _text.Corpus, LinePerDocument = true }], Rows = 4, Length = 16 },
        HeldOut = new() { Rewards = [new() { Function = RewardFunction.Repetition, Ngram = 2 }], Prompts = 4, Every = 2 },
        Ppo = Recipe.Ppo with
        {
            KlController = KlController.Adaptive,
            KlTarget = 1,
            KlHorizon = 100,
            Critic = CriticKind.Separate,
            ValueStart = ValueStart.RewardModel,
            PretrainingCoefficient = 0.1,
            ScorePlace = ScorePlace.EndSlot,
            WhitenOver = WhiteningScope.Minibatch,
        },
    };

    public string At(string name) => _text.At(name);

    public string Write(string name, string text) => _text.Write(name, text);

    public string RewardModelFolder(string name = "judge", string? tokenizerFrom = null)
    {
        if (Directory.Exists(At(name)))
            return At(name);
        using var policy = TextModel.Load(At("policy"), Compute.Cpu);
        using var model = RewardModel.Create(policy.Model, new Seed(9));
        var tokenizer = tokenizerFrom is null ? policy.Tokenizer : Attune.Tokens.Tokenizer.Load(tokenizerFrom);
        model.Save(At(name), new() { AddFiles = tokenizer.Save });
        return At(name);
    }

    public PpoResult? Run(PpoRecipe recipe, string name = "run", bool resume = false, int? stopAfter = null, IProgressSink? progress = null) =>
        _text.Run<PpoRecipe, PpoResult>(recipe, PpoTraining.Run, recipe.Run, name, resume, stopAfter, progress);

    public Dictionary<string, string> Left(string name) => _text.Left(name);

    public IReadOnlyList<MetricsRow> Metrics(string name = "run") => MetricsLog.Read(Attune.Runs.Run.MetricsPath(At(name)));

    public void Dispose() => _text.Dispose();
}
