using System.Diagnostics;
using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Tokens;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Benchmarks;

/// <summary>What is measured on the model's side: 4 layers, width 256, 4 heads, vocabulary 4,096, the yardstick's model.</summary>
internal sealed class Workloads : IDisposable
{
    public const int TrainingTokens = 8 * 128, Prompt = 16, Response = 48, PpoBatch = 16;

    private static readonly TransformerConfig Config = new()
    {
        VocabularySize = 4096,
        Width = 256,
        Layers = 4,
        Heads = 4,
        KeyValueHeads = 4,
        HeadWidth = 64,
        InnerWidth = 1024,
        MaximumPositions = 128,
        Norm = NormKind.LayerNorm,
        Positions = PositionKind.Learned,
        Activation = ActivationKind.Gelu,
        IsGated = false,
        AttentionBias = true,
        AttentionOutBias = true,
        MlpBias = true,
        TiedEmbeddings = true,
    };

    private readonly CausalLm _model = CausalLm.Create(Config, new Seed(1), Compute.Cpu);
    private readonly LanguageModelTrainer _trainer;
    private readonly CausalLm _policy = CausalLm.Create(Config, new Seed(4), Compute.Cpu);
    private readonly PpoModels _ppoModels;
    private readonly PpoTrainer _ppo;
    private int _step;

    public Workloads()
    {
        _trainer = new LanguageModelTrainer(_model, RandomRows(64, 128), new LanguageModelConfig { Batch = 8, MicroBatch = 8, Steps = 100_000, LearningRate = 3e-4 }, new Seed(2));
        _ppoModels = PpoModels.Shared(_policy);
        var config = new PpoConfig { Steps = 100_000, PromptsPerStep = PpoBatch, Epochs = 4, Minibatches = 1, MicroBatch = 16, LearningRate = 1e-5, MaximumLength = Response };
        var reward = FunctionReward.OfSequence(rollout => rollout.Response.Count(token => token % 2 == 0) / (double)rollout.Response.Length);
        _ppo = new PpoTrainer(config, new PpoSetup(_ppoModels, new SamplingOptions { MaximumNewTokens = Response }, step => Prompts(PpoBatch, step), reward, new Seed(5)));
    }

    /// <summary>Seconds of one training step of 8×128 tokens: forward, backward, clipping, AdamW.</summary>
    public double Train() => Time(() => _trainer.Step(_step++));

    /// <summary>
    /// Where the seconds of one PPO step went: batch 16, prompt 16, response 48, 4 epochs of one minibatch of 16; scoring is the reference's
    /// log-probs, the values (read while sampling) and the reward, which is a function.
    /// </summary>
    public (double Rollout, double Scoring, double Update) Ppo()
    {
        _ppo.Step(_ppo.NextStep);
        var t = _ppo.Timings;
        return (t.Rollout.TotalSeconds, t.Scoring.TotalSeconds, t.Update.TotalSeconds);
    }

    /// <summary>Seconds of one addition of 4×4 tensors, the mean of many.</summary>
    public static double Add(int count)
    {
        using var frozen = Autograd.NoGrad();
        using var scope = TensorScope.Begin();
        var x = Tensor.Ones([4, 4]);
        return Time(() =>
        {
            for (var k = 0; k < count; k++)
                (x + x).Dispose();
        }) / count;
    }

    /// <summary>New tokens a second of a whole batch: prompts of 16 tokens, their prefill included, and 48 new ones.</summary>
    public double Sample(int batch, double seconds)
    {
        var sampler = new Sampler(_model, new SamplingOptions { MaximumNewTokens = Response });
        var requests = Prompts(batch, 0).Select((prompt, k) => new SampleRequest(prompt, k)).ToArray();
        var (tokens, spent) = (0, 0.0);
        do
        {
            spent += Time(() => sampler.Sample(requests, new Seed(3)));
            tokens += batch * Response;
        }
        while (spent < seconds);
        return tokens / spent;
    }

    public void Dispose()
    {
        _ppo.Dispose();
        _ppoModels.Dispose();
        _policy.Dispose();
        _trainer.Dispose();
        _model.Dispose();
    }

    internal static double Time(Action work)
    {
        var watch = Stopwatch.StartNew();
        work();
        return watch.Elapsed.TotalSeconds;
    }

    private static int[][] Prompts(int count, int step) =>
        [.. Enumerable.Range(0, count).Select(k => Enumerable.Range(0, Prompt).Select(t => (step * 89 + k * 97 + t * 31) % 4096).ToArray())];

    private static TokenBatch RandomRows(int rows, int width)
    {
        var batch = new TokenBatch(rows, width, paddingId: 0);
        for (var k = 0; k < batch.Ids.Length; k++)
            (batch.Ids[k], batch.Segments[k], batch.Positions[k], batch.LossMask[k]) = (new Seed(9).Below(4096, k), 1, k % width, k % width > 0);
        return batch;
    }
}
