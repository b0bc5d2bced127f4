using Attune.Models;
using Attune.Rollouts;
using Attune.Tests.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Rollouts;

[NoTensorLeaks]
public sealed class ContrastTests
{
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Log_probs_are_of_the_sum_and_rows_join_and_leave_as_ever(bool hasExpert, bool hasAnti)
    {
        using var model = TinyModel.Create("llama", seed: 1);
        using var expert = TinyModel.Create("gpt2", seed: 2);
        using var anti = TinyModel.Create("llama", seed: 3);
        var contrast = new Contrast { Expert = hasExpert ? expert : null, AntiExpert = hasAnti ? anti : null, Alpha = 0.6 };
        var requests = Enumerable.Range(0, 7).Select(k => new SampleRequest([.. Enumerable.Range(k, 1 + (k % 3))], k)).ToArray();
        var rollouts = new Sampler(model, new() { MaximumNewTokens = 9 }) { Contrast = contrast, MaximumBatch = 2 }.Sample(requests, new Seed(5));

        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        double[] Logits(CausalLm of, int[] ids) => of.Logits(of.Hidden(ModelInput.Causal(ids, 1, Compute.Cpu)).Select(1, ids.Length - 1)).ToDoubles();
        foreach (var rollout in rollouts)
        {
            for (var k = 0; k < rollout.Response.Length; k++)
            {
                int[] ids = [.. rollout.Prompt, .. rollout.Response[..k]];
                var own = Logits(model, ids);
                var (up, down) = (hasExpert ? Logits(expert, ids) : own, hasAnti ? Logits(anti, ids) : own);
                var sum = own.Select((logit, v) => logit + (0.6 * (up[v] - down[v]))).ToArray();
                var expected = sum[rollout.Response[k]] - Math.Log(sum.Sum(Math.Exp));
                Assert.Equal(expected, rollout.LogProbs[k], 5e-5); // float32 with a cache against float32 in one pass
            }
        }

        Assert.NotEqual(new Sampler(model, new() { MaximumNewTokens = 9 }).Sample(requests, new Seed(5)).Select(r => string.Join(' ', r.Response)), rollouts.Select(r => string.Join(' ', r.Response)));
    }

    [Fact]
    public void Two_tokens_worked_by_hand()
    {
        // 0.5 · (0.8/0.2) against 0.5 · (0.2/0.8): 2 against 1/8, or 16/17; with alpha 2 once more the same: 256/257.
        using var model = ChainModel.Create([[0.5, 0.5], [0.5, 0.5]]);
        using var expert = ChainModel.Create([[0.8, 0.2], [0.8, 0.2]]);
        using var anti = ChainModel.Create([[0.2, 0.8], [0.2, 0.8]]);
        double P(double alpha) => Math.Exp(new Sampler(model, new() { IsGreedy = true, MaximumNewTokens = 1 }) { Contrast = new() { Expert = expert, AntiExpert = anti, Alpha = alpha } }.Sample([new([0], 0)], new Seed(1))[0].LogProbs[0]);

        Assert.Equal(16 / 17.0, P(1), 1e-5);
        Assert.Equal(256 / 257.0, P(2), 1e-5);
        Assert.Equal(0.5, P(0), 1e-5);
        var beam = new BeamSearch(model, new() { Beams = 2 }, new() { MaximumNewTokens = 2 }, new() { Expert = expert, AntiExpert = anti }).Search([0])[0];
        Assert.Equal([0, 0], beam.Response);
        Assert.Equal(Math.Log(16 / 17.0), beam.Score, 1e-5);
    }

    [Fact]
    public void Models_that_do_not_fit_are_refused()
    {
        using var model = TinyModel.Create("llama");
        using var other = CausalLm.Create(TinyModel.Gpt2 with { VocabularySize = 60 }, new Seed(1), Compute.Cpu);
        using var shorter = CausalLm.Create(TinyModel.Gpt2 with { MaximumPositions = 8 }, new Seed(1), Compute.Cpu);
        string Refusal(Contrast contrast) => Assert.Throws<ArgumentException>(() => new Sampler(model, new() { MaximumNewTokens = 9 }) { Contrast = contrast }.Sample([new([1], 0)], new Seed(1))).Message;

        Assert.Contains("has 60 tokens, expected the 61 of the sampled model", Refusal(new() { Expert = other }), StringComparison.Ordinal);
        Assert.Contains("names no model", Refusal(new()), StringComparison.Ordinal);
        Assert.Contains("alpha is NaN", Refusal(new() { AntiExpert = model, Alpha = double.NaN }), StringComparison.Ordinal);
        Assert.Contains("the model has 8 positions", Refusal(new() { AntiExpert = shorter }), StringComparison.Ordinal);
    }
}
