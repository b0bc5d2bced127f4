using Attune.Feedback.Aggregation;

namespace Attune.Tests.Feedback.Aggregation;

/// <summary>Checks a gradient against differences of values.</summary>
internal static class Gradients
{
    private const double Step = 1e-5; // central differences: error about step² · third derivative + 1e-16/step

    public static void ShouldMatch(Differentiable function, double[] at)
    {
        var (gradient, unused) = (new double[at.Length], new double[at.Length]);
        function(at, gradient);
        for (var i = 0; i < at.Length; i++)
        {
            double[] Moved(double by)
            {
                var moved = (double[])at.Clone();
                moved[i] += by;
                return moved;
            }
            var numeric = (function(Moved(Step), unused) - function(Moved(-Step), unused)) / (2 * Step);
            GoldenLabels.Near(numeric, gradient[i], 1e-8, $"gradient {i}");
        }
    }
}
