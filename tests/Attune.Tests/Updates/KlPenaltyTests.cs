using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class KlPenaltyTests
{
    [Theory]
    [InlineData(0.1, 0.1, 0.005, 0.004837418)]
    [InlineData(-0.3, -0.3, 0.045, 0.049858808)]
    [InlineData(1, 1, 0.5, 0.367879441)]
    public void Three_estimators_of_three_log_ratios(double x, double k1, double k2, double k3)
    {
        using var scope = TensorScope.Begin();
        Tensor Estimate(KlEstimator estimator) => KlEstimators.Of(Tensor.Of([x - 2]), Tensor.Of([-2.0]), estimator);
        Estimate(KlEstimator.K1).ShouldBeNear([k1], 5e-10); // nine decimals given
        Estimate(KlEstimator.K2).ShouldBeNear([k2], 5e-10);
        Estimate(KlEstimator.K3).ShouldBeNear([k3], 5e-10);
        Estimate(KlEstimator.K3Plus).ShouldBeNear([k3], 5e-10);
        Estimate(KlEstimator.Absolute).ShouldBeNear([Math.Abs(x)], 1e-15);
    }

    [Fact] // verl's property
    public void K3_plus_has_the_value_of_k3_and_the_gradient_of_k2()
    {
        using var scope = TensorScope.Begin();
        var reference = Tensor.Of([-1.0, -2, -0.5]);
        (double[] Value, double[] Gradient) At(KlEstimator estimator)
        {
            var logp = Tensor.Of([-0.4, -2.7, -0.45]);
            logp.RequiresGrad = true;
            var kl = KlEstimators.Of(logp, reference, estimator);
            kl.Sum().Backward();
            return (kl.ToDoubles(), logp.Grad!.ToDoubles());
        }

        Assert.Equal(At(KlEstimator.K3).Value, At(KlEstimator.K3Plus).Value);
        Assert.Equal(At(KlEstimator.K2).Gradient, At(KlEstimator.K3Plus).Gradient);
        Assert.NotEqual(At(KlEstimator.K3).Gradient, At(KlEstimator.K3Plus).Gradient);
    }

    [Fact]
    public void K3_explodes_unless_the_log_ratio_is_clamped()
    {
        using var scope = TensorScope.Begin();
        var (logp, reference) = (Tensor.From(new[] { -100f }, 1), Tensor.From(new[] { 0f }, 1));
        Assert.Equal(double.PositiveInfinity, KlEstimators.Of(logp, reference, KlEstimator.K3).Item());
        Assert.Equal(Math.Exp(20) - 21, KlEstimators.Of(logp, reference, KlEstimator.K3, clampLogRatio: 20).Item(), 1e-7 * Math.Exp(20));
    }

    [Fact]
    public void K3_keeps_its_digits_for_tiny_log_ratios()
    {
        using var scope = TensorScope.Begin();
        // x²/2 - x³/6 at x = 1e-3: e^-x - 1 + x in plain float32 is wrong by 12 % or so
        var actual = KlEstimators.Of(Tensor.From(new[] { 1e-3f }, 1), Tensor.From(new[] { 0f }, 1), KlEstimator.K3).Item();
        Assert.Equal(4.9983e-7, actual, 1e-3 * 4.9983e-7);
    }

    [Fact]
    public void Estimators_agree_in_expectation_for_a_known_pair_of_distributions()
    {
        using var scope = TensorScope.Begin();
        // policy (0.7, 0.3), reference (0.5, 0.5): the exact divergence is the mean of k1 and of k3 under the policy
        double[] policy = [0.7, 0.3];
        var (logp, reference) = (Tensor.Of([Math.Log(0.7), Math.Log(0.3)]), Tensor.Of([Math.Log(0.5), Math.Log(0.5)]));
        double Mean(KlEstimator estimator) => KlEstimators.Of(logp, reference, estimator).ToDoubles().Zip(policy, (k, p) => k * p).Sum();
        var exact = 0.7 * Math.Log(1.4) + 0.3 * Math.Log(0.6);
        Assert.Equal(exact, Mean(KlEstimator.K1), 1e-15);
        Assert.Equal(exact, Mean(KlEstimator.K3), 1e-15);
    }

    [Fact]
    public void Gradients_match_finite_differences()
    {
        using var scope = TensorScope.Begin();
        var (logp, reference) = (Tensor.Of([-0.4, -2.7]), Tensor.Of([-1.0, -2]));
        foreach (var estimator in new[] { KlEstimator.K1, KlEstimator.K2, KlEstimator.K3, KlEstimator.Absolute })
            FiniteDifference.Check(() => KlEstimators.Of(logp, reference, estimator, clampLogRatio: 5).Sum(), [logp]);
    }

    [Fact] // torchtune's test
    public void Rewards_of_three_answers_whose_score_comes_last()
    {
        using var scope = TensorScope.Begin();
        var logp = Tensor.Of([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.6, 0.7, 0.8]]);
        var reference = Tensor.Of([[0.2, 0.3, 0.4], [0.6, 0.7, 0.8], [0.9, 1, 1.1]]);
        var actual = KlPenalty.Apply(Tensor.Of([1.0, 2, 3]), logp, reference, Tensor.OnesLike(logp), new() { Coefficient = 0.5 });
        actual.Kl.ShouldBeNear([[-0.1, -0.1, -0.1], [-0.2, -0.2, -0.2], [-0.3, -0.3, -0.3]], 1e-15);
        actual.Rewards.ShouldBeNear([[0.05, 0.05, 1.05], [0.1, 0.1, 2.1], [0.15, 0.15, 3.15]], 1e-15);
        actual.LogRatio.ShouldBeNear([-0.3, -0.6, -0.9], 1e-15);
    }

    [Fact]
    public void The_score_is_paid_at_the_last_token_or_in_the_slot_after_it()
    {
        using var scope = TensorScope.Begin();
        var mask = Tensor.Of([[1.0, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]]); // padded right, left, not at all, nothing there
        var zero = Tensor.ZerosLike(mask);
        ShapedRewards At(ScorePlace place) => KlPenalty.Apply(Tensor.Of([1.0, 2, 3, 4]), zero, zero, mask, new() { Place = place });

        At(ScorePlace.LastToken).Rewards.ShouldBeNear([[0, 1, 0, 0], [0, 0, 0, 2], [0, 0, 0, 3], [0, 0, 0, 0]], 0);
        At(ScorePlace.LastToken).Mask.ShouldBeNear(mask, 0);
        At(ScorePlace.EndSlot).Rewards.ShouldBeNear([[0, 0, 1, 0], [0, 0, 0, 2], [0, 0, 0, 3], [0, 0, 0, 0]], 0);
        At(ScorePlace.EndSlot).Mask.ShouldBeNear([[1, 1, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]], 0);
    }

    [Fact]
    public void Padding_and_the_junk_in_it_change_nothing()
    {
        using var scope = TensorScope.Begin();
        var plain = KlPenalty.Apply(Tensor.Of([1.0]), Tensor.Of([[-1.0, -2]]), Tensor.Of([[-1.5, -1]]), Tensor.Ones([1, 2]), new() { Coefficient = 0.1 });
        var (x, y) = plain.Rewards.ToDoubles() is [var a, var b] ? (a, b) : default;
        var padded = KlPenalty.Apply(
            Tensor.Of([1.0]), Tensor.Of([[double.NaN, -1.0, -2, 1]]), Tensor.Of([[0.0, -1.5, -1, double.PositiveInfinity]]), Tensor.Of([[0.0, 1, 1, 0]]), new() { Coefficient = 0.1 });
        padded.Rewards.ShouldBeNear([[0, x, y, 0]], 0);
        padded.LogRatio.ShouldBeNear(plain.LogRatio, 0);
    }

    [Theory] // what TRL, N+ details and torchtune do with an answer that has no end token
    [InlineData(EndTokenRuleKind.None, 0, 0.5, 2)]
    [InlineData(EndTokenRuleKind.Replace, -1, -1, 2)]
    [InlineData(EndTokenRuleKind.Replace, -3, -3, 2)]
    [InlineData(EndTokenRuleKind.Penalise, 1, -0.5, 2)]
    public void A_missing_end_token_costs_what_the_rule_says(EndTokenRuleKind kind, double value, double open, double ended)
    {
        using var scope = TensorScope.Begin();
        EndTokenRule.Apply(Tensor.Of([0.5, 2]), Tensor.Of([0.0, 1]), kind, value).ShouldBeNear([open, ended], 0);
    }

    [Fact] // openai/summarize-from-feedback's test
    public void First_true_entry_of_each_row()
    {
        using var scope = TensorScope.Begin();
        var rows = Tensor.Of([[0.0, 1, 1], [1, 1, 0], [1, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1]]);
        Assert.Equal([1, 0, 0, 3, 0, 2], EndTokenRule.FirstTrue(rows).ToArray<long>());
    }
}
