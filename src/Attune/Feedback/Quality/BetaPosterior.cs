namespace Attune.Feedback.Quality;

/// <summary>
/// What is known of a probability after some successes and failures: the Beta density with parameters prior + counts (Bayes 1763; Gelman et al. 2013,
/// section 2.4). Trials are taken as independent.
/// </summary>
/// <param name="Successes">The first parameter: successes and those of the prior, above 0.</param>
/// <param name="Failures">The second parameter: failures and those of the prior, above 0.</param>
public readonly record struct BetaPosterior(double Successes, double Failures)
{
    private const int MostTerms = 10_000;

    /// <summary>The posterior of a proportion.</summary>
    public static BetaPosterior Of(Proportion observed, double priorSuccesses, double priorFailures) =>
        new(priorSuccesses + observed.Successes, priorFailures + observed.Trials - observed.Successes);

    /// <summary>The expected probability.</summary>
    public double Mean => Successes / (Successes + Failures);

    /// <summary>The central credible interval.</summary>
    /// <param name="credibility">How probable it is that the true value lies in it.</param>
    public Interval Credible(double credibility = 0.95) => new(Quantile((1 - credibility) / 2), Quantile((1 + credibility) / 2));

    /// <summary>The value below which the probability lies with a given chance, to 1e-12.</summary>
    public double Quantile(double chance)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(chance);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chance, 1);
        var (low, high) = (0.0, 1.0);
        while (high - low > 1e-12)
        {
            var middle = (low + high) / 2;
            if (Below(middle) < chance)
                low = middle;
            else
                high = middle;
        }
        return (low + high) / 2;
    }

    /// <summary>The chance that the probability lies below a value: the regularised incomplete beta function I_x(a, b).</summary>
    public double Below(double x)
    {
        var (a, b) = (Successes, Failures);
        if (x is <= 0 or >= 1)
            return x <= 0 ? 0 : 1;
        var front = Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + a * Math.Log(x) + b * Math.Log(1 - x));
        // The fraction converges fast below (a + 1)/(a + b + 2); above it, the other tail does: I_x(a, b) = 1 − I_(1−x)(b, a).
        return x < (a + 1) / (a + b + 2) ? front * Fraction(x, a, b) / a : 1 - front * Fraction(1 - x, b, a) / b;
    }

    /// <summary>The continued fraction of the incomplete beta function (Abramowitz and Stegun 1964, 26.5.8), evaluated as Lentz (1976) does.</summary>
    private static double Fraction(double x, double a, double b)
    {
        const double tiny = 1e-300;
        var (c, d) = (1.0, 1 / NotZero(1 - (a + b) * x / (a + 1)));
        var value = d;
        for (var m = 1; m <= MostTerms; m++)
        {
            var even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            var odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            d = 1 / NotZero(1 + even * d);
            c = NotZero(1 + even / c);
            value *= c * d;
            d = 1 / NotZero(1 + odd * d);
            c = NotZero(1 + odd / c);
            value *= c * d;
            if (Math.Abs(c * d - 1) < 1e-15)
                break;
        }
        return value;

        static double NotZero(double term) => Math.Abs(term) < tiny ? tiny : term;
    }

    /// <summary>ln Γ(x) for x above 0, to 1e-13: Stirling's series from 10 on, and the recurrence up to there.</summary>
    private static double LogGamma(double x)
    {
        var shift = 0.0;
        for (; x < 10; x++)
            shift += Math.Log(x);
        var inverse = 1 / (x * x);
        var series = (1.0 / 12 - inverse * (1.0 / 360 - inverse * (1.0 / 1260 - inverse * (1.0 / 1680 - inverse / 1188)))) / x;
        return (x - 0.5) * Math.Log(x) - x + 0.5 * Math.Log(2 * Math.PI) + series - shift;
    }
}
