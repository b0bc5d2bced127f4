namespace Attune.Rollouts;

/// <summary>
/// The filters between logits and the draw, on one row on the processor. A dropped token has logit −∞. Not here: typical, epsilon and other
/// truncations.
/// </summary>
public static class SamplingChain
{
    /// <summary>Applies penalty, bans and temperature, then the truncations, in place.</summary>
    /// <param name="logits">One row <c>[V]</c>.</param>
    /// <param name="options">What to apply.</param>
    /// <param name="history">Tokens of prompt and response so far, for the penalty.</param>
    /// <param name="newTokens">Response tokens so far, for the minimum length.</param>
    public static void Apply(Span<float> logits, SamplingOptions options, IReadOnlyCollection<int> history, int newTokens)
    {
        if (options.RepetitionPenalty != 1)
            PenaliseRepetition(logits, options.RepetitionPenalty, history);
        if (newTokens < options.MinimumNewTokens)
        {
            foreach (var end in options.EndTokens)
                logits[end] = float.NegativeInfinity;
        }

        if (options.IsGreedy)
            return;
        if (options.Temperature != 1)
        {
            for (var k = 0; k < logits.Length; k++)
                logits[k] = (float)(logits[k] / options.Temperature);
        }

        if (options.TopK > 0)
            KeepTopK(logits, options.TopK);
        if (options.TopP < 1)
            KeepTopP(logits, options.TopP);
        if (options.MinP > 0)
            KeepMinP(logits, options.MinP);
    }

    /// <summary>Once per distinct token, the prompt's included: positive logits are divided, negative ones multiplied.</summary>
    public static void PenaliseRepetition(Span<float> logits, double penalty, IReadOnlyCollection<int> history)
    {
        foreach (var token in history.Distinct())
            logits[token] = (float)(logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty);
    }

    /// <summary>Keeps the k largest; what ties with the k-th stays too.</summary>
    public static void KeepTopK(Span<float> logits, int k)
    {
        if (k >= logits.Length)
            return;
        var sorted = logits.ToArray();
        Array.Sort(sorted);
        KeepFrom(logits, sorted[^k]);
    }

    /// <summary>Keeps the smallest set whose probability reaches p: the token that crosses stays, and so does at least one.</summary>
    public static void KeepTopP(Span<float> logits, double p)
    {
        var order = new int[logits.Length];
        var keys = new float[logits.Length];
        for (var k = 0; k < order.Length; k++)
            (order[k], keys[k]) = (k, -logits[k]);
        Array.Sort(keys, order); // descending logits
        var (maximum, total) = MaximumAndSum(logits);
        var mass = 0.0;
        for (var k = 0; k < order.Length; k++)
        {
            if (mass >= p * total && k > 0)
                logits[order[k]] = float.NegativeInfinity;
            else
                mass += Math.Exp(-keys[k] - maximum);
        }
    }

    /// <summary>Keeps tokens with at least <paramref name="share"/> of the most likely one's probability.</summary>
    public static void KeepMinP(Span<float> logits, double share)
    {
        var (maximum, _) = MaximumAndSum(logits);
        KeepFrom(logits, (float)(maximum + Math.Log(share)));
    }

    /// <summary>The token at which the cumulative probability passes a uniform number: the inverse of the distribution function.</summary>
    /// <param name="logits">One row <c>[V]</c>; −∞ is never drawn.</param>
    /// <param name="uniform">In [0, 1).</param>
    public static int Draw(ReadOnlySpan<float> logits, double uniform)
    {
        var (maximum, total) = MaximumAndSum(logits);
        var weights = new float[logits.Length];
        for (var k = 0; k < weights.Length; k++)
            weights[k] = (float)Math.Exp(logits[k] - maximum);
        return Invert(weights, uniform * total);
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

    private static void KeepFrom(Span<float> logits, float lowest)
    {
        for (var k = 0; k < logits.Length; k++)
        {
            if (logits[k] < lowest)
                logits[k] = float.NegativeInfinity;
        }
    }
}
