using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class GaeTests
{
    [Fact]
    public void Advantages_match_three_steps_worked_by_hand()
    {
        using var scope = TensorScope.Begin();
        var rewards = Tensor.Of([[0.0, 0.0, 1.0]]);
        var values = Tensor.Of([[0.1, 0.5, 0.2]]);

        var actual = Gae.Estimate(rewards, values, Tensor.OnesLike(rewards), discount: 1.0, lambda: 0.5);

        // errors: 0.5-0.1, 0.2-0.5, 1-0.2 = 0.4, -0.3, 0.8; each adds half of the next advantage
        actual.PerToken.ShouldBeNear([[0.45, 0.10, 0.80]], tolerance: 1e-12);
        actual.Returns.ShouldBeNear([[0.55, 0.60, 1.00]], tolerance: 1e-12);
    }

    [Fact] // torchtune's test
    public void Discounted_advantages_where_values_equal_rewards()
    {
        using var scope = TensorScope.Begin();
        var both = Tensor.Of([[0.0, 0, 0, 1]]);
        var actual = Gae.Estimate(both, both, Tensor.OnesLike(both), discount: 0.9, lambda: 0.95);
        actual.Returns.ShouldBeNear([[0.6579225, 0.7695, 0.9, 1]], 5.1e-8);
        actual.PerToken.ShouldBeNear([[0.6579225, 0.7695, 0.9, 0]], 5.1e-8);
    }

    [Fact]
    public void Undiscounted_advantages_of_three_steps()
    {
        using var scope = TensorScope.Begin();
        var values = Tensor.Of([[0.5, 0.4, 0.3]]);
        var actual = Gae.Estimate(Tensor.Of([[-0.01, 0.02, 1]]), values, Tensor.OnesLike(values), discount: 1, lambda: 0.95);
        actual.PerToken.ShouldBeNear([[0.44575, 0.585, 0.7]], 1e-12);
        actual.Returns.ShouldBeNear([[0.94575, 0.985, 1.0]], 1e-12);
    }

    [Theory] // verl's property: two turns of a dialogue with foreign text before, between and after
    [InlineData(1, 1), InlineData(1, 0.95), InlineData(0.9, 0.5), InlineData(0.99, 0)]
    public void Junk_where_the_policy_did_not_act_changes_no_bit(double discount, double lambda)
    {
        using var scope = TensorScope.Begin();
        var mask = Tensor.Of([[0.0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0]]);
        var rewards = Tensor.Of([[0, 0, 0.1, 0.1, 0.1, 0, 0, 0.1, 1, 0, 0]]);
        var values = Tensor.Of([[0.0, 0, 4, 5, 6, 0, 0, 7, 9, 0, 0]]);
        Advantages With(ulong seed, double scale)
        {
            var junk = Tensor.From(new Seed(seed).Normals(11), 1, 11).To(DType.Float64) * scale;
            var noisy = Tensor.Where(mask.NotEqual(0), values, junk);
            return Gae.Estimate(Tensor.Where(mask.NotEqual(0), rewards, junk), noisy, mask, discount, lambda);
        }

        var clean = Gae.Estimate(rewards, values, mask, discount, lambda);
        foreach (var junky in new[] { With(1, 1), With(2, 1e6), With(3, double.NaN) })
        {
            junky.PerToken.ShouldBeNear(clean.PerToken, 0);
            junky.Returns.ShouldBeNear(clean.Returns, 0);
        }

        // and the same as with the foreign places cut out
        var cut = Gae.Estimate(Tensor.Of([[0.1, 0.1, 0.1, 0.1, 1]]), Tensor.Of([[4.0, 5, 6, 7, 9]]), Tensor.Ones([1, 5]), discount, lambda);
        Assert.Equal(cut.PerToken.ToDoubles(), clean.PerToken.ToDoubles().Where((_, i) => i is 2 or 3 or 4 or 7 or 8));
    }

    [Fact]
    public void Lambda_one_gives_rewards_to_go_and_lambda_zero_gives_errors()
    {
        using var scope = TensorScope.Begin();
        var (rewards, values) = (Tensor.Of([[1.0, 2, 4]]), Tensor.Of([[0.5, -1, 3]]));
        Gae.Estimate(rewards, values, Tensor.OnesLike(values), discount: 1, lambda: 1).Returns.ShouldBeNear([[7, 6, 4]], 1e-12);
        Gae.Estimate(rewards, values, Tensor.OnesLike(values), discount: 0.5, lambda: 0).PerToken.ShouldBeNear([[0, 4.5, 1]], 1e-12);
    }

    [Fact]
    public void Rows_and_dtypes_are_kept_apart()
    {
        using var scope = TensorScope.Begin();
        var rewards = Tensor.From(new float[] { 0, 1, 0, 5 }, 2, 2);
        var actual = Gae.Estimate(rewards, Tensor.ZerosLike(rewards), Tensor.OnesLike(rewards), 1, 1);
        Assert.Equal((DType.Float32, DType.Float32), (actual.PerToken.DType, actual.Returns.DType));
        actual.PerToken.ShouldBeNear([[1, 1], [5, 5]], 0);
    }

    [Fact]
    public void Shapes_that_differ_are_refused_with_all_three_named()
    {
        using var scope = TensorScope.Begin();
        var error = Assert.Throws<ArgumentException>(() => Gae.Estimate(Tensor.Ones([1, 3]), Tensor.Ones([1, 4]), Tensor.Ones([1, 3]), 1, 1));
        Assert.Contains("Rewards [1,3], values [1,4] and mask [1,3]", error.Message);
    }
}
