using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class PpoLossTests
{
    private static readonly RatioClip TwentyPercent = RatioClip.Symmetric(0.2);

    [Theory] // the inputs of torchtune's test with the values that the formula gives
    [InlineData(1, -1.2, 1)]
    [InlineData(-1, -0.367879441, 0)]
    [InlineData(0.1, -1.105170918, 0)]
    public void Three_tokens_of_advantage_one(double change, double each, int clipped)
    {
        using var scope = TensorScope.Begin();
        var old = Tensor.Of([[0.5, 0.8, 1.2]]);
        var ones = Tensor.OnesLike(old);
        var actual = PpoLoss.Of(old + change, old, ones, ones, TwentyPercent);
        actual.Loss.ShouldBeNear(3 * each, 3e-9);
        actual.ClippedTokens.ShouldBeNear(3 * clipped, 0);
        actual.HalfSquaredLogRatio.ShouldBeNear(1.5 * change * change, 1e-12);
        actual.NegativeLogRatio.ShouldBeNear(-3 * change, 1e-12);
        actual.Ratio.ShouldBeNear(3 * Math.Exp(change), 1e-12);
        actual.LargestLogRatio.ShouldBeNear(Math.Abs(change), 1e-12);
    }

    [Theory] // ratios 1.5 and 0.5: the clip stops only what would go further the same way
    [InlineData(1.5, 1, -1.2, true), InlineData(1.5, -1, 1.5, false), InlineData(0.5, 1, -0.5, false), InlineData(0.5, -1, 0.8, true)]
    public void The_pessimistic_side_wins(double ratio, double advantage, double expected, bool clipped)
    {
        using var scope = TensorScope.Begin();
        var actual = PpoLoss.Of(Tensor.Of([[Math.Log(ratio)]]), Tensor.Of([[0.0]]), Tensor.Of([[advantage]]), Tensor.Of([[1.0]]), TwentyPercent);
        actual.Loss.ShouldBeNear(expected, 1e-12);
        actual.ClippedTokens.ShouldBeNear(clipped ? 1 : 0, 0);
    }

    [Fact]
    public void Both_bounds_can_differ()
    {
        using var scope = TensorScope.Begin();
        double At(double ratio, double advantage) => PpoLoss.Of(
            Tensor.Of([[Math.Log(ratio)]]), Tensor.Of([[0.0]]), Tensor.Of([[advantage]]), Tensor.Of([[1.0]]), new(Low: 0.2, High: 0.28)).Loss.Item();
        Assert.Equal(-1.28, At(1.5, 1), 1e-12);
        Assert.Equal(0.8, At(0.5, -1), 1e-12);
    }

    [Theory] // verl's constant of 3: only negative advantages are capped
    [InlineData(10, -2, 6, 1), InlineData(2.5, -2, 5, 0), InlineData(10, 2, -2.4, 0)]
    public void The_dual_clip_caps_the_loss_of_bad_tokens(double ratio, double advantage, double expected, int capped)
    {
        using var scope = TensorScope.Begin();
        var actual = PpoLoss.Of(
            Tensor.Of([[Math.Log(ratio)]]), Tensor.Of([[0.0]]), Tensor.Of([[advantage]]), Tensor.Of([[1.0]]), RatioClip.Symmetric(0.2, dual: 3));
        actual.Loss.ShouldBeNear(expected, 1e-12);
        actual.DualClippedTokens.ShouldBeNear(capped, 0);
    }

    [Fact] // OpenRLHF's test: the metric is not clamped, also where the ratio's exponent is
    public void An_absurd_log_ratio_is_reported_as_it_is_and_gives_no_NaN()
    {
        using var scope = TensorScope.Begin();
        foreach (var advantage in new[] { 1f, -1f })
        {
            var logp = Tensor.From(new[] { 100f, 0.1f }, 1, 2);
            logp.RequiresGrad = true;
            var actual = PpoLoss.Of(logp, Tensor.ZerosLike(logp), Tensor.Full([1, 2], advantage), Tensor.Ones([1, 2]), TwentyPercent);
            actual.Loss.Backward();
            Assert.Equal(-100.1, actual.NegativeLogRatio.Item(), 1e-4);
            Assert.Equal(100, actual.LargestLogRatio.Item());
            Assert.All(logp.Grad!.ToDoubles(), g => Assert.True(double.IsFinite(g)));
            Assert.Equal(-advantage * Math.Exp(0.1), logp.Grad!.ToDoubles()[1], 1e-6);
        }
    }

    [Fact]
    public void Junk_at_padding_changes_neither_loss_nor_gradient()
    {
        using var scope = TensorScope.Begin();
        (double[] Numbers, double[] Gradient) At(double[][] logp, double[][] old, double[][] advantages, double[][] mask)
        {
            var leaf = Tensor.Of(logp);
            leaf.RequiresGrad = true;
            var sums = PpoLoss.Of(leaf, Tensor.Of(old), Tensor.Of(advantages), Tensor.Of(mask), TwentyPercent);
            sums.Loss.Backward();
            return ([.. Everything(sums)], [.. leaf.Grad!.ToDoubles().Where((_, i) => mask[0][i] != 0)]);
        }

        var plain = At([[-1, -2]], [[-1.1, -1.5]], [[0.7, -0.4]], [[1, 1]]);
        foreach (var junk in new[] { 0, 1, 1e30, double.PositiveInfinity, double.NaN })
        {
            var padded = At([[junk, -1, -2, junk]], [[0, -1.1, -1.5, -junk]], [[junk, 0.7, -0.4, 5]], [[0, 1, 1, 0]]);
            Assert.Equal(plain.Numbers, padded.Numbers);
            Assert.Equal(plain.Gradient, padded.Gradient);
        }
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(8)]
    public void Sums_of_micro_batches_are_the_sums_of_the_batch(int pieces)
    {
        using var scope = TensorScope.Begin();
        var batch = new RaggedBatch();
        var (whole, wholeGradient) = batch.Loss(0, 8);
        var (sums, gradient) = (new double[whole.Length], new double[wholeGradient.Length]);
        for (var piece = 0; piece < pieces; piece++)
        {
            var (from, to) = (8 * piece / pieces, 8 * (piece + 1) / pieces);
            var (part, partGradient) = batch.Loss(from, to);
            sums = [.. sums.Zip(part, (a, b) => a + b)];
            partGradient.CopyTo(gradient, from * 12);
        }

        Tensor.Of(sums).ShouldBeNear(whole, 1e-12); // order of float64 sums
        Tensor.Of(gradient).ShouldBeNear(wholeGradient, 0);
    }

    [Fact] // verl's test of the critic, lengths included
    public void The_value_loss_is_divided_once_by_all_tokens_of_the_batch()
    {
        using var scope = TensorScope.Begin();
        var (values, old, returns, mask) = (RaggedBatch.Draw(11), RaggedBatch.Draw(12), RaggedBatch.Draw(13), RaggedBatch.Mask());
        double Mean(int pieces) => Enumerable.Range(0, pieces).Sum(p =>
        {
            Tensor Part(Tensor t) => t.Narrow(0, 8 * p / pieces, 8 / pieces);
            return ValueLoss.Of(Part(values), Part(old), Part(returns), Part(mask), 0.2).Loss.Item() / 55; // 55 tokens in all
        });
        Assert.Equal(55, mask.To(DType.Float64).Sum().Item());
        foreach (var pieces in new[] { 2, 4, 8 })
            Assert.Equal(Mean(1), Mean(pieces), 1e-12);
    }

    [Theory] // value, old value, return: the worse of moving freely and of moving at most 0.2
    [InlineData(1.0, 0.0, 2.0, 0.5 * 1.8 * 1.8, 1)] // clipped to 0.2, further from 2
    [InlineData(1.0, 0.0, 0.0, 0.5, 0)] // free is further from 0
    [InlineData(0.1, 0.0, 2.0, 0.5 * 1.9 * 1.9, 0)]
    [InlineData(-1.0, 0.0, -2.0, 0.5 * 1.8 * 1.8, 1)]
    public void The_value_loss_has_its_own_half_and_clip(double value, double old, double target, double expected, int clipped)
    {
        using var scope = TensorScope.Begin();
        var actual = ValueLoss.Of(Tensor.Of([[value]]), Tensor.Of([[old]]), Tensor.Of([[target]]), Tensor.Of([[1.0]]), clipRange: 0.2);
        actual.Loss.ShouldBeNear(expected, 1e-12);
        actual.ClippedTokens.ShouldBeNear(clipped, 0);
        actual.SquaredError.ShouldBeNear((value - target) * (value - target), 1e-12);
        ValueLoss.Of(Tensor.Of([[value]]), Tensor.Of([[old]]), Tensor.Of([[target]]), Tensor.Of([[1.0]]), clipRange: null)
            .Loss.ShouldBeNear(0.5 * (value - target) * (value - target), 1e-12);
    }

    [Fact]
    public void Junk_at_padding_does_not_reach_the_value_loss()
    {
        using var scope = TensorScope.Begin();
        var values = Tensor.Of([[1, double.NaN, double.PositiveInfinity]]);
        values.RequiresGrad = true;
        var old = Tensor.Of([[0.9, double.NaN, 0]]);
        var actual = ValueLoss.Of(values, old, Tensor.Of([[2, 0, double.NegativeInfinity]]), Tensor.Of([[1.0, 0, 0]]), 0.2);
        actual.Loss.Backward();
        actual.Loss.ShouldBeNear(0.5, 1e-12);
        values.Grad!.ShouldBeNear([[-1, 0, 0]], 1e-12);
    }

    [Fact]
    public void The_entropy_bonus_counts_real_tokens_only()
    {
        using var scope = TensorScope.Begin();
        EntropyBonus.Of(Tensor.Of([[1.0, 2, 50]]), Tensor.Of([[1.0, 1, 0]]), coefficient: 0.1).ShouldBeNear(-0.3, 1e-15);
    }

    [Fact]
    public void Gradients_match_finite_differences()
    {
        using var scope = TensorScope.Begin();
        // log-ratios well inside and well outside the clip, both signs of advantage, away from the kinks
        var logp = Tensor.Of([[-1.0, -0.5, -2.1, -0.3], [-1.4, -1.0, -0.2, -3]]);
        var old = Tensor.Of([[-1.1, -1.0, -1.5, -0.9], [-1.3, -1.6, -0.3, -1]]);
        var advantages = Tensor.Of([[0.5, 1.2, -0.7, -1.5], [0.3, -0.8, -0.2, 2]]);
        var mask = Tensor.Of([[1.0, 1, 1, 1], [0, 1, 1, 1]]);
        FiniteDifference.Check(() => PpoLoss.Of(logp, old, advantages, mask, RatioClip.Symmetric(0.2, dual: 1.7)).Loss, [logp]);

        var values = Tensor.Of([[0.1, 0.9, -0.5, 0.4], [2, -1, 0.3, 0.7]]);
        var returns = Tensor.Of([[1.0, -0.3, 0.6, 0.5], [0, 1, -1, 0.2]]);
        FiniteDifference.Check(() => ValueLoss.Of(values, old, returns, mask, 0.2).Loss, [values]);
        FiniteDifference.Check(() => EntropyBonus.Of(values, mask, 0.01), [values]);
    }

    private static double[] Everything(PpoLossSums s) =>
        [s.Loss.Item(), s.ClippedTokens.Item(), s.DualClippedTokens.Item(), s.HalfSquaredLogRatio.Item(), s.NegativeLogRatio.Item(), s.Ratio.Item(), s.LargestLogRatio.Item()];

    /// <summary>Eight answers of verl's ragged lengths.</summary>
    private sealed class RaggedBatch
    {
        private readonly Tensor _logp = Draw(1), _old = Draw(2), _advantages = Draw(3), _mask = Mask();

        internal static Tensor Draw(ulong seed) => Tensor.From(new Seed(seed).Normals(8 * 12), 8, 12).To(DType.Float64);

        internal static Tensor Mask()
        {
            int[] lengths = [12, 7, 3, 11, 5, 9, 2, 6];
            return Tensor.From(lengths.SelectMany(n => Enumerable.Range(0, 12).Select(t => t < n)).ToArray(), 8, 12);
        }

        /// <summary>The sums of some rows, without the largest log-ratio, which is none, and the rows' gradients.</summary>
        internal (double[] Sums, double[] Gradient) Loss(int from, int to)
        {
            var logp = _logp.Narrow(0, from, to - from).Clone();
            logp.RequiresGrad = true;
            Tensor Part(Tensor t) => t.Narrow(0, from, to - from);
            var sums = PpoLoss.Of(logp, Part(_old), Part(_advantages), Part(_mask), RatioClip.Symmetric(0.2, dual: 3));
            sums.Loss.Backward();
            return (Everything(sums)[..^1], logp.Grad!.ToDoubles());
        }
    }
}
