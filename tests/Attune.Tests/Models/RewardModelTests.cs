using Attune.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class RewardModelTests
{
    // Other rows and padding change the order of float32 sums only; scores here are of size 1.
    private const double Tolerance = 1e-5;

    private static readonly int[][] Sequences = [[3, 17, 42, 8, 8, 60, 1, 29], [5], [9, 9, 2], [44, 0, 13, 0]];

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void A_score_does_not_depend_on_who_shares_the_batch(string family)
    {
        using var model = RewardModel.Create(TinyModel.Create(family), new Seed(2));

        var together = model.Score(Sequences);
        var byTwo = model.Score(Sequences, microBatch: 2);

        for (var k = 0; k < Sequences.Length; k++)
        {
            Assert.Equal(model.Score([Sequences[k]])[0], together[k], Tolerance);
            Assert.Equal(together[k], byTwo[k], Tolerance);
        }

        Assert.True(together.Max() - together.Min() > 0.1, "scores that hardly differ would pass any comparison");
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void The_score_is_read_at_the_last_real_token(string family)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        using var model = RewardModel.Create(TinyModel.Create(family), new Seed(2));

        var hidden = model.Trunk.Hidden(ModelInput.Causal(Sequences[0], 1, Compute.Cpu)).Select(0, 0); // [T,D]
        var expected = model.Head.Forward(hidden.Select(0, Sequences[0].Length - 1)).Item();

        Assert.Equal(expected, model.Score(Sequences)[0], Tolerance);
    }

    [Fact]
    public void Checkpoint_keys_are_the_trunks_own_and_the_score()
    {
        using var trunk = TinyModel.Create("llama");
        var trunkKeys = trunk.NamedParameters().Select(p => p.Name).ToArray();
        using var model = new RewardModel(trunk, ScalarHead.ForValue(trunk.Config.Width, Compute.Cpu));

        Assert.Equal([.. trunkKeys, "score.weight", "score.bias"], model.NamedParameters().Select(p => p.Name));
    }

    [Fact]
    public void The_output_layer_of_the_trunk_is_not_trained()
    {
        using var model = RewardModel.Create(TinyModel.Create("llama"), new Seed(2));

        var frozen = model.NamedParameters().Where(p => !p.Parameter.IsTrained).Select(p => p.Name);

        Assert.Equal(["head.weight"], frozen);
    }

    [Fact]
    public void Padding_carries_no_gradient()
    {
        using var scope = TensorScope.Begin();
        using var model = RewardModel.Create(TinyModel.Create("llama"), new Seed(2)); // token 0 is what stands at padding

        model.Forward([[5, 6], [7, 8, 9, 10]]).Sum().Backward();

        var embedding = model.NamedParameters().Single(p => p.Name == "embed.weight").Parameter.Value.Grad!;
        Assert.Equal(0, embedding.Select(0, 0).Norm().Item());
        Assert.True(embedding.Select(0, 6).Norm().Item() > 0);
        model.ClearGradients();
    }

    [Fact]
    public void A_copy_scores_the_same_with_weights_of_its_own()
    {
        using var model = RewardModel.Create(TinyModel.Create("gpt2"), new Seed(2));
        using var copy = model.Copy();
        var before = model.Score(Sequences);

        Assert.Equal(before, copy.Score(Sequences));
        copy.Head.Rescale(2, 1);

        Assert.Equal(before, model.Score(Sequences));
        Assert.Equal(2 * before[0] + 1, copy.Score(Sequences)[0], Tolerance);
    }

    [Fact]
    public void A_sequence_without_tokens_has_no_score()
    {
        using var model = RewardModel.Create(TinyModel.Create("gpt2"), new Seed(2));

        var error = Assert.Throws<ArgumentException>(() => model.Score([[1], []]));

        Assert.Contains("has 0 tokens", error.Message);
    }
}
