using System.Text.Json;
using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Torch;
using Attune.Torch.Modules;
using Attune.Torch.Optimisers;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>
/// One whole PPO step of TRL 0.7.11 (PyTorch 1.13, CPU, float32) on a GPT-2 of two layers: the same answers, scores and settings must give the
/// same weights. The tolerance of each tensor is how far TRL's own result moves under noise of 1e-6 in its gradients, doubled, or 2e-6; in attention's
/// biases only the keys' third moves by noise, the others have 2e-6.
/// </summary>
public sealed class PpoGoldenTests
{
    private static readonly TransformerConfig Gpt2 = new()
    {
        VocabularySize = 97,
        Width = 32,
        Layers = 2,
        Heads = 4,
        KeyValueHeads = 4,
        HeadWidth = 8,
        InnerWidth = 128,
        MaximumPositions = 64,
        Norm = NormKind.LayerNorm,
        Positions = PositionKind.Learned,
        Activation = ActivationKind.GeluTanh,
        IsGated = false,
        NormEpsilon = 1e-5,
        AttentionBias = true,
        AttentionOutBias = true,
        MlpBias = true,
        TiedEmbeddings = true,
    };

    private static readonly PpoConfig Settings = new()
    {
        Steps = 1,
        Epochs = 1,
        LearningRate = 1e-3,
        Schedule = ScheduleShape.Constant,
        PromptsPerStep = 4,
        GradientClip = null,
        KlCoefficient = 0.2,
        KlController = KlController.Adaptive,
        KlTarget = 1,
        KlHorizon = 100,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    public void One_step_gives_the_weights_and_figures_of_trl(int microBatch)
    {
        using var scope = TensorScope.Begin();
        using var json = JsonDocument.Parse(File.ReadAllText(Gpt2Folder.PathOf("expected.json")));
        var expected = json.RootElement;
        using var policy = Gpt2Folder.Read(Gpt2, "policy-before");
        using var reference = Gpt2Folder.Read(Gpt2, "reference");
        using var models = PpoModels.Shared(policy, reference);
        Gpt2Folder.ReadHead(models.ValueHead, "policy-before");
        var rollouts = RolloutsOf(expected);
        var reward = FunctionReward.OfSequence(r => expected.GetProperty("scores")[(int)r.Id].GetDouble());
        using var trainer = new PpoTrainer(Settings with { MicroBatch = microBatch }, new(models, new(), _ => [], reward, new Seed(0)));

        var metrics = trainer.Learn(0, rollouts);

        var stats = expected.GetProperty("stats");
        foreach (var (ours, theirs) in new[] { ("objective/kl", "objective/kl"), ("objective/entropy", "objective/entropy"), ("policy/entropy", "ppo/policy/entropy"), ("objective/score", "ppo/mean_scores"), ("value/loss", "ppo/loss/value"), ("value/error", "ppo/val/error"), ("value/mean", "ppo/val/mean"), ("returns/mean", "ppo/returns/mean"), ("policy/clip_fraction", "ppo/policy/clipfrac") })
            Assert.InRange(metrics[ours], stats.GetProperty(theirs).GetDouble() - 1e-5, stats.GetProperty(theirs).GetDouble() + 1e-5);
        Assert.InRange(metrics["policy/first_log_ratio"], 0, 1e-5);
        Assert.Equal(expected.GetProperty("kl_coef_after").GetDouble(), trainer.KlCoefficient, 9);
        var noise = expected.GetProperty("max_abs_change_of_after_weights_under_1e_6_noise");
        Assert.Equal(30, Gpt2Folder.Compare(policy, models.ValueHead, "policy-after", (name, place) =>
            // A key's bias shifts all scores of a query alike: its gradient is rounding, of which Adam makes whole steps. That is the noise of the whole tensor.
            name.EndsWith("c_attn.bias", StringComparison.Ordinal) && place / Gpt2.Width != 1 ? 2e-6 : Math.Max(2e-6, 2 * noise.GetProperty(name).GetDouble())));
    }

    /// <summary>Answers with the log-probs and values TRL computed; its arrays are shifted by one, so entry t belongs to token t + 1.</summary>
    private static Rollout[] RolloutsOf(JsonElement expected) =>
        [.. expected.GetProperty("queries").EnumerateArray().Select((query, row) =>
        {
            var prompt = query.EnumerateArray().Select(t => t.GetInt32()).ToArray();
            var response = expected.GetProperty("responses")[row].EnumerateArray().Select(t => t.GetInt32()).ToArray();
            float[] Of(string name) => [.. expected.GetProperty(name)[row].EnumerateArray().Skip(prompt.Length - 1).Take(response.Length).Select(x => x.GetSingle())];
            return new Rollout { Id = row, Prompt = prompt, Response = response, LogProbs = Of("old_logprobs"), Values = Of("values"), Finish = FinishReason.EndToken };
        })];
}

/// <summary>Weights of the step's goldens: GPT-2's names, and matrices stored as <c>[input, output]</c>.</summary>
internal static class Gpt2Folder
{
    public static string PathOf(string file) => Repository.PathOf($"tests/goldens/trainers/ppo-step/{file}");

    public static CausalLm Read(TransformerConfig config, string file)
    {
        var model = CausalLm.Create(config, new Seed(0), Compute.Cpu);
        var stored = Stored(file);
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        foreach (var (name, parameter) in model.NamedParameters())
            parameter.Value.CopyFrom(ValueOf(stored, TheirName(name), parameter));
        return model;
    }

    public static void ReadHead(ScalarHead head, string file)
    {
        var stored = Stored(file);
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        foreach (var (name, parameter) in head.NamedParameters())
            parameter.Value.CopyFrom(ValueOf(stored, "v_head.summary." + name, parameter));
    }

    /// <summary>Asserts that each number is within the tolerance of its tensor and its place there; returns how many tensors there were.</summary>
    public static int Compare(CausalLm model, ScalarHead head, string file, Func<string, int, double> tolerance)
    {
        var stored = Stored(file);
        var count = 0;
        foreach (var (name, parameter) in model.NamedParameters().Select(p => (TheirName(p.Name), p.Parameter)).Concat(head.NamedParameters().Select(p => ("v_head.summary." + p.Name, p.Parameter))))
        {
            using var scope = TensorScope.Begin();
            var gaps = (parameter.Value.Detach() - ValueOf(stored, name, parameter)).Abs().ToDoubles();
            for (var place = 0; place < gaps.Length; place++)
                Assert.True(gaps[place] <= tolerance(name, place), $"{name}[{place}] is {gaps[place]:G4} off, expected at most {tolerance(name, place):G4}");
            count++;
        }

        return count;
    }

    private static Tensor ValueOf(Dictionary<string, (long[] Shape, float[] Values)> stored, string name, Parameter parameter)
    {
        var (shape, values) = stored[name];
        var tensor = Tensor.From(values, shape);
        return IsTransposed(name) ? tensor.Transpose(0, 1) : tensor.Reshape(parameter.Value.Shape);
    }

    private static bool IsTransposed(string name) => name.EndsWith("weight", StringComparison.Ordinal) && (name.Contains("c_") && !name.Contains("ln_"));

    private static string TheirName(string ours) => "transformer." + ours
        .Replace("embed.", "wte.").Replace("positions.", "wpe.").Replace("blocks.", "h.").Replace("attention.qkv", "attn.c_attn").Replace("attention.out", "attn.c_proj")
        .Replace("norm1", "ln_1").Replace("norm2", "ln_2").Replace("mlp.up", "mlp.c_fc").Replace("mlp.down", "mlp.c_proj").Replace("norm.", "ln_f.");

    private static Dictionary<string, (long[] Shape, float[] Values)> Stored(string file)
    {
        var bytes = File.ReadAllBytes(PathOf($"{file}.safetensors"));
        var length = (int)BitConverter.ToInt64(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, length));
        return header.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__").ToDictionary(e => e.Name, e =>
        {
            var (from, to) = (e.Value.GetProperty("data_offsets")[0].GetInt32(), e.Value.GetProperty("data_offsets")[1].GetInt32());
            var values = new float[(to - from) / 4];
            Buffer.BlockCopy(bytes, 8 + length + from, values, 0, to - from);
            return (e.Value.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64()).ToArray(), values);
        });
    }
}
