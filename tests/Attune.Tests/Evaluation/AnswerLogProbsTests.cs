using Attune.Evaluation;
using Attune.Models;
using Attune.Rollouts;
using Attune.Torch.Testing;

namespace Attune.Tests.Evaluation;

public sealed class AnswerLogProbsTests
{
    private static Rollout Answer(int[] prompt, int[] response, FinishReason finish = FinishReason.Length) =>
        new() { Id = 0, Prompt = prompt, Response = response, LogProbs = [], Finish = finish };

    [Fact, NoTensorLeaks]
    public void They_are_those_of_the_whole_text_at_the_answers_places()
    {
        using var tiny = new TinyEvaluation();
        Rollout[] answers = [Answer([5, 6, 7], [8, 9]), Answer([4], [10, 11, 12, 13])];

        var own = AnswerLogProbs.Of(tiny.Policy, answers);

        var whole = TokenScoring.LogProbs(tiny.Policy, [[5, 6, 7, 8, 9], [4, 10, 11, 12, 13]]);
        Assert.Equal([2, 4], own.Select(row => row.Length));
        for (var k = 0; k < 2; k++)
            Assert.All(own[0].Zip(whole[0][2..]).Concat(own[1].Zip(whole[1])), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
    }

    [Fact]
    public void Temperature_gives_what_the_sampler_saw()
    {
        using var tiny = new TinyEvaluation();
        var sampler = new Sampler(tiny.Policy, new() { MaximumNewTokens = 6, Temperature = 0.7 });

        var sampled = sampler.Sample([new([5, 6], 1), new([7], 2)], new(3));

        var read = AnswerLogProbs.Of(tiny.Policy, sampled, 0.7);
        Assert.All(sampled.SelectMany(s => s.LogProbs).Zip(read.SelectMany(r => r)), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    [Fact]
    public void The_end_token_is_no_word_unless_there_is_no_other()
    {
        Assert.Equal(new LogProbTotal(-3, 2), AnswerLogProbs.OfWords([-1, -2, -9], Answer([1], [2, 3, 0], FinishReason.EndToken)));
        Assert.Equal(new LogProbTotal(-12, 3), AnswerLogProbs.OfWords([-1, -2, -9], Answer([1], [2, 3, 4])));
        Assert.Equal(new LogProbTotal(-9, 1), AnswerLogProbs.OfWords([-9], Answer([1], [0], FinishReason.EndToken)));
    }
}
