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

    [Fact]
    public void A_reward_model_has_no_log_probs()
    {
        var message = Assert.Throws<InputException>(() => CausalLm.Load(GoldenModel.Folder("llama-reward"), Compute.Cpu)).Message;

        Assert.Contains("llama-reward/config.json has 1 problem\n  describes a reward model", message);
    }
}
