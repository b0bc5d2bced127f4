using Attune.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class CausalLmTests
{
    // Layout changes the order of float32 sums only; logits here are of size 10.
    private const double Tolerance = 1e-5;

    private static readonly int[] Ids = [3, 17, 42, 8, 8, 60, 1, 29];

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Decoding_with_a_cache_equals_the_full_pass(string family)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        using var model = TinyModel.Create(family);
        var full = model.Logits(model.Hidden(ModelInput.Causal(Ids, 1, Compute.Cpu)));

        using var cache = new KvCache(model.Config, 1, Ids.Length, Compute.Cpu);
        var parts = new List<Tensor> { model.Hidden(ModelInput.Causal(Ids.AsSpan(0, 3), 1, Compute.Cpu), cache) };
        for (var k = 3; k < Ids.Length; k++)
            parts.Add(model.Hidden(ModelInput.Next([Ids[k]], [k], null, Compute.Cpu), cache));
        model.Logits(Tensor.Cat(1, [.. parts])).ShouldBeNear(full, Tolerance);
    }

    [Theory]
    [InlineData("gpt2", 1)]
    [InlineData("gpt2", 32)]
    [InlineData("llama", 1)]
    [InlineData("llama", 32)]
    public void Many_rows_decode_as_one_row_does(string family, int rows)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        using var model = TinyModel.Create(family);
        var full = model.Hidden(ModelInput.Causal(Ids, 1, Compute.Cpu));
        using var cache = new KvCache(model.Config, rows, Ids.Length, Compute.Cpu);
        for (var k = 0; k < Ids.Length; k++)
        {
            var row = model.Hidden(ModelInput.Next([.. Enumerable.Repeat(Ids[k], rows)], [.. Enumerable.Repeat(k, rows)], null, Compute.Cpu), cache);
            row.Narrow(0, rows - 1, 1).ShouldBeNear(full.Narrow(1, k, 1), Tolerance);
        }
    }

    [Theory]
    [InlineData("gpt2", new[] { 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 })]
    [InlineData("gpt2", new[] { 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1 })]
    [InlineData("gpt2", new[] { 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0 })]
    [InlineData("llama", new[] { 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 })]
    [InlineData("llama", new[] { 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1 })]
    [InlineData("llama", new[] { 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0 })]
    public void Padding_anywhere_changes_nothing_at_real_places(string family, int[] segments)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        using var model = TinyModel.Create(family);
        var plain = model.Hidden(ModelInput.Causal(Ids, 1, Compute.Cpu)).Select(0, 0);

        var places = Enumerable.Range(0, segments.Length).Where(k => segments[k] == 1).Select(k => (long)k).ToArray();
        var padded = new int[segments.Length];
        for (var k = 0; k < places.Length; k++)
            padded[places[k]] = Ids[k];
        var hidden = model.Hidden(ModelInput.Of(padded, segments, 1, Compute.Cpu)).Select(0, 0);
        hidden.IndexSelect(0, Tensor.From(places, places.Length)).ShouldBeNear(plain, Tolerance);
        Assert.True(hidden.IsFinite().All().ItemInt64() == 1, "padded places must stay finite");
    }

    [Theory]
    [InlineData("gpt2", new[] { 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 }, 5)] // before the cached tokens
    [InlineData("gpt2", new[] { 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1 }, 6)] // among them, between, and among the new
    [InlineData("gpt2", new[] { 1, 1, 1, 1, 1, 1, 1, 1 }, 3)] // none
    [InlineData("gpt2", new[] { 1, 1, 1, 0, 2, 2, 2, 1, 1, 1, 1, 1 }, 6)] // another document
    [InlineData("llama", new[] { 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 }, 5)]
    [InlineData("llama", new[] { 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1 }, 6)]
    [InlineData("llama", new[] { 1, 1, 1, 1, 1, 1, 1, 1 }, 3)]
    [InlineData("llama", new[] { 1, 1, 1, 0, 2, 2, 2, 1, 1, 1, 1, 1 }, 6)]
    public void Several_tokens_behind_cached_ones_are_as_in_the_full_pass_wherever_padding_stands(string family, int[] segments, int cached)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        using var model = TinyModel.Create(family);
        var plain = model.Hidden(ModelInput.Causal(Ids, 1, Compute.Cpu)).Select(0, 0);
        var places = Enumerable.Range(0, segments.Length).Where(k => segments[k] == 1).Select(k => (long)k).ToArray();
        var padded = new int[segments.Length];
        for (var k = 0; k < places.Length; k++)
            padded[places[k]] = Ids[k];

        using var cache = new KvCache(model.Config, 2, segments.Length, Compute.Cpu);
        int[] first = [.. padded[..cached], .. padded[..cached]], firstSegments = [.. segments[..cached], .. segments[..cached]];
        int[] rest = [.. padded[cached..], .. padded[cached..]];
        var hidden = Tensor.Cat(1, model.Hidden(ModelInput.Of(first, firstSegments, 2, Compute.Cpu), cache), model.Hidden(ModelInput.Of(rest, [.. segments, .. segments], 2, Compute.Cpu), cache));

        for (var row = 0; row < 2; row++)
            hidden.Select(0, row).IndexSelect(0, Tensor.From(places, places.Length)).ShouldBeNear(plain, Tolerance);
        Assert.True(hidden.IsFinite().All().ItemInt64() == 1, "padded places must stay finite");
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Documents_that_share_a_row_do_not_see_each_other(string family)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        using var model = TinyModel.Create(family);
        var packed = model.Hidden(ModelInput.Of([3, 17, 42, 8, 8, 60, 0], [1, 1, 1, 2, 2, 2, 0], 1, Compute.Cpu));
        packed.Narrow(1, 0, 3).ShouldBeNear(model.Hidden(ModelInput.Causal([3, 17, 42], 1, Compute.Cpu)), Tolerance);
        packed.Narrow(1, 3, 3).ShouldBeNear(model.Hidden(ModelInput.Causal([8, 8, 60], 1, Compute.Cpu)), Tolerance);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void A_token_does_not_see_the_future(string family)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        using var model = TinyModel.Create(family);
        var one = model.Hidden(ModelInput.Causal([3, 17, 42, 8], 1, Compute.Cpu)).Narrow(1, 0, 3);
        var other = model.Hidden(ModelInput.Causal([3, 17, 42, 55], 1, Compute.Cpu)).Narrow(1, 0, 3);
        one.ShouldBeNear(other, 0);
    }

    [Theory]
    [InlineData("gpt2", false)]
    [InlineData("llama", false)]
    [InlineData("llama", true)]
    public void Hidden_states_at_some_places_and_their_gradients_are_those_of_the_whole_pass(string family, bool checkpointing)
    {
        using var scope = TensorScope.Begin();
        using var model = TinyModel.Create(family);
        var input = ModelInput.Causal(Ids, 2, Compute.Cpu); // two rows of four
        var places = Tensor.From(new long[] { 6, 1, 7 }, 3);

        (float[] Hidden, float[][] Gradients) Learn(Func<Tensor> hidden)
        {
            using var inner = TensorScope.Begin();
            model.ClearGradients();
            var states = hidden();
            model.Logits(states).LogSoftmax(-1).Select(-1, 5).Sum().Backward();
            return (states.ToArray<float>(), [.. model.Parameters.Select(p => p.Value.Grad!.ToArray<float>())]);
        }

        var whole = Learn(() => model.Hidden(input).Flatten(0, 1).IndexSelect(0, places));
        model.UsesCheckpointing = checkpointing;
        var some = Learn(() => model.HiddenAt(input, places));

        Assert.Equal([3, model.Config.Width], model.HiddenAt(input, places).Shape.Select(size => (int)size));
        foreach (var (expected, actual) in whole.Gradients.Prepend(whole.Hidden).Zip(some.Gradients.Prepend(some.Hidden)))
            Assert.True(expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max() < Tolerance);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Checkpointing_gives_the_same_gradients_to_the_bit(string family)
    {
        using var scope = TensorScope.Begin();
        using var model = TinyModel.Create(family);
        float[][] Gradients(bool checkpointing)
        {
            using var inner = TensorScope.Begin();
            model.UsesCheckpointing = checkpointing;
            model.ClearGradients();
            model.Logits(model.Hidden(ModelInput.Causal(Ids, 2, Compute.Cpu))).LogSoftmax(-1).Square().Sum().Backward();
            return [.. model.Parameters.Select(p => p.Value.Grad!.ToArray<float>())];
        }

        Assert.Equal(Gradients(checkpointing: false), Gradients(checkpointing: true));
    }

    [Fact]
    public void Checkpointing_gives_a_reward_model_the_same_gradients_to_the_bit()
    {
        using var scope = TensorScope.Begin();
        using var trunk = TinyModel.Create("llama");
        using var model = RewardModel.Create(trunk, new Seed(3));
        float[][] Gradients(bool checkpointing)
        {
            using var inner = TensorScope.Begin();
            model.Trunk.UsesCheckpointing = checkpointing;
            model.ClearGradients();
            model.Forward([[1, 2, 3], [4, 5, 6, 7, 8], [9]]).Square().Sum().Backward();
            return [.. model.Parameters.Select(p => p.Value.Grad!.ToArray<float>())];
        }

        Assert.Equal(Gradients(checkpointing: false), Gradients(checkpointing: true));
    }

    [Fact]
    public void The_same_seed_gives_the_same_weights_and_a_copy_equals_its_original()
    {
        using var one = TinyModel.Create("llama");
        using var two = TinyModel.Create("llama");
        using var copy = one.Copy();
        using var other = TinyModel.Create("llama", seed: 2);
        float[][] Values(CausalLm model) => [.. model.Parameters.Select(p => p.Value.ToArray<float>())];
        Assert.Equal(Values(one), Values(two));
        Assert.Equal(Values(one), Values(copy));
        Assert.NotEqual(Values(one), Values(other));
    }

    [Fact]
    public void Log_probs_of_a_batch_equal_those_of_each_sequence_alone()
    {
        using var model = TinyModel.Create("llama");
        int[][] sequences = [[3, 17, 42, 8, 8], [5], [60, 1, 2]];
        var together = TokenScoring.LogProbs(model, sequences);
        Assert.Equal([4, 0, 2], together.Select(row => row.Length));
        for (var k = 0; k < sequences.Length; k++)
        {
            var alone = TokenScoring.LogProbs(model, [sequences[k]])[0];
            for (var t = 0; t < alone.Length; t++)
                Assert.Equal(alone[t], together[k][t], 1e-5f);
        }
    }
}
