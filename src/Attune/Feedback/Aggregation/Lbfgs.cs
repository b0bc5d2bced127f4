namespace Attune.Feedback.Aggregation;

/// <summary>
/// Limited-memory BFGS (Liu and Nocedal 1989; Nocedal and Wright, algorithm 7.4) with steps by <see cref="WolfeSearch"/>. For functions of many parameters
/// whose curvature differs much between them.
/// </summary>
internal static class Lbfgs
{
    private const int Memory = 10;

    /// <summary>Goes downhill until no entry of the gradient is larger than the tolerance; the point, and the value after each step.</summary>
    public static (double[] At, List<double> Values, bool IsConverged) Minimise(Differentiable function, double[] start, double tolerance, int iterations)
    {
        var (at, gradient) = ((double[])start.Clone(), new double[start.Length]);
        var value = function(at, gradient);
        var earlier = value + Math.Sqrt(ConjugateGradient.Dot(gradient, gradient)) / 2;
        var values = new List<double>();
        var steps = new List<(double[] Step, double[] Change)>();
        while (values.Count < iterations && !IsFlat(gradient, tolerance))
        {
            var direction = Direction(gradient, steps);
            var search = new WolfeSearch(function, at, direction, value, gradient, earlier, _ => true);
            if (search.Run() is not { } found || !(found.Value < value))
                return (at, values, false); // nothing left but rounding
            var (step, change) = (Less(found.At, at), Less(found.Gradient, gradient));
            if (ConjugateGradient.Dot(step, change) > 0)
                steps.Add((step, change));
            if (steps.Count > Memory)
                steps.RemoveAt(0);
            (earlier, value, at, gradient) = (value, found.Value, found.At, found.Gradient);
            values.Add(value);
        }
        return (at, values, IsFlat(gradient, tolerance));
    }

    private static bool IsFlat(double[] gradient, double tolerance) => Array.TrueForAll(gradient, g => Math.Abs(g) <= tolerance);

    private static double[] Direction(double[] gradient, List<(double[] Step, double[] Change)> steps)
    {
        var q = Array.ConvertAll(gradient, g => -g);
        var shares = new double[steps.Count];
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            shares[i] = ConjugateGradient.Dot(steps[i].Step, q) / ConjugateGradient.Dot(steps[i].Step, steps[i].Change);
            AddTo(q, steps[i].Change, -shares[i]);
        }
        if (steps.Count > 0)
        {
            var (step, change) = steps[^1];
            var scale = ConjugateGradient.Dot(step, change) / ConjugateGradient.Dot(change, change);
            for (var i = 0; i < q.Length; i++)
                q[i] *= scale;
        }
        for (var i = 0; i < steps.Count; i++)
            AddTo(q, steps[i].Step, shares[i] - ConjugateGradient.Dot(steps[i].Change, q) / ConjugateGradient.Dot(steps[i].Step, steps[i].Change));
        return q;
    }

    private static void AddTo(double[] to, double[] what, double factor)
    {
        for (var i = 0; i < to.Length; i++)
            to[i] += factor * what[i];
    }

    private static double[] Less(double[] a, double[] b)
    {
        var difference = new double[a.Length];
        for (var i = 0; i < a.Length; i++)
            difference[i] = a[i] - b[i];
        return difference;
    }
}
