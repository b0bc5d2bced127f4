using Attune.Runs;

namespace Attune.Feedback;

/// <summary>
/// Finds how noisy annotators have to be to agree as often as people do. Annotators perceive utilities through logistic noise, so that
/// P(A over B) = σ((u_A − u_B)/s) (Bradley and Terry 1952); two of them agree with probability p·q + (1 − p)(1 − q). The mean of that over
/// pairs of answers and pairs of annotators is exact, nothing is drawn, and s is found by bisection.
/// </summary>
public static class CrowdCalibration
{
    private const double SmallestNoise = 1e-4, LargestNoise = 1e4;

    /// <summary>The expected share of pairs on which two annotators agree.</summary>
    /// <param name="differences">For each annotator u_A − u_B per pair of answers, <c>[annotators][pairs]</c>. One annotator agrees with a second self.</param>
    /// <param name="noise">The scale s.</param>
    public static double ExpectedAgreement(IReadOnlyList<double[]> differences, double noise)
    {
        ArgumentNullException.ThrowIfNull(differences);
        var (sum, count) = (0.0, 0L);
        for (var a = 0; a < differences.Count; a++)
            for (var b = differences.Count == 1 ? a : a + 1; b < differences.Count; b++)
                for (var i = 0; i < differences[a].Length; i++, count++)
                {
                    var (p, q) = (Sigmoid(differences[a][i] / noise), Sigmoid(differences[b][i] / noise));
                    sum += p * q + (1 - p) * (1 - q);
                }
        return sum / count;
    }

    /// <summary>The noise at which annotators agree on the given share of pairs.</summary>
    /// <param name="differences">As for <see cref="ExpectedAgreement"/>.</param>
    /// <param name="agreement">Between 0.5 and what they would reach without any noise.</param>
    /// <exception cref="InputException">Even without noise they agree on fewer: their tastes differ too much.</exception>
    public static double Noise(IReadOnlyList<double[]> differences, double agreement)
    {
        var most = ExpectedAgreement(differences, SmallestNoise);
        if (!(agreement > 0.5 && agreement < most))
            throw InputException.One("crowd.agreement", $"is {agreement}", $"above 0.5 and below {most:0.000}, which these annotators reach without noise",
                "lower it, or lower crowd.variation");
        var (low, high) = (Math.Log(SmallestNoise), Math.Log(LargestNoise));
        for (var i = 0; i < 100; i++)
        {
            var middle = (low + high) / 2;
            if (ExpectedAgreement(differences, Math.Exp(middle)) > agreement)
                low = middle;
            else
                high = middle;
        }
        return Math.Exp((low + high) / 2);
    }

    internal static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
