using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class TokenScoresTests
{
    [Fact]
    public void Perplexity_is_the_number_of_equally_likely_tokens()
    {
        var half = (float)Math.Log(0.5);
        var scores = new TokenScores([4, 5, 6], null, [null, half, half]);

        Assert.Equal(2 * Math.Log(0.5), scores.Total, 1e-7); // a float32's rounding
        Assert.Equal(Math.Log(0.5), scores.Mean!.Value, 1e-7);
        Assert.Equal(2, scores.Perplexity!.Value, 1e-6);
    }

    [Fact]
    public void A_single_token_has_neither_mean_nor_perplexity()
    {
        using var model = TinyModel.Create("gpt2");
        var scores = TokenScores.Of(model, [7]);

        Assert.Equal([null], scores.LogProbs);
        Assert.Equal((0, null, null), (scores.Total, scores.Mean, scores.Perplexity));
    }

    [Fact]
    public void Logits_in_pieces_give_what_one_piece_gives()
    {
        using var model = CausalLm.Create(TinyModel.Llama with { MaximumPositions = 600 }, new Seed(3), Compute.Cpu);
        model.LogitRows = 512;
        int[] ids = [.. Enumerable.Range(0, 552).Select(k => k * 7 % 61)];

        var whole = TokenScores.Of(model, ids);
        var beginning = TokenScores.Of(model, ids[..300]);

        Assert.Equal(ids.Length, whole.LogProbs.Count);
        for (var k = 1; k < beginning.LogProbs.Count; k++)
            Assert.Equal(beginning.LogProbs[k]!.Value, whole.LogProbs[k]!.Value, 1e-4f); // other sizes of matrix products round otherwise
    }

    [Theory]
    [InlineData(1, 1000)]
    [InlineData(3, 1000)]
    [InlineData(4, 7)]
    public void Scored_tokens_are_those_of_the_whole_distribution_however_many_texts_and_places_are_computed_at_once(int microBatch, int logitRows)
    {
        using var model = TinyModel.Create("llama");
        model.LogitRows = logitRows;
        int[][] texts = [[3], [.. Enumerable.Range(0, 40).Select(k => k * 7 % 61)], [5, 17, 3], [.. Enumerable.Range(0, 9).Select(k => k * 11 % 61)]];
        int[] from = [0, 5, 1, 0];

        var scored = TokenScoring.Score(model, texts, top: 3, from, microBatch);
        var plain = TokenScoring.LogProbs(model, texts, temperature: 1, microBatch: microBatch);

        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        for (var k = 0; k < texts.Length; k++)
        {
            Assert.Equal(texts[k][from[k]..], scored[k].Select(token => token.Id));
            var expected = model.Logits(model.Hidden(ModelInput.Causal(texts[k], 1, Compute.Cpu)).Select(0, 0)).LogSoftmax(-1).ToArray<float>();
            for (var place = from[k]; place < texts[k].Length; place++)
            {
                var token = scored[k][place - from[k]];
                if (place == 0)
                {
                    Assert.Equal((null, 0), (token.LogProb, token.Top.Count));
                    continue;
                }

                var before = expected.AsSpan((place - 1) * 61, 61).ToArray();
                Assert.Equal(before[token.Id], token.LogProb!.Value, 1e-4f);
                Assert.Equal(token.LogProb.Value, plain[k][place - 1], 1e-4f);
                Assert.Equal(Enumerable.Range(0, 61).OrderByDescending(id => before[id]).Take(3), token.Top.Select(top => top.Token));
                Assert.All(token.Top, top => Assert.Equal(before[top.Token], top.LogProb, 1e-4f));
            }
        }

        Assert.Equal(61, TokenScoring.Score(model, [[5, 17]], top: 99)[0][1].Top.Count); // all there are
    }

    [Fact]
    public void A_reward_model_has_no_log_probs()
    {
        var message = Assert.Throws<InputException>(() => CausalLm.Load(GoldenModel.Folder("llama-reward"), Compute.Cpu)).Message;

        Assert.Contains("llama-reward/config.json has 1 problem\n  describes a reward model", message);
    }
}
