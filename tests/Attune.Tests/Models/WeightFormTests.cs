using Attune.Models;
using Attune.Rollouts;
using Attune.Torch;
using Attune.Torch.Modules;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class WeightFormTests
{
    private static readonly WeightForm[] Rounded = [WeightForm.Int8, WeightForm.Nf4];

    [Theory]
    [MemberData(nameof(LoraAdapterTests.Families), MemberType = typeof(LoraAdapterTests))]
    public void Every_family_computes_with_the_rounded_weights_as_with_any_others(string family)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var input = ModelInput.Causal([1, 2, 3, 4, 5, 6], 1, Compute.Cpu);
        using var plain = CausalLm.Load(GoldenModel.Folder(family), Compute.Cpu);
        var exact = plain.Logits(plain.Hidden(input));
        foreach (var form in Rounded)
        {
            using var read = CausalLm.Load(GoldenModel.Folder(family), Compute.Cpu, weights: form);
            using var later = CausalLm.Load(GoldenModel.Folder(family), Compute.Cpu);
            using var rounded = CausalLm.Load(GoldenModel.Folder(family), Compute.Cpu);
            later.Pack(form);
            foreach (var (name, parameter) in rounded.NamedParameters().Where(p => p.Parameter.Value.Rank == 2))
            {
                var isLayer = name.StartsWith("blocks.", StringComparison.Ordinal);
                if (!isLayer && name != (rounded.Config.TiedEmbeddings ? "embed.weight" : "head.weight"))
                    continue;
                using var packed = (isLayer && form == WeightForm.Nf4 ? PackedForm.Nf4 : PackedForm.Int8).Pack(parameter.Value);
                parameter.Value.CopyFrom(packed.Unpack());
            }

            var (expected, actual) = (rounded.Logits(rounded.Hidden(input)), read.Logits(read.Hidden(input)));
            actual.ShouldBeNear(expected, 1e-4 * expected.Abs().Max().Item());
            Assert.InRange((exact - actual).Norm().Item() / exact.Norm().Item(), 1e-3, 0.9); // random weights let little grow to much; unrelated logits are off by 1.4
            Assert.Equal(actual.ToArray<float>(), later.Logits(later.Hidden(input)).ToArray<float>());
            Assert.DoesNotContain(read.NamedParameters(), p => p.Parameter.Value.Rank == 2 && p.Name is not ("positions.weight" or "embed.weight"));
            Assert.Equal(read.Config.TiedEmbeddings, read.NamedParameters().All(p => p.Name != "embed.weight"));
            Assert.Throws<InvalidOperationException>(() => read.Copy());
            Assert.InRange(read.BytesReadPerToken, 1, plain.BytesReadPerToken - 1);
        }
    }

    [Fact]
    public void The_bytes_that_a_token_reads_are_counted_by_hand()
    {
        // gpt2: 61 tokens of width 32, tied; two layers of qkv 96·32, out 32·32, up 64·32, down 32·64 with biases; five norms of 2·32; positions are looked up
        const int Matrices = 2 * ((96 * 32) + (32 * 32) + (64 * 32) + (32 * 64)), Vectors = (2 * (96 + 32 + 64 + 32)) + (5 * 64), Table = 61 * 32;
        using var model = TinyModel.Create("gpt2");
        Assert.Equal(4 * (Matrices + Vectors + Table), model.BytesReadPerToken);
        model.Pack(WeightForm.Int8); // a scale for each row
        Assert.Equal(Matrices + (4 * 2 * (96 + 32 + 64 + 32)) + (4 * Vectors) + Table + (4 * 61), model.BytesReadPerToken);

        using var packed = TinyModel.Create("gpt2");
        packed.Pack(WeightForm.Nf4); // half a byte each, a scale for each 64, and the table of a byte's values eight times
        Assert.Equal((Matrices / 2) + (4 * Matrices / 64) + (8 * 2048) + (4 * Vectors) + Table + (4 * 61), packed.BytesReadPerToken);

        using var own = TinyModel.Create("llama"); // an output layer of its own; the embedding is looked up
        var all = own.NamedParameters().Sum(p => p.Parameter.Value.Count);
        Assert.Equal(4 * (all - Table), own.BytesReadPerToken);
    }

    [Theory]
    [InlineData("gpt2", WeightForm.Int8)]
    [InlineData("gpt2", WeightForm.Nf4)]
    [InlineData("llama", WeightForm.Int8)]
    [InlineData("llama", WeightForm.Nf4)]
    public void Greedy_answers_are_the_same_alone_and_together_and_with_any_threads(string family, WeightForm form)
    {
        using var model = TinyModel.Create(family);
        model.Pack(form);
        var requests = Enumerable.Range(0, 9).Select(k => new SampleRequest([.. Enumerable.Range(0, 1 + (k * 5 % 11)).Select(t => ((13 * k) + (7 * t)) % 61)], k)).ToArray();
        var options = new SamplingOptions { IsGreedy = true, MaximumNewTokens = 24 };
        Rollout[] Sample(int batch, int threads)
        {
            var before = TorchRuntime.Threads;
            TorchRuntime.Threads = threads;
            try
            {
                return new Sampler(model, options) { MaximumBatch = batch }.Sample(requests, new Seed(1));
            }
            finally
            {
                TorchRuntime.Threads = before;
            }
        }

        var alone = Sample(batch: 1, threads: 1);
        foreach (var (batch, threads) in ((int, int)[])[(1, 2), (3, 2), (9, 1), (9, 3)])
        {
            foreach (var (one, other) in alone.Zip(Sample(batch, threads)))
                Assert.Equal(one.Response, other.Response);
        }
    }

    [Theory]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Nf4)]
    public void An_adapter_is_merged_before_the_weights_are_rounded(WeightForm form)
    {
        using var root = new TemporaryFolder();
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var input = ModelInput.Causal([1, 2, 3, 4], 1, Compute.Cpu);
        using var model = CausalLm.Load(GoldenModel.Folder("gpt2"), Compute.Cpu);
        using (var view = model.With(LoraAdapter.Create(model.Config, new() { Rank = 4 }, new Seed(1), Compute.Cpu)))
        {
            foreach (var (_, parameter) in view.NamedParameters())
                parameter.Value.FillInPlace(0.05);
            view.Save(root.At("adapter"));
        }

        using var merged = CausalLm.Load(root.At("adapter"), Compute.Cpu);
        merged.Pack(form);
        using var read = CausalLm.Load(root.At("adapter"), Compute.Cpu, weights: form);

        Assert.Equal(merged.Logits(merged.Hidden(input)).ToArray<float>(), read.Logits(read.Hidden(input)).ToArray<float>());
        using var without = CausalLm.Load(GoldenModel.Folder("gpt2"), Compute.Cpu, weights: form);
        Assert.NotEqual(without.Hidden(input).ToArray<float>(), read.Hidden(input).ToArray<float>());
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Memory_is_foreseen(string family)
    {
        var config = TinyModel.Named(family);
        foreach (var form in Enum.GetValues<WeightForm>())
        {
            using var model = TinyModel.Create(family);
            model.Pack(form);
            var tables = (config.Positions == PositionKind.Learned ? config.MaximumPositions : 0) + (config.TiedEmbeddings ? 0 : config.VocabularySize);
            var held = model.BytesReadPerToken + (4 * tables * config.Width);
            var small = form == WeightForm.Full ? 0 : (4 * 1000) + (form == WeightForm.Nf4 ? 8 * 2048 : 0); // scales of rows, tables of values: next to nothing in a real model
            Assert.InRange(held - MemoryEstimate.Weights(config, DType.Float32, form), 0, small);
        }
    }
}
