namespace Attune.Feedback.Aggregation;

/// <summary>A point on a line, with what the function is there.</summary>
internal sealed record LinePoint(double Step, double[] At, double Value, double Slope, double[] Gradient);

/// <summary>
/// A step length with the strong Wolfe conditions: first by Moré and Thuente (1994); where that fails, or the caller refuses its step, by bracketing and
/// zooming (Nocedal and Wright 2006, algorithms 3.5 and 3.6). Tolerances, interpolation guards and numbers of tries as in SciPy.
/// </summary>
internal sealed class WolfeSearch(
    Differentiable function, double[] from, double[] direction, double value, double[] gradient, double earlier, Func<double[], bool> accepts)
{
    private const double Decrease = 1e-4, Curvature = 0.4, Shortest = 1e-100, Longest = 1e100;

    private readonly double _slope = ConjugateGradient.Dot(gradient, direction);

    /// <summary>The point that the step leads to, or null where none was found.</summary>
    public LinePoint? Run() => MoreThuente() is { } point && accepts(point.Gradient) ? point : Bracket();

    private LinePoint At(double step)
    {
        var (point, there) = (new double[from.Length], new double[from.Length]);
        for (var i = 0; i < point.Length; i++)
            point[i] = from[i] + step * direction[i];
        var found = function(point, there);
        return new(step, point, found, ConjugateGradient.Dot(there, direction), there);
    }

    private double FirstStep()
    {
        if (_slope == 0)
            return 1;
        var step = Math.Min(1, 1.01 * 2 * (value - earlier) / _slope);
        return step < 0 ? 1 : step;
    }

    private LinePoint? MoreThuente()
    {
        var step = FirstStep();
        if (!(step >= Shortest) || _slope >= 0)
            return null;
        var goal = Decrease * _slope;
        var interval = new StepInterval(value, _slope);
        var (isBracketed, isFirstStage) = (false, true);
        var (width, widthBefore) = (Longest - Shortest, 2 * (Longest - Shortest));
        var (low, high) = (0.0, step + 4 * step);
        for (var trial = 0; trial < 100; trial++)
        {
            var point = At(step);
            var enough = value + step * goal;
            if (isFirstStage && point.Value <= enough && point.Slope >= 0)
                isFirstStage = false;
            if (point.Value <= enough && Math.Abs(point.Slope) <= Curvature * -_slope)
                return point;
            if (isBracketed && (step <= low || step >= high || high - low <= 1e-14 * high))
                return null; // nothing left but rounding
            if ((step == Longest && point.Value <= enough && point.Slope <= goal) || (step == Shortest && (point.Value > enough || point.Slope >= goal)))
                return null;
            // In the first stage the search is for the function less its required decrease, as long as that is lower at this step only for it.
            var shift = isFirstStage && point.Value <= interval.BestValue && point.Value > enough ? goal : 0;
            (step, isBracketed) = interval.Next(step, point.Value, point.Slope, shift, isBracketed, low, high);
            if (isBracketed)
            {
                if (interval.Width >= 0.66 * widthBefore)
                    step = interval.Best + 0.5 * (interval.Other - interval.Best);
                (widthBefore, width) = (width, interval.Width);
                (low, high) = (Math.Min(interval.Best, interval.Other), Math.Max(interval.Best, interval.Other));
            }
            else
            {
                (low, high) = (step + 1.1 * (step - interval.Best), step + 4 * (step - interval.Best));
            }
            step = Math.Clamp(step, Shortest, Longest);
            if (isBracketed && (step <= low || step >= high || high - low <= 1e-14 * high))
                step = interval.Best;
        }
        return null;
    }

    private LinePoint? Bracket()
    {
        var before = new LinePoint(0, from, value, _slope, gradient);
        var step = FirstStep();
        for (var trial = 0; trial < 10; trial++)
        {
            if (step == 0)
                return null;
            var point = At(step);
            if (point.Value > value + Decrease * step * _slope || (trial > 0 && point.Value >= before.Value))
                return Zoom(before, point);
            if (IsFlat(point) && accepts(point.Gradient))
                return point;
            if (point.Slope >= 0)
                return Zoom(point, before);
            (before, step) = (point, 2 * step);
        }
        return At(step);
    }

    private LinePoint? Zoom(LinePoint low, LinePoint high)
    {
        (double Step, double Value) earliest = (0, value);
        for (var trial = 0; trial <= 10; trial++)
        {
            var width = high.Step - low.Step;
            var (left, right) = (Math.Min(low.Step, high.Step), Math.Max(low.Step, high.Step));
            bool IsInside(double at, double margin) => at <= right - margin * width && at >= left + margin * width;
            var step = trial > 0 ? Cubic(low, high, earliest) : double.NaN;
            if (!IsInside(step, 0.2))
                step = Quadratic(low, high);
            if (!IsInside(step, 0.1))
                step = low.Step + 0.5 * width;
            var point = At(step);
            if (point.Value > value + Decrease * step * _slope || point.Value >= low.Value)
            {
                (earliest, high) = ((high.Step, high.Value), point);
                continue;
            }
            if (IsFlat(point) && accepts(point.Gradient))
                return point;
            if (point.Slope * width >= 0)
                (earliest, high) = ((high.Step, high.Value), low);
            else
                earliest = (low.Step, low.Value);
            low = point;
        }
        return null;
    }

    private bool IsFlat(LinePoint point) => Math.Abs(point.Slope) <= -Curvature * _slope;

    /// <summary>The minimum of the cubic with a value and slope at one place and values at two more; NaN where it has none.</summary>
    private static double Cubic(LinePoint low, LinePoint high, (double Step, double Value) third)
    {
        var (b, c) = (high.Step - low.Step, third.Step - low.Step);
        var scale = b * b * c * c * (b - c);
        var (restB, restC) = (high.Value - low.Value - low.Slope * b, third.Value - low.Value - low.Slope * c);
        var a3 = (c * c * restB - b * b * restC) / scale;
        var a2 = (-c * c * c * restB + b * b * b * restC) / scale;
        var found = low.Step + (-a2 + Math.Sqrt(a2 * a2 - 3 * a3 * low.Slope)) / (3 * a3);
        return double.IsFinite(found) ? found : double.NaN;
    }

    private static double Quadratic(LinePoint low, LinePoint high)
    {
        var width = high.Step - low.Step;
        var found = low.Step - low.Slope / (2 * ((high.Value - low.Value - low.Slope * width) / (width * width)));
        return double.IsFinite(found) ? found : double.NaN;
    }
}
