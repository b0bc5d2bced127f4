using Attune.Feedback;
using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Tests.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Rewards;

public sealed class BuiltInRewardsTests
{
    [Theory]
    [InlineData(2, -0.75, 5, 5, 5, 5, 5)]
    [InlineData(2, -0.6, 1, 2, 1, 2, 1, 2)]
    [InlineData(2, -0.4, 1, 2, 3, 1, 2, 3)]
    [InlineData(3, -0.25, 1, 2, 3, 1, 2, 3)]
    [InlineData(3, 0, 1, 2)]
    public void Repetition_is_the_share_of_n_grams_that_were_there_before(int n, double expected, params int[] response) =>
        Assert.Equal(expected, BuiltInRewards.Repetition(n).Score([Answer(response)]).Totals[0], 12); // the numbers of TRL's own tests

    [Theory]
    [InlineData(4, 0)]
    [InlineData(2, -0.5)]
    [InlineData(8, -1)]
    public void The_length_target_is_missed_by_a_share_of_itself(int length, double expected) =>
        Assert.Equal(expected, BuiltInRewards.LengthTarget(4).Score([Answer(new int[length])]).Totals[0], 12);

    [Fact]
    public void A_word_list_reads_the_answer_alone()
    {
        var list = new Valence(new Dictionary<string, double> { ["good"] = 3, ["bad"] = -3 }, [], new Dictionary<string, double>());
        var reward = BuiltInRewards.Lexicon(list, rollout => string.Join(' ', rollout.Response.Select(id => id == 1 ? "good" : "bad")));

        Assert.Equal([0.6, -0.6], reward.Score([Answer(1), Answer(2)]).Totals); // 3 / √(9 + 16)
    }

    [Fact, NoTensorLeaks]
    public void A_reward_model_scores_the_tokens_of_prompt_and_answer()
    {
        using var policy = TinyModel.Create("llama");
        using var model = RewardModel.Create(policy, new Seed(2));
        var rollouts = new[] { Answer(5, 6, 7), Answer(8) };

        var scores = new RewardModelReward(model, microBatch: 1).Score(rollouts).Totals;

        var expected = model.Score([[3, 5, 6, 7], [3, 8]]);
        Assert.Equal(expected[0], scores[0], 5);
        Assert.Equal(expected[1], scores[1], 5);
        Assert.NotEqual(scores[0], scores[1]);
    }

    private static Rollout Answer(params int[] response) =>
        new() { Id = 0, Prompt = [3], Response = response, LogProbs = new float[response.Length], Finish = FinishReason.EndToken };
}
