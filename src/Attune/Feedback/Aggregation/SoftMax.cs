namespace Attune.Feedback.Aggregation;

/// <summary>Probabilities from unnormalised logs.</summary>
internal static class SoftMax
{
    /// <summary>Replaces logs by probabilities that sum to 1; the log of the sum of what they were the logs of.</summary>
    public static double InPlace(Span<double> logs)
    {
        var largest = double.NegativeInfinity;
        foreach (var log in logs)
            largest = Math.Max(largest, log);
        var sum = 0.0;
        for (var c = 0; c < logs.Length; c++)
        {
            // exp(−745) is 0 in double precision; most entries of a settled task are far below, and the largest is exp(0)
            var shifted = logs[c] - largest;
            sum += logs[c] = shifted < -745 ? 0 : shifted == 0 ? 1 : Math.Exp(shifted);
        }
        for (var c = 0; c < logs.Length; c++)
            logs[c] /= sum;
        return largest + Math.Log(sum);
    }
}
