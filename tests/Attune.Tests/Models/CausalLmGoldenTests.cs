using System.Text.Json;
using Attune.Models;
using Attune.Rollouts;
using Attune.Torch;
using Attune.Torch.Optimisers;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

/// <summary>The model against what transformers 4.46.3 computes for the folders of tests/goldens/models (see PROVENANCE.md there).</summary>
[NoTensorLeaks]
public sealed class CausalLmGoldenTests
{
    private static readonly Operator CrossEntropy = Operator.Find("aten::cross_entropy_loss");

    [Theory]
    [MemberData(nameof(GoldenModel.LanguageModels), MemberType = typeof(GoldenModel))]
    public void Logits_and_log_probs_match(string name)
    {
        using var frozen = Autograd.NoGrad();
        using var model = CausalLm.Load(Folder(name), Compute.Cpu);
        var expectations = Expected(name);
        var tolerance = Math.Max(1e-5, 2 * expectations.GetProperty("worst_abs_logit_diff_from_float64").GetDouble()); // transformers' own distance from float64
        foreach (var sample in expectations.GetProperty("forward").EnumerateArray())
        {
            using var scope = TensorScope.Begin();
            var ids = Ids(sample.GetProperty("input_ids"));
            model.Logits(model.Hidden(ModelInput.Causal(ids, 1, Compute.Cpu))).Select(0, 0).ShouldBeNear(Rows(sample.GetProperty("logits")), tolerance);
            var logProbs = TokenScoring.LogProbs(model, [ids])[0];
            var expected = Numbers(sample.GetProperty("next_token_logprobs"));
            Assert.Equal(expected.Length, logProbs.Length);
            for (var k = 0; k < expected.Length; k++)
                Assert.Equal(expected[k], logProbs[k], tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(GoldenModel.LanguageModels), MemberType = typeof(GoldenModel))]
    public void Greedy_continuations_match_alone_and_in_a_batch_of_all(string name)
    {
        using var model = CausalLm.Load(Folder(name), Compute.Cpu);
        var cases = Expected(name).GetProperty("greedy").EnumerateArray().ToArray();
        Assert.NotEmpty(cases);
        foreach (var group in cases.GroupBy(Options))
        {
            var (length, end, penalty) = group.Key;
            var options = new SamplingOptions { IsGreedy = true, MaximumNewTokens = length, EndTokens = end is { } id ? [id] : [], RepetitionPenalty = penalty };
            var requests = group.Select((c, k) => new SampleRequest(Ids(c.GetProperty("input_ids")), k)).ToArray();
            var together = new Sampler(model, options).Sample(requests, new Seed(1));
            foreach (var (sample, k) in group.Select((c, k) => (c, k)))
            {
                var expected = Ids(sample.GetProperty("output_ids"));
                var alone = new Sampler(model, options).Sample([requests[k]], new Seed(1))[0];
                Assert.Equal(expected, alone.Prompt.Concat(alone.Response));
                Assert.Equal(expected, together[k].Prompt.Concat(together[k].Response));
            }
        }
    }

    [Theory]
    [MemberData(nameof(GoldenModel.LanguageModels), MemberType = typeof(GoldenModel))]
    public void A_left_padded_batch_gives_the_same_ids(string name)
    {
        using var model = CausalLm.Load(Folder(name), Compute.Cpu);
        var batch = Expected(name).GetProperty("greedy_left_padded_batch");
        var prompts = batch.GetProperty("input_ids").EnumerateArray().Zip(batch.GetProperty("attention_mask").EnumerateArray(), (ids, mask) =>
            Ids(ids).Zip(Ids(mask)).Where(p => p.Second == 1).Select(p => p.First).ToArray()).ToArray();
        var options = new SamplingOptions { IsGreedy = true, MaximumNewTokens = batch.GetProperty("max_new_tokens").GetInt32() };
        var rollouts = new Sampler(model, options).Sample([.. prompts.Select((p, k) => new SampleRequest(p, k))], new Seed(1));
        var outputs = batch.GetProperty("output_ids").EnumerateArray().Select(Ids).ToArray();
        for (var k = 0; k < outputs.Length; k++)
            Assert.Equal(outputs[k][^options.MaximumNewTokens..], rollouts[k].Response);
    }

    [Theory]
    [MemberData(nameof(GoldenModel.LanguageModels), MemberType = typeof(GoldenModel))]
    public void Gradient_norms_of_every_tensor_match(string name)
    {
        using var scope = TensorScope.Begin();
        using var model = CausalLm.Load(Folder(name), Compute.Cpu);
        var train = Expected(name).GetProperty("train");
        var loss = Loss(model, train.GetProperty("batch"));
        Near(train.GetProperty("loss").GetDouble(), loss.Item());
        loss.Backward();

        var gradients = model.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Value.Grad!);
        var entries = KeyMap.For(model.Config).Entries.ToDictionary(e => e.Key);
        var norms = train.GetProperty("grad_l2").EnumerateObject().ToArray();
        Assert.True(norms.Length >= 15, "a golden without gradients checks nothing");
        foreach (var (key, norm) in norms.Select(p => (p.Name, p.Value.GetDouble())))
        {
            var entry = entries[key];
            Near(norm, gradients[entry.Name].Narrow(0, entry.FirstRow, entry.RowCount).Norm().Item());
        }

        Near(train.GetProperty("grad_global_l2").GetDouble(), GradientClip.ByGlobalNorm(model.Parameters, null));
    }

    [Theory]
    [MemberData(nameof(GoldenModel.LanguageModels), MemberType = typeof(GoldenModel))]
    public void The_loss_falls_along_the_recorded_trace_to_the_recorded_gradients(string name)
    {
        using var model = CausalLm.Load(Folder(name), Compute.Cpu);
        var train = Expected(name).GetProperty("train");
        var settings = train.GetProperty("adamw");
        var betas = Numbers(settings.GetProperty("betas"));
        using var optimiser = new AdamW(model.NamedParameters(), new AdamWOptions
        {
            Beta1 = betas[0],
            Beta2 = betas[1],
            Epsilon = settings.GetProperty("eps").GetDouble(),
            WeightDecay = settings.GetProperty("weight_decay").GetDouble(),
        });
        var trace = Numbers(train.GetProperty("loss_trace"));
        for (var step = 0; step < trace.Length; step++)
        {
            using var scope = TensorScope.Begin();
            var loss = Loss(model, train.GetProperty("batch"));
            Near(trace[step], loss.Item());
            loss.Backward();
            if (step == trace.Length - 1)
                NearFirstGradients(train.GetProperty("grad_first4"), model, Math.Max(2e-6, 5 * Expected(name).GetProperty("worst_abs_logit_diff_from_float64").GetDouble()));
            optimiser.Step(settings.GetProperty("lr").GetDouble());
        }
    }

    [Theory]
    [MemberData(nameof(GoldenModel.LanguageModels), MemberType = typeof(GoldenModel))]
    public void What_is_saved_loads_as_it_was(string name)
    {
        using var model = CausalLm.Load(Folder(name), Compute.Cpu);
        var folder = Directory.CreateTempSubdirectory("attune").FullName;
        try
        {
            model.Save(Path.Combine(folder, "model"), new() { MaximumShardBytes = name == GoldenModel.Sharded ? 30_000 : long.MaxValue });
            var files = Directory.GetFiles(Folder(name), "model*");
            Assert.Equal(name == GoldenModel.Sharded ? 3 : 1, files.Length);
            foreach (var file in files)
                Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(folder, "model", Path.GetFileName(file))));
            using var again = CausalLm.Load(Path.Combine(folder, "model"), Compute.Cpu);
            Assert.Equal(model.Parameters.Select(p => p.Value.ToArray<float>()), again.Parameters.Select(p => p.Value.ToArray<float>()));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The first four numbers of every tensor's gradient: signs and order, which norms do not see.</summary>
    private static void NearFirstGradients(JsonElement recorded, CausalLm model, double tolerance)
    {
        var gradients = model.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Value.Grad!);
        var entries = KeyMap.For(model.Config).Entries.ToDictionary(e => e.Key);
        Assert.True(recorded.EnumerateObject().Count() >= 15, "a golden without gradients checks nothing");
        foreach (var (key, expected) in recorded.EnumerateObject().Select(p => (p.Name, Numbers(p.Value))))
        {
            var actual = entries[key].AsOnDisk(gradients[entries[key].Name]).Flatten(0, -1).ToArray<float>();
            for (var k = 0; k < expected.Length; k++)
                Assert.Equal(expected[k], actual[k], tolerance); // of up to 0.2; after five steps in float32, and a step earlier they differ by 0.03
        }
    }

    private static Tensor Loss(CausalLm model, JsonElement batch)
    {
        var rows = batch.EnumerateArray().Select(Ids).ToArray();
        var width = rows[0].Length;
        var logits = model.Logits(model.Hidden(ModelInput.Causal(rows.SelectMany(r => r).ToArray(), rows.Length, model.Compute)).Narrow(1, 0, width - 1));
        var targets = rows.SelectMany(r => r.Skip(1)).Select(t => (long)t).ToArray();
        return CrossEntropy.Call(logits.Flatten(0, 1), Tensor.From(targets, targets.Length));
    }

    private static void Near(double expected, double actual) => Assert.InRange(actual, expected - 1e-4 * Math.Abs(expected), expected + 1e-4 * Math.Abs(expected));

    private static string Folder(string name) => Repository.PathOf($"tests/goldens/models/{name}");

    private static JsonElement Expected(string name) =>
        // Python writes NaN for the mean of no tokens, which JSON does not know.
        JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder(name), "expected.json")).Replace("NaN", "null", StringComparison.Ordinal)).RootElement;

    private static (int Length, int? End, double Penalty) Options(JsonElement sample) => (
        sample.GetProperty("max_new_tokens").GetInt32(),
        sample.GetProperty("eos_token_id") is { ValueKind: JsonValueKind.Number } end ? end.GetInt32() : null,
        sample.TryGetProperty("repetition_penalty", out var penalty) ? penalty.GetDouble() : 1);

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    private static double[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetDouble())];

    private static double[][] Rows(JsonElement array) => [.. array.EnumerateArray().Select(Numbers)];
}
