using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// The held-out judge: the same prompts are answered with the same draws each time, and scored by the reward that is trained on and by a judge
/// that is not. The gap is how much further the reward has risen than the judge, each in deviations of its first scores.
/// </summary>
internal sealed class PpoHeldOut(CausalLm policy, SamplingOptions sampling, IReadOnlyList<int[]> prompts, IReward reward, IReward judge, Seed seed)
{
    private readonly Sampler _sampler = new(policy, sampling);

    /// <summary>Metrics of the first look; null before it.</summary>
    public IReadOnlyDictionary<string, double>? First { get; private set; }

    /// <summary>Takes up what an earlier process saw first.</summary>
    public void Resume(IReadOnlyDictionary<string, double> first) => First = first;

    /// <summary>Metrics of the policy as it is now.</summary>
    public IReadOnlyDictionary<string, double> Look(CancellationToken stop)
    {
        var rollouts = _sampler.Sample([.. prompts.Select((prompt, row) => new SampleRequest(prompt, row))], seed.For("held-out"), finished: null, stop);
        var (trained, judged) = (reward.Score(rollouts).CheckedFor(rollouts), judge.Score(rollouts).CheckedFor(rollouts));
        var metrics = new Dictionary<string, double>();
        foreach (var (name, scores) in new[] { ("reward", trained), ("score", judged) })
        {
            var moments = PpoStats.MomentsOf(scores.Totals);
            metrics[$"heldout/{name}"] = moments.Mean;
            metrics[$"heldout/{name}_deviation"] = moments.Std(VarianceKind.Population);
        }

        foreach (var (name, part) in judged.Parts)
            metrics[$"heldout/judge_{name}"] = part.Average();
        First ??= metrics;
        metrics["heldout/gap"] = Risen("reward", metrics) - Risen("score", metrics);
        return metrics;
    }

    private double Risen(string name, Dictionary<string, double> now)
    {
        var deviation = First![$"heldout/{name}_deviation"];
        return deviation > 0 ? (now[$"heldout/{name}"] - First[$"heldout/{name}"]) / deviation : 0;
    }
}
