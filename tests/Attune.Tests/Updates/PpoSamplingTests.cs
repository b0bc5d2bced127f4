using Attune.Rollouts;
using Attune.Runs;
using Attune.Tests.Runs;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

/// <summary>The section <c>sampling</c> of PPO's recipe.</summary>
[NoTensorLeaks]
public sealed class PpoSamplingTests : IDisposable
{
    private readonly TinyPpoStage _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void A_section_sampling_takes_the_presets_of_other_programs()
    {
        var path = _tiny.Write("sampled.yaml", "from: policy\nrewards: [{ function: repetition, ngram: 1, weight: -1 }]\nprompts: { data: [{ path: prompts.txt }] }\nppo: { maximumLength: 8 }\nsampling: { preset: llama.cpp, topK: 7, noRepeatNgram: 3 }\n");
        SamplingOptions Draws(params string[] flags) => Recipe.Load<PpoRecipe>(path, flags).Draws([5]);
        string Refused(params string[] flags) => Assert.Throws<InputException>(() => Draws(flags)).Message;

        var draws = Draws();
        Assert.Equal((ChainOrder.LlamaCpp, 0.8, 7, 0.95, 0.05, 64, 3, 8), (draws.Chain, draws.Temperature, draws.TopK, draws.TopP, draws.MinP, draws.PenaltyWindow, draws.NoRepeatNgram, draws.MaximumNewTokens));
        Assert.Equal([5], draws.EndTokens);
        Assert.Equal((ChainOrder.Transformers, 1, 0), (Draws("--sampling.preset", "transformers", "--sampling.topK", "0").Chain, Draws("--sampling.preset", "transformers").Temperature, Draws("--sampling.topK", "0").TopK));
        Assert.Equal(0.8, Draws("--ppo.temperature", "0.8").Temperature); // which says the same
        Assert.Contains("ppo.temperature  is 0.7 beside a section sampling, where it is 0.8, expected one of the two; leave it out of ppo", Refused("--ppo.temperature", "0.7"), StringComparison.Ordinal);
        Assert.Contains("ppo.topK  is 9 beside a section sampling, where it is 7, expected one of the two", Refused("--ppo.topK", "9"), StringComparison.Ordinal);
        Assert.Contains("sampling.isGreedy  is true, expected answers that are drawn", Refused("--sampling.isGreedy", "true"), StringComparison.Ordinal);
        Assert.Contains("sampling.temperature  is 0, expected answers that are drawn", Refused("--sampling.temperature", "0"), StringComparison.Ordinal);
        Assert.Contains("sampling.maximumNewTokens  is 9, expected nothing, as ppo.maximumLength is 8; leave it out", Refused("--sampling.maximumNewTokens", "9"), StringComparison.Ordinal);
        Assert.Contains("sampling.minP  is 2, expected between 0 and 1", Refused("--sampling.minP", "2"), StringComparison.Ordinal);
        Assert.Contains("sampling.preset  is vllm, expected one of transformers, llama.cpp", Refused("--sampling.preset", "vllm"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_policy_that_samples_by_a_chain_begins_at_a_ratio_of_one_and_is_warned_of_what_the_chain_leaves_out()
    {
        var progress = new RecordedProgress();
        var sampling = new SamplingOptions { Chain = ChainOrder.LlamaCpp, Temperature = 0.8, TopK = 40, MinP = 0.05 };

        _tiny.Run(_tiny.Recipe with { Ppo = _tiny.Recipe.Ppo with { Steps = 1 }, Sampling = sampling }, progress: progress); // which stops where the first ratios are not 1

        Assert.Single(progress.Warnings, line => line.Contains("from a truncated distribution (sampling), but log-probs", StringComparison.Ordinal));
    }
}
