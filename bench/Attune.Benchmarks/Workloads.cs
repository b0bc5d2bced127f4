using System.Diagnostics;
using Attune.Models;
using Attune.Rollouts;
using Attune.Tokens;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Benchmarks;

/// <summary>What is measured on Attune's side: 4 layers, width 256, 4 heads, vocabulary 4,096, the yardstick's model.</summary>
internal sealed class Workloads : IDisposable
{
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
        AttentionBias = true,
        AttentionOutBias = true,
        MlpBias = true,
        TiedEmbeddings = true,
    };

    private readonly CausalLm _model = CausalLm.Create(Config, new Seed(1), Compute.Cpu);
    private readonly LanguageModelTrainer _trainer;
    private int _step;

    public Workloads() => _trainer = new LanguageModelTrainer(_model, RandomRows(64, 128), new LanguageModelConfig { Batch = 8, MicroBatch = 8, Steps = 100_000, LearningRate = 3e-4 }, new Seed(2));

    /// <summary>Seconds of each of some training steps of 8×128 tokens: forward, backward, clipping, AdamW.</summary>
    public double[] Train(int steps) => [.. Enumerable.Range(0, steps).Select(_ => Time(() => _trainer.Step(_step++)))];

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
    public double Sample(int batch)
    {
        var sampler = new Sampler(_model, new SamplingOptions { MaximumNewTokens = 48 });
        var requests = Enumerable.Range(0, batch).Select(k => new SampleRequest([.. Enumerable.Range(0, 16).Select(t => (k * 97 + t * 31) % 4096)], k)).ToArray();
        return batch * 48 / Time(() => sampler.Sample(requests, new Seed(3)));
    }

    public void Dispose()
    {
        _trainer.Dispose();
        _model.Dispose();
    }

    private static double Time(Action work)
    {
        var watch = Stopwatch.StartNew();
        work();
        return watch.Elapsed.TotalSeconds;
    }

    private static TokenBatch RandomRows(int rows, int width)
    {
        var batch = new TokenBatch(rows, width, paddingId: 0);
        for (var k = 0; k < batch.Ids.Length; k++)
            (batch.Ids[k], batch.Segments[k], batch.Positions[k], batch.LossMask[k]) = (new Seed(9).Below(4096, k), 1, k % width, k % width > 0);
        return batch;
    }
}
