namespace Attune.Rollouts;

/// <summary>From a row of logits, or of weights, and one uniform number to a token.</summary>
public static class TokenDraw
{
    /// <summary>The token at which the cumulative probability passes a uniform number: the inverse of the distribution function.</summary>
    /// <param name="logits">One row <c>[V]</c>; −∞ is never drawn.</param>
    /// <param name="uniform">In [0, 1).</param>
    public static int Of(ReadOnlySpan<float> logits, double uniform)
    {
        var (maximum, total) = MaximumAndSum(logits);
        var weights = new float[logits.Length];
        for (var k = 0; k < weights.Length; k++)
            weights[k] = (float)Math.Exp(logits[k] - maximum);
        return Invert(weights, uniform * total);
    }

    /// <summary>The largest logit's token; the first of equals.</summary>
    public static int ArgMax(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var k = 1; k < logits.Length; k++)
        {
            if (logits[k] > logits[best])
                best = k;
        }

        return best;
    }

    /// <summary>The token at which the cumulative weight passes a number between 0 and their sum; one without weight is never drawn.</summary>
    internal static int Invert(ReadOnlySpan<float> weights, double target)
    {
        var mass = 0.0;
        var last = 0;
        for (var k = 0; k < weights.Length; k++)
        {
            if (weights[k] == 0)
                continue;
            mass += weights[k];
            last = k;
            if (mass > target)
                return k;
        }

        return last; // rounding left a sliver above the last token
    }

    /// <summary>The largest logit, and Σ exp(logit − largest).</summary>
    internal static (double Maximum, double Sum) MaximumAndSum(ReadOnlySpan<float> logits)
    {
        double maximum = double.NegativeInfinity;
        foreach (var logit in logits)
            maximum = Math.Max(maximum, logit);
        var sum = 0.0;
        foreach (var logit in logits)
            sum += Math.Exp(logit - maximum);
        return (maximum, sum);
    }
}
