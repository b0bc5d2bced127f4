using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class PpoAdvantagesTests
{
    private static readonly PpoConfig Plain = new() { Lambda = 0.5, WhitenAdvantages = false };

    [Fact]
    public void A_score_paid_behind_the_last_token_reaches_the_tokens_through_the_value_there()
    {
        var batch = new PpoBatch([Answer(5, 6), Answer(5, 6, 7)], slotBelow: 3);
        batch.RefLogProbs = new float[5];
        batch.Values = [0.1f, 0.2f, 0.5f, 0, 0, 0];

        PpoRewards.Pay(batch, Scores.OfSequences([1, 2]), Plain with { ScorePlace = ScorePlace.EndSlot }, klCoefficient: 1);
        PpoAdvantages.Estimate(batch, batch.AllRows, Plain);

        // Two of three tokens: a place more. Errors 0.2-0.1, 0.5-0.2, 1-0.5; each adds half of the next advantage. The full row is paid at its last token.
        Assert.Equal([0, 0, 1, 0, 0, 2], batch.Rewards);
        Near([0.375, 0.55, 0.5, 1, 2], batch.Advantages);
        Near([0.475, 0.75, 1, 0.5, 1, 2], batch.Returns);
    }

    [Fact]
    public void The_price_of_distance_is_charged_at_tokens_only()
    {
        var batch = new PpoBatch([Answer(5, 6)], slotBelow: 9) { RefLogProbs = [-0.5f, 0.25f] };

        PpoRewards.Pay(batch, Scores.OfSequences([1]), Plain with { ScorePlace = ScorePlace.EndSlot }, klCoefficient: 2);

        Assert.Equal([-1, 0.5, 1], batch.Rewards); // log-probs are 0: -2 · 0.5, +2 · 0.25
    }

    [Theory] // scores 9 of an answer that ended and 1 of one that did not; both two tokens, log-ratios 0
    [InlineData(EndTokenRuleKind.None, 0, null, 9, 1)]
    [InlineData(EndTokenRuleKind.Replace, -3, null, 9, -3)]
    [InlineData(EndTokenRuleKind.Penalise, 4, null, 9, -3)]
    [InlineData(EndTokenRuleKind.None, 0, 5.0, 5, 1)]
    [InlineData(EndTokenRuleKind.Penalise, 4, 2.0, 2, -2)] // the penalty first, then the clip
    public void A_score_is_paid_under_the_end_token_rule_and_clipped(EndTokenRuleKind rule, double value, double? clip, double ended, double open)
    {
        var config = Plain with { EndTokenRule = rule, EndTokenValue = value, ScoreClip = clip };
        PpoBatch Batch() => new([Answer(5, 6), Answer(5, 6) with { Finish = FinishReason.Length }]) { RefLogProbs = new float[4] };

        var (whole, perToken) = (Batch(), Batch());
        PpoRewards.Pay(whole, Scores.OfSequences([9, 1]), config, klCoefficient: 1);
        PpoRewards.Pay(perToken, Scores.OfTokens([[0, 9], [0, 1]]), config, klCoefficient: 1);

        Assert.Equal([0, ended, 0, open], whole.Rewards);
        Assert.Equal([0, ended, 0, open], perToken.Rewards);
    }

    [Theory] // log-ratios 0.5 and -4, price 2, score 9 clipped to 5: the penalty is not clipped
    [InlineData(KlEstimator.K1, null, -1, 5 + 8)]
    [InlineData(KlEstimator.K1, 3.0, -1, 5 + 6)]
    [InlineData(KlEstimator.K2, null, -0.25, 5 - 16)]
    [InlineData(KlEstimator.K2, 3.0, -0.25, 5 - 9)]
    public void The_penalty_is_of_the_estimator_and_clamp_that_were_chosen(KlEstimator estimator, double? clamp, double first, double last)
    {
        var batch = new PpoBatch([Answer(5, 6)]) { RefLogProbs = [-0.5f, 4] };

        var paid = PpoRewards.Pay(batch, Scores.OfSequences([9]), Plain with { KlEstimator = estimator, KlClampLogRatio = clamp, ScoreClip = 5 }, klCoefficient: 2);

        Assert.Equal([first, last], batch.Rewards);
        Assert.Equal([-3.5], paid.LogRatios); // never clamped
    }

    [Theory] // rewards 0 and 2: deviation 1 around 1
    [InlineData(false, 0, 2)]
    [InlineData(true, -1, 1)]
    public void Whitened_rewards_keep_their_mean_or_lose_it(bool shiftMean, double first, double second)
    {
        var config = Plain with { WhitenRewards = true, WhitenRewardsShiftMean = shiftMean, WhitenVariance = VarianceKind.Population };
        var batch = new PpoBatch([Answer(5), Answer(5)]) { RefLogProbs = new float[2], Values = new float[2] };
        PpoRewards.Pay(batch, Scores.OfSequences([0, 2]), config, klCoefficient: 0);

        PpoAdvantages.Estimate(batch, batch.AllRows, config);

        Near([first, second], batch.Returns);
    }

    [Fact]
    public void Where_scores_are_paid_behind_the_last_token_the_last_token_is_read_too()
    {
        using var scope = TensorScope.Begin();
        var batch = new PpoBatch([Answer(5, 6), Answer(5, 6, 7)], slotBelow: 3); // after a prompt of 3, 4

        var (valued, plain) = (batch.Slice([0, 1], Compute.Cpu, forValues: true), batch.Slice([0, 1], Compute.Cpu, forValues: false));

        Assert.Equal([3, 4, 5, 6, 3, 4, 5, 6], Ids(valued));
        Assert.Equal([1, 2, 3, 5, 6, 7], valued.Places.ToArray<long>());
        Assert.Equal([0, 1, 3, 4, 5], valued.Predicting!.ToArray<long>()); // of those: at 1, 2, 5, 6, 7
        Assert.Equal([3, 4, 5, 0, 3, 4, 5, 6], Ids(plain));
        Assert.Equal([1, 2, 5, 6, 7], plain.Places.ToArray<long>());
        Assert.Null(plain.Predicting);
    }

    [Fact]
    public void Whitening_over_a_minibatch_knows_its_rows_alone()
    {
        var config = Plain with { WhitenAdvantages = true, WhitenRewards = true, WhitenVariance = VarianceKind.Population };
        var batch = new PpoBatch([Answer(5), Answer(5), Answer(5), Answer(5)]) { RefLogProbs = new float[4], Values = new float[4] };
        PpoRewards.Pay(batch, Scores.OfSequences([0, 2, 10, 14]), config, klCoefficient: 0);

        PpoAdvantages.Estimate(batch, [1, 0], config);
        PpoAdvantages.Estimate(batch, [2, 3], config);

        // Rewards 0, 2 have deviation 1 around 1; 10, 14 deviation 2 around 12, so 11 and 13. Advantages: mean 0, deviation 1 in each pair.
        Near([0, 2, 11, 13], batch.Returns);
        Near([-1, 1, -1, 1], batch.Advantages);
    }

    [Fact]
    public void One_minibatch_whitens_as_the_whole_step_does_and_several_do_not()
    {
        double[] WeightsAfter(WhiteningScope over, int minibatches)
        {
            using var ppo = TinyPpo.Create(TinyPpo.Config with { WhitenOver = over, Minibatches = minibatches, WhitenRewards = true });
            ppo.RunTo(2);
            return ppo.Weights();
        }

        Assert.Equal(WeightsAfter(WhiteningScope.Batch, 1), WeightsAfter(WhiteningScope.Minibatch, 1));
        Assert.NotEqual(WeightsAfter(WhiteningScope.Batch, 2), WeightsAfter(WhiteningScope.Minibatch, 2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Values_behind_last_tokens_learn_the_score(bool hasCritic)
    {
        var config = TinyPpo.Config with { ScorePlace = ScorePlace.EndSlot, KlCoefficient = 0, ValueClipRange = null, LearningRate = 1e-2, WhitenOver = WhiteningScope.Minibatch };
        using var ppo = TinyPpo.Create(config, hasCritic, FunctionReward.OfSequence(_ => 1));

        var metrics = ppo.RunTo(12);

        Assert.InRange(metrics[0]["objective/reward"], 0.999, 1.001); // the slot's pay is counted
        Assert.InRange(metrics[11]["value/error"], 0, 0.1);
        Assert.InRange(metrics[11]["value/mean"], 0.7, 1.3);
    }

    private static Rollout Answer(params int[] response) =>
        new() { Id = 0, Prompt = [3, 4], Response = response, LogProbs = new float[response.Length], Finish = FinishReason.EndToken };

    private static int[] Ids(PpoSlice slice) => Array.ConvertAll(slice.Input.Ids.ToArray<long>(), id => (int)id);

    private static void Near(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.InRange(actual[i], expected[i] - 1e-6, expected[i] + 1e-6);
    }
}
