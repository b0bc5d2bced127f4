using Attune.Rollouts;
using Attune.Torch;

namespace Attune.Rewards;

/// <summary>An answer with what a reward says of it.</summary>
/// <param name="Answer">The answer.</param>
/// <param name="Reward">Its score.</param>
public sealed record RewardedAnswer(Rollout Answer, double Reward);

/// <summary>
/// Answers chosen by a reward among many that a model drew: the best of N, or a sample of the model tilted towards the reward, without training
/// it. Not here: what is to be expected of the best of N (Evaluation), and training on what was chosen.
/// </summary>
/// <param name="sampler">Draws the candidates.</param>
/// <param name="reward">Any reward.</param>
public sealed class RewardedSampler(Sampler sampler, IReward reward)
{
    /// <summary>The best of N answers to each request; of equals the first drawn.</summary>
    /// <param name="requests">The prompts. Candidate k of request i is drawn as number i·N + k.</param>
    /// <param name="n">Answers drawn for each, at least 1.</param>
    /// <param name="seed">All draws come from it.</param>
    /// <param name="finished">Called as candidates end, with their number.</param>
    /// <param name="stop">Checked between tokens.</param>
    public IReadOnlyList<RewardedAnswer> BestOf(IReadOnlyList<SampleRequest> requests, int n, Seed seed, Action<int>? finished = null, CancellationToken stop = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        var candidates = requests.SelectMany(request => Enumerable.Range(0, n).Select(k => request with { Id = (request.Id * n) + k })).ToArray();
        return [.. Draw(candidates, seed, finished, stop).Chunk(n).Select(answers => answers.MaxBy(answer => answer.Reward)!)];
    }

    /// <summary>
    /// Rejection sampling: of the answers to each prompt those stay whose <see cref="Accepts"/> says so. They are draws from the model times
    /// exp(reward / β), up to the best reward standing for the highest there is (Liu et al. 2024, RSO, section 3.2).
    /// </summary>
    /// <param name="requests">One request a candidate; those of one prompt compete.</param>
    /// <param name="beta">β, above 0: near 0 only the best stays, a large one keeps all.</param>
    /// <param name="seed">All draws come from it.</param>
    /// <param name="finished">Called as candidates end, with their number.</param>
    /// <param name="stop">Checked between tokens.</param>
    /// <returns>At least one answer a prompt, in the order of the requests.</returns>
    public IReadOnlyList<RewardedAnswer> Reject(IReadOnlyList<SampleRequest> requests, double beta, Seed seed, Action<int>? finished = null, CancellationToken stop = default)
    {
        if (!(beta > 0))
            throw new ArgumentOutOfRangeException(nameof(beta), beta, "is not above 0; 0.5 is usual");
        var answers = Draw(requests, seed, finished, stop);
        var best = answers.GroupBy(PromptOf).ToDictionary(group => group.Key, group => group.Max(answer => answer.Reward));
        var chances = seed.For("rejection");
        return [.. answers.Where(answer => Accepts(answer.Reward, best[PromptOf(answer)], beta, chances.Uniform(answer.Answer.Id)))];
    }

    /// <summary>Every answer with its score.</summary>
    public IReadOnlyList<RewardedAnswer> Draw(IReadOnlyList<SampleRequest> requests, Seed seed, Action<int>? finished = null, CancellationToken stop = default)
    {
        var rollouts = sampler.Sample(requests, seed, finished, stop);
        return [.. rollouts.Zip(reward.Score(rollouts).CheckedFor(rollouts).Totals, (rollout, score) => new RewardedAnswer(rollout, score))];
    }

    /// <summary>Whether a uniform number in [0, 1) is below exp((reward − best) / β).</summary>
    public static bool Accepts(double reward, double best, double beta, double uniform) => uniform < Math.Exp((reward - best) / beta);

    private static string PromptOf(RewardedAnswer answer) => string.Join(' ', answer.Answer.Prompt);
}
