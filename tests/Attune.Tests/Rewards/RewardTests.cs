using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;

namespace Attune.Tests.Rewards;

public sealed class RewardTests
{
    private static readonly Rollout[] Answers = [Answer(5, 6, 5), Answer(6)];

    private static readonly FunctionReward Length = FunctionReward.OfSequence(r => r.Response.Length);

    private static readonly FunctionReward Fives = FunctionReward.OfTokens(r => [.. r.Response.Select(t => t == 5 ? 1.0 : 0)]);

    [Fact]
    public void A_mixture_adds_weighted_scores_and_reports_the_parts()
    {
        var scores = new WeightedReward([new("length", -0.5, Length), new("one", 2, FunctionReward.OfSequence(_ => 1))]).Score(Answers);

        Assert.Equal([-0.5 * 3 + 2, -0.5 * 1 + 2], scores.Totals);
        Assert.Null(scores.PerToken);
        Assert.Equal([3, 1], scores.Parts["length"]);
    }

    [Fact]
    public void A_mixture_with_scores_of_tokens_pays_the_others_at_the_last_token()
    {
        var scores = new WeightedReward([new("length", 0.1, Length), new("fives", 1, Fives)]).Score(Answers);

        Assert.Equal([1, 0, 1.3], scores.PerToken![0].Select(x => Math.Round(x, 12)));
        Assert.Equal([0.1], scores.PerToken[1]);
        Assert.Equal(2.3, scores.Totals[0], 12);
    }

    [Fact]
    public void Scores_that_do_not_fit_the_answers_stop_the_run()
    {
        Assert.Contains("1 scores for 2 answers", Assert.Throws<RunFailedException>(() => Scores.OfSequences([1]).CheckedFor(Answers)).Message);
        Assert.Contains("answer 1 is NaN", Assert.Throws<RunFailedException>(() => Scores.OfSequences([1, double.NaN]).CheckedFor(Answers)).Message);
        Assert.Contains("2 scores for the 3 tokens of answer 0", Assert.Throws<RunFailedException>(() => Scores.OfTokens([[1, 2], [1]]).CheckedFor(Answers)).Message);
    }

    [Fact]
    public void Mixtures_that_make_no_sense_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new WeightedReward([]));
        Assert.Throws<ArgumentException>(() => new WeightedReward([new("a", 1, Length), new("a", 1, Fives)]));
        Assert.Throws<ArgumentException>(() => new WeightedReward([new("a", double.NaN, Length)]));
    }

    private static Rollout Answer(params int[] response) =>
        new() { Id = 0, Prompt = [1], Response = response, LogProbs = new float[response.Length], Finish = FinishReason.Length };
}
