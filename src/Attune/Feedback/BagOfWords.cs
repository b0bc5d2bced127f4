namespace Attune.Feedback;

/// <summary>
/// A preference model that knows only which words occur: P(A over B) = σ(w · (counts of A − counts of B)), fitted by full-batch L-BFGS to
/// mean cross-entropy plus ½·λ·‖w‖². Without an intercept, so it is the same whichever answer comes first. Deterministic. What a reward model
/// has to beat. Not here: n-grams, tf-idf, hashing.
/// </summary>
public sealed class BagOfWords
{
    private const int Memory = 10; // pairs of steps that L-BFGS remembers

    private readonly Dictionary<string, int> _index;
    private readonly double[] _weights;

    private BagOfWords(Dictionary<string, int> index, double[] weights) => (_index, _weights) = (index, weights);

    /// <summary>The weight of each word of the vocabulary.</summary>
    public IReadOnlyDictionary<string, double> Weights => _index.ToDictionary(entry => entry.Key, entry => _weights[entry.Value]);

    /// <summary>Learns from pairs.</summary>
    /// <param name="pairs">At least one.</param>
    /// <param name="penalty">λ; the more, the smaller the weights.</param>
    /// <param name="minimumPairs">Words that occur in fewer pairs are left out of the vocabulary.</param>
    /// <param name="iterations">Most steps; it stops earlier when the gradient has shrunk to a millionth.</param>
    public static BagOfWords Fit(IReadOnlyList<TextPair> pairs, double penalty = 1e-3, int minimumPairs = 2, int iterations = 200)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentOutOfRangeException.ThrowIfZero(pairs.Count, nameof(pairs));
        if (!(penalty > 0))
            throw new ArgumentOutOfRangeException(nameof(penalty), penalty, "Expected above 0: without a penalty the weights of separable pairs grow for ever.");
        var differences = pairs.Select(pair => Differences(pair.Chosen, pair.Rejected)).ToList();
        var vocabulary = differences.SelectMany(one => one.Keys).CountBy(word => word)
            .Where(word => word.Value >= minimumPairs).Select(word => word.Key).Order(StringComparer.Ordinal).ToArray();
        var index = vocabulary.Select((word, i) => (word, i)).ToDictionary(entry => entry.word, entry => entry.i, StringComparer.Ordinal);
        var rows = differences.Select(one => one.Where(word => index.ContainsKey(word.Key))
            .Select(word => (Word: index[word.Key], Count: word.Value)).OrderBy(entry => entry.Word).ToArray()).ToList();
        var targets = pairs.Select(pair => pair.PChosen).ToArray();
        return new(index, Minimise(weights => Loss(rows, targets, weights, penalty), vocabulary.Length, iterations));
    }

    /// <summary>The log-odds that the first text is preferred to the second; 0 says nothing.</summary>
    public double LogOdds(string first, string second) =>
        Differences(first, second).OrderBy(word => word.Key, StringComparer.Ordinal)
            .Sum(word => _index.TryGetValue(word.Key, out var i) ? _weights[i] * word.Value : 0);

    /// <summary>Mean cross-entropy with the penalty, and its gradient.</summary>
    internal static (double Loss, double[] Gradient) Loss(List<(int Word, double Count)[]> rows, double[] targets, double[] weights, double penalty)
    {
        var loss = 0.5 * penalty * Dot(weights, weights);
        var gradient = weights.Select(weight => penalty * weight).ToArray();
        for (var r = 0; r < rows.Count; r++)
        {
            var logit = 0.0;
            foreach (var (word, count) in rows[r])
                logit += weights[word] * count;
            // −t·log σ(x) − (1−t)·log σ(−x) = log(1 + e^−x) + (1−t)·x, written so that no exponential overflows
            loss += (Math.Max(-logit, 0) + Math.Log(1 + Math.Exp(-Math.Abs(logit))) + (1 - targets[r]) * logit) / rows.Count;
            var slope = (CrowdCalibration.Sigmoid(logit) - targets[r]) / rows.Count;
            foreach (var (word, count) in rows[r])
                gradient[word] += slope * count;
        }
        return (loss, gradient);
    }

    /// <summary>L-BFGS (Nocedal and Wright, algorithm 7.4) with a backtracking search for sufficient decrease, from zero.</summary>
    private static double[] Minimise(Func<double[], (double Loss, double[] Gradient)> function, int size, int iterations)
    {
        var at = new double[size];
        var (loss, gradient) = function(at);
        var goal = 1e-6 * Math.Sqrt(Dot(gradient, gradient));
        var steps = new List<(double[] Step, double[] Change)>();
        for (var iteration = 0; iteration < iterations && Math.Sqrt(Dot(gradient, gradient)) > goal; iteration++)
        {
            var direction = Direction(gradient, steps);
            var slope = Dot(direction, gradient);
            for (var length = 1.0; ; length /= 2)
            {
                var next = Add(at, direction, length);
                var (nextLoss, nextGradient) = function(next);
                if (nextLoss > loss + 1e-4 * length * slope && length > 1e-12)
                    continue;
                if (nextLoss >= loss)
                    return at; // nothing left but rounding
                var (step, change) = (Add(next, at, -1), Add(nextGradient, gradient, -1));
                if (Dot(step, change) > 0)
                    steps.Add((step, change));
                if (steps.Count > Memory)
                    steps.RemoveAt(0);
                (at, loss, gradient) = (next, nextLoss, nextGradient);
                break;
            }
        }
        return at;
    }

    private static double[] Direction(double[] gradient, List<(double[] Step, double[] Change)> steps)
    {
        var q = (double[])gradient.Clone();
        var shares = new double[steps.Count];
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            shares[i] = Dot(steps[i].Step, q) / Dot(steps[i].Step, steps[i].Change);
            q = Add(q, steps[i].Change, -shares[i]);
        }
        if (steps.Count > 0)
            q = Add(new double[q.Length], q, Dot(steps[^1].Step, steps[^1].Change) / Dot(steps[^1].Change, steps[^1].Change));
        for (var i = 0; i < steps.Count; i++)
            q = Add(q, steps[i].Step, shares[i] - Dot(steps[i].Change, q) / Dot(steps[i].Step, steps[i].Change));
        return Add(new double[q.Length], q, -1);
    }

    private static Dictionary<string, double> Differences(string first, string second)
    {
        var counts = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var word in Words.Of(first))
            counts[word] = counts.GetValueOrDefault(word) + 1;
        foreach (var word in Words.Of(second))
            counts[word] = counts.GetValueOrDefault(word) - 1;
        return counts.Where(word => word.Value != 0).ToDictionary(StringComparer.Ordinal);
    }

    private static double Dot(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    private static double[] Add(double[] a, double[] b, double factor)
    {
        var sum = new double[a.Length];
        for (var i = 0; i < sum.Length; i++)
            sum[i] = a[i] + factor * b[i];
        return sum;
    }
}
