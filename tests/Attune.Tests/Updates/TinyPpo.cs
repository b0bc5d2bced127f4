using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Torch;
using Attune.Torch.Optimisers;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>PPO on a model of a few thousand weights that is paid for one token.</summary>
internal sealed class TinyPpo : IDisposable
{
    public const int PaidToken = 7;

    public static readonly TransformerConfig Model = new()
    {
        VocabularySize = 16,
        Width = 32,
        Layers = 2,
        Heads = 2,
        KeyValueHeads = 2,
        HeadWidth = 16,
        InnerWidth = 64,
        MaximumPositions = 32,
        Norm = NormKind.RmsNorm,
        Positions = PositionKind.Rotary,
        Activation = ActivationKind.Silu,
        IsGated = true,
        InitializerRange = 0.1,
    };

    public static readonly PpoConfig Config = new()
    {
        Steps = 40,
        PromptsPerStep = 16,
        Epochs = 2,
        Minibatches = 2,
        LearningRate = 3e-3,
        KlCoefficient = 0.02,
        ValueCoefficient = 0.5,
    };

    /// <summary>One optimiser step whose Adam is plain descent: with so large an epsilon a weight moves by a tenth of its gradient.</summary>
    public static readonly PpoConfig Descent = Config with
    {
        Steps = 1,
        Epochs = 1,
        Minibatches = 1,
        Schedule = ScheduleShape.Constant,
        GradientClip = null,
        WhitenAdvantages = false,
        ValueCoefficient = 0,
        KlCoefficient = 0,
        LearningRate = 1e3,
        AdamEpsilon = 1e4,
    };

    public static readonly FunctionReward ShareOfPaidToken =
        FunctionReward.OfSequence(rollout => rollout.Response.Count(token => token == PaidToken) / (double)rollout.Response.Length);

    private TinyPpo(CausalLm policy, PpoModels models, PpoTrainer trainer) => (Policy, Models, Trainer) = (policy, models, trainer);

    public CausalLm Policy { get; }

    public PpoModels Models { get; }

    public PpoTrainer Trainer { get; }

    /// <summary>Fresh objects; equal ones for equal arguments.</summary>
    public static TinyPpo Create(PpoConfig? config = null, bool hasCritic = false, IReward? reward = null, PretrainingSource? pretraining = null, int answers = 16, SamplingOptions? sampling = null)
    {
        var policy = CausalLm.Create(Model, new Seed(1), Compute.Cpu);
        using var judge = CausalLm.Create(Model, new Seed(2), Compute.Cpu);
        using var head = ScalarHead.ForReward(Model.Width, new Seed(3), Compute.Cpu);
        var models = hasCritic ? PpoModels.WithCritic(policy, judge, head) : PpoModels.Shared(policy);
        sampling ??= new() { MaximumNewTokens = 8, EndTokens = [0], Temperature = 0.9 };
        var setup = new PpoSetup(models, sampling, step => Prompts(step, answers), reward ?? ShareOfPaidToken, new Seed(4)) { Pretraining = pretraining };
        return new(policy, models, new PpoTrainer(config ?? Config, setup));
    }

    /// <summary>Runs steps from the next one up to and without the given.</summary>
    public List<IReadOnlyDictionary<string, double>> RunTo(int end)
    {
        var metrics = new List<IReadOnlyDictionary<string, double>>();
        while (Trainer.NextStep < end)
            metrics.Add(Trainer.Step(Trainer.NextStep));
        return metrics;
    }

    /// <summary>Every learned number.</summary>
    public double[] Weights()
    {
        using var scope = TensorScope.Begin();
        return [.. Policy.Parameters.Concat(Models.ValueHead.Parameters).Concat(Models.Critic?.Parameters ?? []).SelectMany(p => p.Value.ToDoubles())];
    }

    public void Dispose()
    {
        Trainer.Dispose();
        Models.Dispose();
        Policy.Dispose();
    }

    private static int[][] Prompts(int step, int answers) =>
        [.. Enumerable.Range(0, answers).Select(row => Enumerable.Range(0, 1 + row % 3).Select(k => 1 + (step + row + k) % 15).ToArray())];
}
