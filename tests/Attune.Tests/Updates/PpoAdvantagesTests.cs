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
