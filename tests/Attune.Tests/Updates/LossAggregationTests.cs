using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class LossAggregationTests
{
    [Fact] // OpenRLHF's test
    public void The_token_mean_is_the_same_over_one_rank_and_over_two()
    {
        using var scope = TensorScope.Begin();
        var losses = Tensor.Of([[1.0, 2, 0], [3, 4, 5], [7, 0, 0]]);
        var mask = Tensor.Of([[1.0, 1, 0], [1, 1, 1], [1, 0, 0]]);
        var whole = LossAggregation.OverTokens(losses, mask);
        var split = LossAggregation.OverTokens(losses.Narrow(0, 0, 2), mask.Narrow(0, 0, 2)) + LossAggregation.OverTokens(losses.Narrow(0, 2, 1), mask.Narrow(0, 2, 1));
        whole.Mean.ShouldBeNear(22 / 6.0, 1e-15);
        split.Mean.ShouldBeNear(22 / 6.0, 1e-15);
    }

    [Fact] // OpenRLHF's test
    public void Micro_batches_of_two_and_five_tokens_weigh_as_their_tokens()
    {
        using var scope = TensorScope.Begin();
        LossSum Of(double[] losses) => LossAggregation.OverTokens(Tensor.Of([losses]), Tensor.Ones([1, losses.Length]));
        var (first, second) = (Of([1, 2]), Of([3, 4, 5, 6, 7]));
        (first + second).Mean.ShouldBeNear(4.0, 1e-15);
        Assert.Equal(3.25, (first.Mean.Item() + second.Mean.Item()) / 2); // the mean of means: what must not be reported
    }

    [Fact] // OpenRLHF's test
    public void Sequence_means_weigh_sequences_alike_and_skip_empty_ones()
    {
        using var scope = TensorScope.Begin();
        var losses = Tensor.Of([[1.0, 3, 99], [2, 4, 99], [8, 99, 99]]);
        LossAggregation.OverSequenceMeans(losses, Tensor.Of([[1.0, 1, 0], [1, 1, 0], [1, 0, 0]])).Mean.ShouldBeNear((2 + 3 + 8) / 3.0, 1e-15);
        LossAggregation.OverSequenceMeans(losses, Tensor.Of([[1.0, 1, 0], [0, 0, 0], [0, 0, 0]])).Mean.ShouldBeNear(2.0, 1e-15);
        LossAggregation.OverSequenceSums(losses, Tensor.Of([[1.0, 1, 0], [1, 1, 0], [1, 0, 0]])).Mean.ShouldBeNear((4 + 6 + 8) / 3.0, 1e-15);
        LossAggregation.OverTokens(losses, Tensor.ZerosLike(losses)).Mean.ShouldBeNear(0, 0);
    }

    [Theory] // verl's test: four ranks with the same batch, in 1, 2 and 4 micro-batches
    [InlineData(1), InlineData(2), InlineData(4)]
    public void The_token_sum_over_four_ranks_does_not_depend_on_the_split(int pieces)
    {
        using var scope = TensorScope.Begin();
        var losses = Tensor.Of([[1.0, 2, 30], [4, 50, 6]]).RepeatInterleave(4, 0);
        var mask = Tensor.Of([[1.0, 1, 0], [1, 0, 1]]).RepeatInterleave(4, 0);
        var sum = Enumerable.Range(0, pieces)
            .Select(p => LossAggregation.OverTokens(losses.Narrow(0, 8 / pieces * p, 8 / pieces), mask.Narrow(0, 8 / pieces * p, 8 / pieces)))
            .Aggregate((a, b) => a + b);
        sum.Sum.ShouldBeNear(52, 0);
    }
}
