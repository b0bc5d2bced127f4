using Attune.Rewards;
using Attune.Rollouts;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>What a step's answers were paid, and why.</summary>
/// <param name="Scores">As the reward gave them.</param>
/// <param name="Ended">Which answers ended by themselves <c>[B]</c>.</param>
/// <param name="PerToken">Reward of each token <c>[N]</c>, before whitening.</param>
/// <param name="LogRatios">Σ (logp − reference logp) of each answer <c>[B]</c>: the KL that controllers and metrics use.</param>
/// <param name="RawAdvantages">Moments of the advantages before whitening.</param>
internal sealed record PpoRewards(Scores Scores, bool[] Ended, float[] PerToken, double[] LogRatios, Moments RawAdvantages)
{
    /// <summary>
    /// From scores to what policy and value function learn: end-token rule, clip, KL penalty, whitening, GAE, whitening. Fills the
    /// batch's advantages and returns.
    /// </summary>
    /// <param name="batch">Tokens with log-probs, reference log-probs and values.</param>
    /// <param name="scores">One an answer, or one a token.</param>
    /// <param name="config">The choices.</param>
    /// <param name="klCoefficient">Current price per nat.</param>
    public static PpoRewards Estimate(PpoBatch batch, Scores scores, PpoConfig config, double klCoefficient)
    {
        using var scope = TensorScope.Begin();
        var ended = batch.Rollouts.Select(r => r.Finish != FinishReason.Length).ToArray();
        var mask = batch.Mask();                                                            // all below [B,T], float64
        var shaped = Shape(batch, scores, ended, mask, config, config.KlPenaltyAt(klCoefficient) with { ScoreClip = null });
        var rewards = config.WhitenRewards ? Whitening.Apply(shaped.Rewards, mask, config.WhitenVariance, config.WhitenRewardsShiftMean) : shaped.Rewards;
        var estimate = Gae.Estimate(rewards, batch.Pad(batch.Values!), mask, config.Discount, config.Lambda);
        var advantages = config.WhitenAdvantages ? Whitening.Apply(estimate.PerToken, mask, config.WhitenVariance, shiftMean: true) : estimate.PerToken;
        batch.Advantages = batch.Flatten(advantages);
        batch.Returns = batch.Flatten(estimate.Returns); // of advantages before whitening
        return new(scores, ended, batch.Flatten(shaped.Rewards), shaped.LogRatio.ToDoubles(), MaskedStatistics.Of(estimate.PerToken, mask));
    }

    private static ShapedRewards Shape(PpoBatch batch, Scores scores, bool[] ended, Tensor mask, PpoConfig config, KlPenaltySettings settings)
    {
        var (logp, refLogp) = (batch.Pad(batch.LogProbs), batch.Pad(batch.RefLogProbs));
        var (per, totals) = scores.PerToken is { } tokens ? UnderEndRule(tokens, ended, config) : (null, scores.Totals);
        var paid = Tensor.Of(totals);
        if (per is null)
            paid = EndTokenRule.Apply(paid, Tensor.From(ended, ended.Length), config.EndTokenRule, config.EndTokenValue);
        if (config.ScoreClip is { } bound)
            paid = paid.Clamp(-bound, bound);
        if (per is null)
            return KlPenalty.Apply(paid, logp, refLogp, mask, settings);

        var penalty = KlPenalty.Apply(Tensor.ZerosLike(paid), logp, refLogp, mask, settings);
        var each = batch.Pad([.. per.SelectMany(row => row.Select(x => (float)x))]);
        if (config.ScoreClip is { } tokenBound)
            each = each.Clamp(-tokenBound, tokenBound);
        return penalty with { Rewards = penalty.Rewards + each };
    }

    /// <summary>The end-token rule for scores of tokens: replaced scores are paid once, at the last token; a penalty is taken off there.</summary>
    private static (double[][] PerToken, double[] Totals) UnderEndRule(double[][] tokens, bool[] ended, PpoConfig config)
    {
        var rows = tokens.Select(row => (double[])row.Clone()).ToArray();
        for (var row = 0; row < rows.Length; row++)
        {
            if (ended[row] || config.EndTokenRule == EndTokenRuleKind.None)
                continue;
            if (config.EndTokenRule == EndTokenRuleKind.Replace)
                Array.Clear(rows[row]);
            rows[row][^1] += config.EndTokenRule == EndTokenRuleKind.Replace ? config.EndTokenValue : -config.EndTokenValue;
        }

        return (rows, [.. rows.Select(row => row.Sum())]);
    }
}
