using Attune.Rollouts;

namespace Attune.Rewards;

/// <summary>One part of a mixture.</summary>
/// <param name="Name">Its name in metrics: <c>reward/NAME</c>.</param>
/// <param name="Weight">Factor of its scores; may be negative, for a cost.</param>
/// <param name="Reward">The reward.</param>
public sealed record WeightedPart(string Name, double Weight, IReward Reward);

/// <summary>
/// Σ weight · score. Each part is reported unweighted, so that a part which the policy games is seen. Where one part speaks of tokens the
/// mixture does, and parts that judge whole answers are paid at the last token. Not here: normalising the parts to one scale.
/// </summary>
public sealed class WeightedReward : IReward
{
    private readonly WeightedPart[] _parts;

    /// <summary>Creates the mixture.</summary>
    /// <exception cref="ArgumentException">No part, two of one name, or a weight that is not finite.</exception>
    public WeightedReward(IReadOnlyList<WeightedPart> parts)
    {
        if (parts.Count == 0)
            throw new ArgumentException("the mixture has no part, expected at least one; name a reward", nameof(parts));
        if (parts.GroupBy(p => p.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"{twice.Count()} parts are named '{twice.Key}', expected names that differ; rename one", nameof(parts));
        if (parts.FirstOrDefault(p => !double.IsFinite(p.Weight)) is { } bad)
            throw new ArgumentException($"the weight of '{bad.Name}' is {bad.Weight}, expected a finite number; 1 is usual", nameof(parts));
        _parts = [.. parts];
    }

    /// <inheritdoc/>
    public Scores Score(IReadOnlyList<Rollout> rollouts)
    {
        var scores = Array.ConvertAll(_parts, part => part.Reward.Score(rollouts).CheckedFor(rollouts));
        var named = _parts.Zip(scores).ToDictionary(pair => pair.First.Name, pair => pair.Second.Totals);
        var mixed = scores.Any(s => s.PerToken is not null)
            ? Scores.OfTokens([.. rollouts.Select((rollout, row) => MixTokens(scores, row, rollout.Response.Length))])
            : Scores.OfSequences([.. rollouts.Select((_, row) => _parts.Zip(scores).Sum(pair => pair.First.Weight * pair.Second.Totals[row]))]);
        return mixed with { Parts = named };
    }

    private double[] MixTokens(Scores[] scores, int row, int length)
    {
        var mixed = new double[length];
        for (var part = 0; part < scores.Length; part++)
        {
            if (scores[part].PerToken is { } tokens)
            {
                for (var t = 0; t < length; t++)
                    mixed[t] += _parts[part].Weight * tokens[row][t];
            }
            else
            {
                mixed[^1] += _parts[part].Weight * scores[part].Totals[row];
            }
        }

        return mixed;
    }
}
