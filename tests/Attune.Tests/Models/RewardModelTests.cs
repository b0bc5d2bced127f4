using Attune.Models;
using Attune.Runs;
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
        using var model = Tiny(family);

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
        using var model = Tiny(family);

        var hidden = model.Trunk.Hidden(ModelInput.Causal(Sequences[0], 1, Compute.Cpu)).Select(0, 0); // [T,D]
        var expected = model.Head.Forward(hidden.Select(0, Sequences[0].Length - 1)).Item();

        Assert.Equal(expected, model.Score(Sequences)[0], Tolerance);
    }

    [Theory]
    [InlineData("gpt2-reward")]
    [InlineData("llama-reward")]
    public void Scores_are_those_of_transformers_with_and_without_padding(string name)
    {
        using var model = RewardModel.Load(GoldenModel.Folder(name), Compute.Cpu);
        var expected = GoldenModel.Expected(name);
        var lengths = expected.GetProperty("attention_mask").EnumerateArray().Select(row => row.EnumerateArray().Sum(m => m.GetInt32()));
        int[][] sequences = [.. expected.GetProperty("input_ids").EnumerateArray()
            .Zip(lengths, (row, length) => row.EnumerateArray().Take(length).Select(id => id.GetInt32()).ToArray())];

        var together = model.Score(sequences);

        Assert.Equal(3, together.Length);
        for (var k = 0; k < together.Length; k++)
        {
            Assert.Equal(expected.GetProperty("scores")[k].GetDouble(), together[k], Tolerance); // the tolerance of the goldens' README
            Assert.Equal(expected.GetProperty("scores_unpadded")[k].GetDouble(), model.Score([sequences[k]])[0], Tolerance);
        }
    }

    [Fact]
    public void A_saved_model_scores_to_the_bit_what_it_scored()
    {
        using var folder = new TemporaryFolder();
        using var model = Tiny("llama");
        model.Head.Rescale(0.5, 0.25); // a bias that must not get lost
        model.Save(folder.At("reward"));

        using var loaded = RewardModel.Load(folder.At("reward"), Compute.Cpu);

        Assert.Equal(model.Score(Sequences), loaded.Score(Sequences));
    }

    [Fact]
    public void A_model_that_predicts_tokens_is_no_reward_model()
    {
        var error = Assert.Throws<InputException>(() => RewardModel.Load(GoldenModel.Folder("gpt2"), Compute.Cpu));

        Assert.Contains("holds a model that predicts tokens, expected a reward model; train one", error.Message);
    }

    [Fact]
    public void The_policy_stays_what_it_was_and_its_output_layer_is_not_copied()
    {
        using var policy = TinyModel.Create("llama");
        using var model = RewardModel.Create(policy, new Seed(2));
        var policyKeys = policy.NamedParameters().Select(p => p.Name).ToArray();

        Assert.Contains("head.weight", policyKeys);
        Assert.Equal([.. policyKeys.Except(["head.weight"]), "score.weight", "score.bias"], model.NamedParameters().Select(p => p.Name));
        model.Dispose();
        Assert.All(policy.Parameters, p => Assert.False(p.Value.IsClosed));
    }

    [Fact]
    public void Padding_carries_no_gradient()
    {
        using var scope = TensorScope.Begin();
        using var model = Tiny("llama"); // token 0 is what stands at padding

        model.Forward([[5, 6], [7, 8, 9, 10]]).Sum().Backward();

        var embedding = model.NamedParameters().Single(p => p.Name == "embed.weight").Parameter.Value.Grad!;
        Assert.Equal(0, embedding.Select(0, 0).Norm().Item());
        Assert.True(embedding.Select(0, 6).Norm().Item() > 0);
        model.ClearGradients();
    }

    [Fact]
    public void A_copy_scores_the_same_with_weights_of_its_own()
    {
        using var model = Tiny("gpt2");
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
        using var model = Tiny("gpt2");

        var error = Assert.Throws<ArgumentException>(() => model.Score([[1], []]));

        Assert.Contains("has 0 tokens", error.Message);
    }

    private static RewardModel Tiny(string family)
    {
        using var policy = TinyModel.Create(family);
        return RewardModel.Create(policy, new Seed(2));
    }
}
