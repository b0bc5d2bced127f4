using Attune.Models;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Modules;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class PackedModelTests
{
    private static readonly AdapterSettings Packed = new() { Rank = 4, BaseBits = 4 };

    [Theory]
    [MemberData(nameof(LoraAdapterTests.Families), MemberType = typeof(LoraAdapterTests))]
    public void A_model_is_packed_as_it_is_read_and_says_nearly_the_same(string family)
    {
        using var scope = TensorScope.Begin();
        var input = ModelInput.Causal([1, 2, 3, 4, 5, 6], 1, Compute.Cpu);
        using var plain = CausalLm.Load(GoldenModel.Folder(family), Compute.Cpu);
        using var packed = CausalLm.Load(GoldenModel.Folder(family), Compute.Cpu, Packed);
        using var later = CausalLm.Load(GoldenModel.Folder(family), Compute.Cpu);
        later.Pack(PackedForm.Nf4Doubled);

        var (expected, actual) = (plain.Hidden(input), packed.Hidden(input));
        var off = (expected - actual).Norm().Item() / expected.Norm().Item();
        Assert.InRange(off, 1e-3, 0.7); // a tenth in each matrix, which random weights let grow; unrelated activations would be off by 1.4
        Assert.Equal(actual.ToArray<float>(), later.Hidden(input).ToArray<float>());
        Assert.DoesNotContain(packed.NamedParameters(), p => p.Name.StartsWith("blocks.", StringComparison.Ordinal) && p.Parameter.Value.Rank == 2);
        Assert.Throws<InvalidOperationException>(() => packed.Copy());
        using var view = packed.With(LoraAdapter.Create(packed.Config, Packed, new Seed(1), Compute.Cpu));
        Assert.Throws<InvalidOperationException>(view.Merge);
        Assert.Equal(actual.ToArray<float>(), view.Hidden(input).ToArray<float>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_adapter_learns_beside_packed_weights(bool checkpointing)
    {
        using var model = TinyModel.Create("llama");
        model.Pack(PackedForm.Nf4Doubled);
        using var scope = TensorScope.Begin();
        using var view = model.With(LoraAdapter.Create(model.Config, Packed with { Rank = 8 }, new Seed(1), Compute.Cpu));
        view.UsesCheckpointing = checkpointing;
        using var trainer = new LanguageModelTrainer(view, Rows(), new() { Batch = 6, MicroBatch = 6, Steps = 60, LearningRate = 2e-2, WarmUpSteps = 2 }, new Seed(1));

        var losses = Enumerable.Range(0, 60).Select(step => trainer.Step(step).Loss).ToArray();

        Assert.True(losses[^1] < 0.3 * losses[0], $"{losses[0]:0.000} to {losses[^1]:0.000}");
    }

    [Fact]
    public void Gradients_beside_packed_weights_are_those_of_finite_differences()
    {
        using var scope = TensorScope.Begin();
        var compute = Compute.Cpu with { DType = DType.Float64 };
        using var model = CausalLm.Load(GoldenModel.Folder("gpt2"), compute, Packed);
        using var view = model.With(LoraAdapter.Create(model.Config, Packed with { Rank = 1, Targets = ["c_attn"] }, new Seed(1), compute));
        var b = view.NamedParameters().First(p => p.Name.Contains("lora_B", StringComparison.Ordinal)).Parameter.Value;

        FiniteDifference.Check(() => view.Logits(view.Hidden(ModelInput.Causal([1, 2, 3], 1, compute))).LogSoftmax(-1).Select(-1, 3).Sum(), [b]);
    }

    private static TokenBatch Rows()
    {
        var rows = new TokenBatch(rows: 12, width: 12, paddingId: 0);
        for (var k = 0; k < rows.Ids.Length; k++)
            (rows.Ids[k], rows.Segments[k], rows.LossMask[k]) = (1 + (k / 12 + k % 12) % 20, 1, true);
        return rows;
    }
}
