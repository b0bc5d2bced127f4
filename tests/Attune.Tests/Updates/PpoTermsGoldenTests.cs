using System.Text.Json;
using Attune.Models;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>Rewards, advantages and losses of whole batches as TRL 0.7.11 computes them, gradients included.</summary>
[NoTensorLeaks]
public sealed class PpoTermsGoldenTests
{
    private const double Float32 = 5e-6; // theirs is float32 throughout, sums of 14 to 20 numbers of size 1 to 3

    [Theory]
    [InlineData(0), InlineData(1), InlineData(2), InlineData(3)]
    public void A_batch_goes_from_scores_to_gradients(int index)
    {
        using var scope = TensorScope.Begin();
        var cases = Golden.Read("trainers/ppo-terms.json").List("cases");
        Assert.Equal(4, cases.Length);
        var (config, inputs, outputs) = (cases[index].GetProperty("config"), cases[index].GetProperty("inputs"), cases[index].GetProperty("outputs"));
        var mask = inputs.Mask("mask");
        Tensor Inside(string key) => outputs.Numbers(key).MaskedFill(mask.Not(), 0);

        var shaped = KlPenalty.Apply(inputs.Numbers("scores"), inputs.Numbers("old_logprobs"), inputs.Numbers("ref_logprobs"), mask, new()
        {
            Coefficient = cases[index].Number("kl_coef"),
            Estimator = config.GetProperty("kl_penalty").GetString() switch
            {
                "kl" => KlEstimator.K1,
                "abs" => KlEstimator.Absolute,
                "mse" => KlEstimator.K2,
                var other => throw new InvalidDataException(other),
            },
        });
        shaped.Kl.ShouldBeNear(Inside("kl"), Float32);
        shaped.Rewards.ShouldBeNear(Inside("rewards"), Float32);

        var advantages = config.GetProperty("whiten_rewards").GetBoolean()
            ? WithLeak(config, shaped.Rewards, inputs.Numbers("values"), mask)
            : Gae.Estimate(shaped.Rewards, inputs.Numbers("values"), mask, config.Number("gamma"), config.Number("lam"));
        var whitened = Whitening.Apply(advantages.PerToken, mask, VarianceKind.Unbiased, shiftMean: true);
        advantages.Returns.MaskedFill(mask.Not(), 0).ShouldBeNear(Inside("returns"), Float32);
        whitened.ShouldBeNear(Inside("advantages_whitened"), Float32);

        Losses(config, inputs, outputs, mask, whitened, advantages.Returns);
    }

    /// <summary>
    /// Theirs whitens rewards that are zero at padding into rewards that are not (mean · (1 − scale)), and does not skip padding
    /// afterwards: padding behind an answer leaks into its advantages. Ours does neither; to compare the rest, the leak is put in.
    /// </summary>
    private static Advantages WithLeak(JsonElement config, Tensor rewards, Tensor values, Tensor mask)
    {
        var moments = MaskedStatistics.Of(rewards, mask);
        var leak = moments.Mean * (1 - 1 / Math.Sqrt(moments.Variance(VarianceKind.Unbiased) + Whitening.DefaultEpsilon));
        var whitened = Whitening.Apply(rewards, mask, VarianceKind.Unbiased, shiftMean: false).MaskedFill(mask.Not(), leak);
        return Gae.Estimate(whitened, values.MaskedFill(mask.Not(), 0), Tensor.OnesLike(mask), config.Number("gamma"), config.Number("lam"));
    }

    private static void Losses(JsonElement config, JsonElement inputs, JsonElement outputs, Tensor mask, Tensor advantages, Tensor returns)
    {
        var (logp, values) = (inputs.Numbers("new_logprobs"), inputs.Numbers("new_values"));
        (logp.RequiresGrad, values.RequiresGrad) = (true, true);
        var tokens = mask.To(DType.Float64).Sum().Item();
        var policy = PpoLoss.Of(logp, inputs.Numbers("old_logprobs"), advantages, mask, RatioClip.Symmetric(config.Number("cliprange")));
        var value = ValueLoss.Of(values, inputs.Numbers("values"), returns, mask, config.Number("cliprange_value"));
        var valueLoss = value.Loss * (config.Number("vf_coef") / tokens);
        (policy.Loss / tokens + valueLoss).Backward();

        (policy.Loss / tokens).ShouldBeNear(outputs.Number("policy_loss"), Float32);
        valueLoss.ShouldBeNear(outputs.Number("value_loss_times_coef"), Float32);
        logp.Grad!.ShouldBeNear(outputs.Numbers("d_loss_d_new_logprobs"), Float32);
        values.Grad!.ShouldBeNear(outputs.Numbers("d_loss_d_new_values"), Float32);

        var stats = outputs.GetProperty("stats");
        (policy.HalfSquaredLogRatio / tokens).ShouldBeNear(stats.Number("policy/approxkl"), Float32);
        (policy.NegativeLogRatio / tokens).ShouldBeNear(stats.Number("policy/policykl"), Float32);
        (policy.ClippedTokens / tokens).ShouldBeNear(stats.Number("policy/clipfrac"), Float32);
        (value.SquaredError / tokens).ShouldBeNear(stats.Number("val/error"), Float32);
        (value.ClippedTokens / tokens).ShouldBeNear(stats.Number("val/clipfrac"), Float32);
        (value.Loss / tokens).ShouldBeNear(stats.Number("loss/value"), Float32);
        (LogProbs.Entropy(inputs.Numbers("logits")).SumWhere(mask) / tokens).ShouldBeNear(stats.Number("policy/entropy"), Float32);
        var moments = MaskedStatistics.Of(returns, mask);
        Assert.Equal(stats.Number("returns/mean"), moments.Mean, Float32);
    }
}
