namespace Attune.Rollouts;

/// <summary>Which tokens stay in the draw, by their logits alone. All on one row <c>[V]</c>, in place; a dropped token has logit −∞, and at least one stays.</summary>
public static class Truncation
{
    /// <summary>Divides by a temperature; 0 leaves the largest logit alone.</summary>
    public static void Temper(Span<float> logits, double temperature)
    {
        if (temperature == 0)
        {
            var best = TokenDraw.ArgMax(logits);
            for (var k = 0; k < logits.Length; k++)
                logits[k] = k == best ? logits[k] : float.NegativeInfinity;
            return;
        }

        for (var k = 0; k < logits.Length; k++)
            logits[k] = (float)(logits[k] / temperature);
    }

    /// <summary>What is not a number becomes 0, what is infinite the largest or smallest number that a division by the temperature leaves finite.</summary>
    public static void RemoveInvalid(Span<float> logits, double temperature)
    {
        var largest = (float)(float.MaxValue * Math.Min(1, temperature * 0.999)); // a little less than the most, as the quotient is rounded
        if (temperature >= 1)
            largest = float.MaxValue;
        for (var k = 0; k < logits.Length; k++)
            logits[k] = float.IsNaN(logits[k]) ? 0 : Math.Clamp(logits[k], -largest, largest);
    }

    /// <summary>Keeps the k largest.</summary>
    /// <param name="logits">One row.</param>
    /// <param name="k">At least 1.</param>
    /// <param name="keepTies">What ties with the k-th stays too; else the first of them by id.</param>
    public static void KeepTopK(Span<float> logits, int k, bool keepTies)
    {
        if (k >= logits.Length)
            return;
        var sorted = logits.ToArray();
        Array.Sort(sorted);
        var lowest = sorted[^k];
        if (keepTies)
        {
            KeepFrom(logits, lowest);
            return;
        }

        var room = k - (sorted.Length - 1 - Array.LastIndexOf(sorted, lowest));
        for (var id = 0; id < logits.Length; id++)
        {
            if (logits[id] < lowest || (logits[id] == lowest && room-- <= 0))
                logits[id] = float.NegativeInfinity;
        }
    }

    /// <summary>Keeps the smallest set whose probability reaches p: the token that crosses stays, and so does at least one.</summary>
    public static void KeepTopP(Span<float> logits, double p)
    {
        var order = new int[logits.Length];
        var keys = new float[logits.Length];
        for (var k = 0; k < order.Length; k++)
            (order[k], keys[k]) = (k, -logits[k]);
        Array.Sort(keys, order); // descending logits
        var (maximum, total) = TokenDraw.MaximumAndSum(logits);
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
        var (maximum, _) = TokenDraw.MaximumAndSum(logits);
        KeepFrom(logits, (float)(maximum + Math.Log(Math.Min(share, 1))));
    }

    /// <summary>Keeps tokens of at least this probability, and those as likely as the likeliest.</summary>
    public static void KeepProbable(Span<float> logits, double least)
    {
        var (maximum, total) = TokenDraw.MaximumAndSum(logits);
        for (var k = 0; k < logits.Length; k++)
        {
            if (logits[k] < maximum && Math.Exp(logits[k] - maximum) / total < least)
                logits[k] = float.NegativeInfinity;
        }
    }

    /// <summary>The same with min(η, √η·e^−H) for the least probability, H the entropy in nats (Hewitt et al. 2022, section 4.3).</summary>
    public static void KeepEta(Span<float> logits, double eta) => KeepProbable(logits, Math.Min(eta, Math.Sqrt(eta) * Math.Exp(-Entropy(logits))));

    /// <summary>
    /// Keeps the tokens whose surprise −log p is nearest to its mean, the entropy, until their probability reaches the mass; what is as near as
    /// the last of them stays too (Meister et al. 2023, algorithm 1).
    /// </summary>
    public static void KeepTypical(Span<float> logits, double mass)
    {
        var (maximum, total) = TokenDraw.MaximumAndSum(logits);
        var entropy = Entropy(logits);
        var (order, distances) = (new int[logits.Length], new float[logits.Length]);
        for (var k = 0; k < order.Length; k++)
            (order[k], distances[k]) = (k, (float)Math.Abs(maximum + Math.Log(total) - logits[k] - entropy));
        var sorted = (float[])distances.Clone();
        Array.Sort(sorted, order);
        var (sum, last) = (0.0, 0);
        for (; last < order.Length - 1; last++)
        {
            sum += Math.Exp(logits[order[last]] - maximum) / total;
            if (sum >= mass)
                break;
        }

        for (var k = 0; k < logits.Length; k++)
        {
            if (distances[k] > sorted[last])
                logits[k] = float.NegativeInfinity;
        }
    }

    /// <summary>Keeps logits of at least the largest less n of their standard deviations, dropped ones left out (Tang et al. 2024, algorithm 1).</summary>
    public static void KeepTopNSigma(Span<float> logits, double n)
    {
        var (count, sum, maximum) = (0, 0.0, double.NegativeInfinity);
        foreach (var logit in logits)
        {
            if (float.IsNegativeInfinity(logit))
                continue;
            (count, sum, maximum) = (count + 1, sum + logit, Math.Max(maximum, logit));
        }

        var squares = 0.0;
        foreach (var logit in logits)
            squares += float.IsNegativeInfinity(logit) ? 0 : Math.Pow(logit - (sum / count), 2);
        KeepFrom(logits, (float)(maximum - (n * Math.Sqrt(squares / count))));
    }

    /// <summary>Drops every token of at least this probability but the least likely of them; of one alone, none.</summary>
    public static void ExcludeTopChoices(Span<float> logits, double threshold)
    {
        var (maximum, total) = TokenDraw.MaximumAndSum(logits);
        var least = -1;
        var choices = new List<int>();
        for (var k = 0; k < logits.Length; k++)
        {
            if (Math.Exp(logits[k] - maximum) / total < threshold)
                continue;
            choices.Add(k);
            if (least < 0 || logits[k] <= logits[least])
                least = k;
        }

        foreach (var choice in choices)
        {
            if (choice != least)
                logits[choice] = float.NegativeInfinity;
        }
    }

    /// <summary>−Σ p log p in nats.</summary>
    private static double Entropy(ReadOnlySpan<float> logits)
    {
        var (maximum, total) = TokenDraw.MaximumAndSum(logits);
        var sum = 0.0;
        foreach (var logit in logits)
        {
            if (!float.IsNegativeInfinity(logit))
                sum += Math.Exp(logit - maximum) / total * (maximum + Math.Log(total) - logit);
        }

        return sum;
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
