using System.Numerics;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>What a step's answers were paid, and why.</summary>
/// <param name="Scores">As the reward gave them.</param>
/// <param name="Ended">Which answers ended by themselves <c>[B]</c>.</param>
/// <param name="LogRatios">Σ (logp − reference logp) of each answer <c>[B]</c>: the KL that controllers and metrics use.</param>
internal sealed record PpoRewards(Scores Scores, bool[] Ended, double[] LogRatios)
{
    /// <summary>From scores to the batch's rewards per token: end-token rule, clip, KL penalty.</summary>
    /// <param name="batch">Tokens with log-probs and reference log-probs.</param>
    /// <param name="scores">One an answer, or one a token.</param>
    /// <param name="config">The choices.</param>
    /// <param name="klCoefficient">Current price per nat.</param>
    public static PpoRewards Pay(PpoBatch batch, Scores scores, PpoConfig config, double klCoefficient)
    {
        using var scope = TensorScope.Begin();
        var ended = batch.Rollouts.Select(r => r.Finish != FinishReason.Length).ToArray();
        var shaped = Shape(batch, scores, ended, config, config.KlPenaltyAt(klCoefficient));
        batch.PlaceRows.Unpad(shaped.Rewards, batch.AllRows, batch.Rewards);
        return new(scores, ended, shaped.LogRatio.ToDoubles());
    }

    private static ShapedRewards Shape(PpoBatch batch, Scores scores, bool[] ended, PpoConfig config, KlPenaltySettings settings)
    {
        Tensor Pad<T>(T[] flat)
            where T : INumber<T> => batch.TokenRows.Pad(flat, batch.AllRows, batch.Width); // [B,T], float64

        var (logp, refLogp, mask) = (Pad(batch.LogProbs), Pad(batch.RefLogProbs), batch.TokenRows.Mask(batch.AllRows, batch.Width));
        var (per, totals) = scores.PerToken is { } tokens ? UnderEndRule(tokens, ended, config) : (null, scores.Totals);
        var paid = Tensor.Of(totals);
        if (per is null)
            paid = EndTokenRule.Apply(paid, Tensor.From(ended, ended.Length), config.EndTokenRule, config.EndTokenValue);
        if (config.ScoreClip is { } bound)
            paid = paid.Clamp(-bound, bound);
        if (per is null)
            return KlPenalty.Apply(paid, logp, refLogp, mask, settings);

        var penalty = KlPenalty.Apply(Tensor.ZerosLike(paid), logp, refLogp, mask, settings);
        var each = Pad(per.SelectMany(row => row).ToArray());
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
