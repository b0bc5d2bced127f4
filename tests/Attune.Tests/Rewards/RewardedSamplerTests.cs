using Attune.Rewards;
using Attune.Rollouts;
using Attune.Tests.Models;
using Attune.Tests.Rollouts;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Rewards;

[NoTensorLeaks]
public sealed class RewardedSamplerTests
{
    private static readonly SampleRequest[] Requests = [new([3, 17], 0), new([8], 1), new([3, 17], 2)];

    /// <summary>How many tokens are below 30.</summary>
    private static readonly FunctionReward Low = FunctionReward.OfSequence(rollout => rollout.Response.Count(token => token < 30));

    [Fact]
    public void The_best_of_n_is_the_best_of_those_that_are_drawn()
    {
        using var model = TinyModel.Create("gpt2");
        var sampler = new Sampler(model, new() { MaximumNewTokens = 6 });
        var best = new RewardedSampler(sampler, Low).BestOf(Requests, 5, new Seed(4));
        var one = new RewardedSampler(sampler, Low).BestOf(Requests, 1, new Seed(4));
        var all = sampler.Sample([.. Requests.SelectMany(r => Enumerable.Range(0, 5).Select(k => r with { Id = (5 * r.Id) + k }))], new Seed(4));

        for (var k = 0; k < 3; k++)
        {
            var candidates = all.Skip(5 * k).Take(5).Select(r => (r.Response, Reward: (double)r.Response.Count(token => token < 30))).ToArray();
            Assert.Equal(candidates.Max(c => c.Reward), best[k].Reward);
            Assert.Equal(candidates.First(c => c.Reward == best[k].Reward).Response, best[k].Answer.Response); // of equals the first
        }

        Assert.Equal(sampler.Sample(Requests, new Seed(4)).Select(r => r.Response), one.Select(a => a.Answer.Response));
        Assert.True(best.Sum(a => a.Reward) > one.Sum(a => a.Reward));
    }

    [Fact]
    public void Rejection_sampling_tilts_the_model_by_the_reward()
    {
        // 0.5, 0.3, 0.2 with rewards 0, 1, 2 and β = 1: weights 0.5, 0.3e, 0.2e² are 0.5, 0.8155, 1.4778 of 2.7933.
        using var model = ChainModel.Create([[0.5, 0.3, 0.2], [1, 0, 0], [1, 0, 0]]);
        const int Draws = 12_000;
        var reward = FunctionReward.OfSequence(rollout => rollout.Response[0]);
        var requests = Enumerable.Range(0, Draws).Select(k => new SampleRequest([0], k)).ToArray();
        var kept = new RewardedSampler(new Sampler(model, new() { MaximumNewTokens = 1 }) { MaximumBatch = 4000 }, reward).Reject(requests, 1, new Seed(9));

        // Kept: 0.5e⁻² + 0.3e⁻¹ + 0.2 = 0.3780 of all; four standard deviations are 0.018, of shares among 4,536 about 0.030.
        Assert.Equal(0.3780, kept.Count / (double)Draws, 0.018);
        double[] expected = [0.1790, 0.2919, 0.5291];
        for (var token = 0; token < 3; token++)
            Assert.Equal(expected[token], kept.Count(a => a.Reward == token) / (double)kept.Count, 0.030);
    }

    [Fact]
    public void Acceptance_worked_by_hand()
    {
        Assert.True(RewardedSampler.Accepts(2, 2, 0.1, 0.999999)); // the best always stays
        Assert.True(RewardedSampler.Accepts(1, 2, 1, 0.3678)); // e⁻¹ = 0.36788
        Assert.False(RewardedSampler.Accepts(1, 2, 1, 0.3679));
        Assert.True(RewardedSampler.Accepts(1, 2, 2, 0.6065)); // e^−½ = 0.60653
        Assert.False(RewardedSampler.Accepts(-1e300, 2, 1e-300, 0));
    }

    [Fact]
    public void Prompts_compete_among_their_own_answers_and_each_keeps_one()
    {
        using var model = TinyModel.Create("gpt2");
        var kept = new RewardedSampler(new Sampler(model, new() { MaximumNewTokens = 6 }), Low).Reject(Requests, 1e-6, new Seed(4));
        Assert.Contains(kept, a => a.Answer.Prompt is [8]);
        Assert.Contains(kept, a => a.Answer.Prompt is [3, 17]);
        Assert.Throws<ArgumentOutOfRangeException>(() => new RewardedSampler(new Sampler(model, new()), Low).Reject(Requests, 0, new Seed(4)));
    }
}
