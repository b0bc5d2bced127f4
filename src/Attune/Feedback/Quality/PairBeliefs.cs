using Attune.Feedback.Aggregation;

namespace Attune.Feedback.Quality;

/// <summary>
/// What comparisons so far say of Bradley–Terry scores s (p(i beats j) = σ(s_i − s_j)), as a normal distribution: the mean is the fit of <see cref="BradleyTerry"/>
/// with some ties of every item against an item of score 0, which keep scores of few comparisons near it; the covariance is the inverse of the information Σ n_ij p_ij (1 − p_ij) (e_i − e_j)(e_i − e_j)ᵀ at the mean, those ties included
/// (Laplace's approximation). Not here: skills and sides of judges.
/// </summary>
public sealed class PairBeliefs
{
    private const string Anchor = "\0"; // no name of an item: the files it could come from hold none
    private const double NormalRange = 5;
    private const int NormalPoints = 21; // of the trapezoidal rule, whose error for a normal density falls faster than any power of the step

    private static readonly (double Place, double Weight)[] Normal = NormalRule();

    private readonly double[] _covariance; // [item, item]

    private PairBeliefs(IReadOnlyList<string> items, double[] scores, double[] covariance) => (Items, Scores, _covariance) = (items, scores, covariance);

    /// <summary>Names of the items, as given.</summary>
    public IReadOnlyList<string> Items { get; }

    /// <summary>Expected scores, in natural-log odds against the item of score 0.</summary>
    public IReadOnlyList<double> Scores { get; }

    /// <summary>Fits beliefs.</summary>
    /// <param name="items">All items, each once; some may not have been compared.</param>
    /// <param name="rows">The comparisons.</param>
    /// <param name="priorTies">Ties against the item of score 0, at least 1.</param>
    public static PairBeliefs Of(IReadOnlyList<string> items, IEnumerable<PairRow> rows, int priorTies = 1)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentOutOfRangeException.ThrowIfLessThan(priorTies, 1);
        var ties = items.SelectMany(item => Enumerable.Repeat(new PairRow(item, Anchor, Winner.Tie), priorTies));
        var data = ComparisonSet.Of(rows.Concat(ties));
        var fit = BradleyTerry.Run(data, new() { Tolerance = 1e-8 });
        var (anchor, numbers) = (Math.Log(fit.ScoreOf(Anchor)), items.Select(data.ItemNumber).ToArray());
        var scores = Array.ConvertAll(numbers, number => Math.Log(fit.Scores[number]) - anchor);
        return new(items, scores, Inverse(Information(data, numbers, scores, priorTies), items.Count));
    }

    /// <summary>The standard deviation of the difference of two scores.</summary>
    public double DeviationOf(int first, int second) => Math.Sqrt(VarianceOf(first, second));

    /// <summary>
    /// What one comparison of two items is expected to tell of the scores, in nats (Lindley 1956), for beliefs d ~ N(μ, v) about the difference of the scores:
    /// H(E σ(d)) − E H(σ(d)), H the entropy of a coin (Houlsby et al. 2011, eq. 2; for pairs Li et al. 2018). From 0 to ln 2.
    /// </summary>
    public double InformationOf(int first, int second)
    {
        var (difference, deviation) = (Scores[first] - Scores[second], DeviationOf(first, second));
        var (chance, entropy) = (0.0, 0.0);
        foreach (var (place, weight) in Normal)
        {
            var p = 1 / (1 + Math.Exp(-difference - deviation * place));
            chance += weight * p;
            entropy += weight * Entropy(p);
        }
        return Math.Max(0, Entropy(chance) - entropy);
    }

    /// <summary>The beliefs after one more comparison of two items whose outcome is not known yet: the mean stays, and the covariance shrinks by the information expected (Sherman and Morrison 1950).</summary>
    public PairBeliefs Expecting(int first, int second)
    {
        var (n, p) = (Items.Count, 1 / (1 + Math.Exp(Scores[second] - Scores[first])));
        var information = p * (1 - p);
        var along = new double[n];
        for (var i = 0; i < n; i++)
            along[i] = _covariance[i * n + first] - _covariance[i * n + second];
        var factor = information / (1 + information * VarianceOf(first, second));
        var next = new double[n * n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                next[i * n + j] = _covariance[i * n + j] - factor * along[i] * along[j];
        }
        return new(Items, (double[])Scores, next);
    }

    private double VarianceOf(int first, int second)
    {
        var n = Items.Count;
        return _covariance[first * n + first] + _covariance[second * n + second] - 2 * _covariance[first * n + second];
    }

    private static double Entropy(double p) => p is <= 0 or >= 1 ? 0 : -p * Math.Log(p) - (1 - p) * Math.Log(1 - p);

    private static double[] Information(ComparisonSet data, int[] numbers, double[] scores, int priorTies)
    {
        var (wins, all, n) = (data.Wins(), data.Items.Count, scores.Length);
        var information = new double[n * n];
        for (var i = 0; i < n; i++)
        {
            var anchored = 1 / (1 + Math.Exp(-scores[i]));
            information[i * n + i] += priorTies * anchored * (1 - anchored);
            for (var j = 0; j < i; j++)
            {
                var games = wins[numbers[i] * all + numbers[j]] + wins[numbers[j] * all + numbers[i]];
                var p = 1 / (1 + Math.Exp(scores[j] - scores[i]));
                var of = games * p * (1 - p);
                information[i * n + i] += of;
                information[j * n + j] += of;
                information[i * n + j] -= of;
                information[j * n + i] -= of;
            }
        }
        return information;
    }

    /// <summary>The inverse of a symmetric positive definite matrix, by elimination without exchanges (Gauss and Jordan).</summary>
    private static double[] Inverse(double[] matrix, int n)
    {
        var (left, inverse) = ((double[])matrix.Clone(), new double[n * n]);
        for (var i = 0; i < n; i++)
            inverse[i * n + i] = 1;
        for (var pivot = 0; pivot < n; pivot++)
        {
            var scale = 1 / left[pivot * n + pivot];
            for (var column = 0; column < n; column++)
                (left[pivot * n + column], inverse[pivot * n + column]) = (left[pivot * n + column] * scale, inverse[pivot * n + column] * scale);
            for (var row = 0; row < n; row++)
            {
                var factor = row == pivot ? 0 : left[row * n + pivot];
                for (var column = 0; factor != 0 && column < n; column++)
                {
                    left[row * n + column] -= factor * left[pivot * n + column];
                    inverse[row * n + column] -= factor * inverse[pivot * n + column];
                }
            }
        }
        return inverse;
    }

    private static (double Place, double Weight)[] NormalRule()
    {
        var places = Enumerable.Range(0, NormalPoints).Select(i => NormalRange * (2.0 * i / (NormalPoints - 1) - 1)).ToArray();
        var densities = Array.ConvertAll(places, place => Math.Exp(-place * place / 2));
        return [.. places.Zip(densities, (place, density) => (place, density / densities.Sum()))];
    }
}
