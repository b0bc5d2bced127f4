namespace Attune.Feedback.Aggregation;

/// <summary>A function to minimise: its value at a point; fills the gradient there.</summary>
internal delegate double Differentiable(double[] at, double[] gradient);

/// <summary>
/// Nonlinear conjugate gradients (Polak and Ribière 1969, with Powell's restart at negative β: Gilbert and Nocedal 1992), step lengths by
/// <see cref="WolfeSearch"/>. The settings are SciPy's, so that published numbers that come of an early stop are met: strong Wolfe conditions with
/// 1e-4 and 0.4, sufficient descent −p·g ≥ 0.01 g·g of the next direction, first step guessed from a decrease of ½‖g‖.
/// </summary>
internal static class ConjugateGradient
{
    private const double Descent = 0.01;

    /// <summary>Goes downhill from a point, which it leaves as it is.</summary>
    /// <param name="function">What to minimise.</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="tolerance">Stops when no entry of the gradient is larger.</param>
    /// <param name="iterations">The most steps.</param>
    public static double[] Minimise(Differentiable function, double[] start, double tolerance, int iterations)
    {
        var at = (double[])start.Clone();
        var gradient = new double[at.Length];
        var value = function(at, gradient);
        var earlier = value + Math.Sqrt(Dot(gradient, gradient)) / 2;
        var direction = Array.ConvertAll(gradient, g => -g);
        for (var iteration = 0; iteration < iterations && !(Largest(gradient) <= tolerance); iteration++)
        {
            var square = Dot(gradient, gradient);
            double[] NextDirection(double[] next)
            {
                var change = 0.0;
                for (var i = 0; i < next.Length; i++)
                    change += (next[i] - gradient[i]) * next[i];
                var beta = Math.Max(0, change / square);
                var turned = new double[next.Length];
                for (var i = 0; i < next.Length; i++)
                    turned[i] = -next[i] + beta * direction[i];
                return turned;
            }
            bool IsDescent(double[] next) => Largest(next) <= tolerance || Dot(NextDirection(next), next) <= -Descent * Dot(next, next);

            var search = new WolfeSearch(function, at, direction, value, gradient, earlier, IsDescent);
            if (search.Run() is not { } found)
                break;
            (earlier, value) = (value, found.Value);
            direction = NextDirection(found.Gradient);
            (at, gradient) = (found.At, found.Gradient);
        }
        return at;
    }

    internal static double Dot(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    private static double Largest(double[] values)
    {
        var largest = 0.0;
        foreach (var value in values)
            largest = Math.Max(largest, Math.Abs(value)); // NaN stays NaN
        return largest;
    }
}
