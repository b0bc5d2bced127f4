namespace Attune.Feedback.Aggregation;

/// <summary>
/// The interval of Moré and Thuente's line search (1994, section 4) and its next trial step: best is the end with the lowest value, other the far end.
/// Four cases: a higher value; opposite slopes; the same slope that becomes smaller; the same slope that does not.
/// </summary>
internal sealed class StepInterval(double value, double slope)
{
    private double _bestValue = value, _bestSlope = slope, _otherValue = value, _otherSlope = slope;

    public double Best { get; private set; }

    public double Other { get; private set; }

    public double BestValue => _bestValue;

    public double Width => Math.Abs(Other - Best);

    /// <summary>Takes a trial into the interval; the next step, and whether a minimum lies within the interval.</summary>
    /// <param name="step">The trial.</param>
    /// <param name="atStep">The function there.</param>
    /// <param name="slopeAtStep">Its slope there.</param>
    /// <param name="shift">A slope that is taken off the function first, and put back after.</param>
    /// <param name="isBracketed">Whether a minimum lay within before.</param>
    /// <param name="low">The least next step while none does.</param>
    /// <param name="high">The largest.</param>
    public (double Step, bool IsBracketed) Next(double step, double atStep, double slopeAtStep, double shift, bool isBracketed, double low, double high)
    {
        Shift(-shift);
        var (f, d) = (atStep - step * shift, slopeAtStep - shift);
        var isOpposite = d * (_bestSlope / Math.Abs(_bestSlope)) < 0;
        double next;
        if (f > _bestValue)
            (next, isBracketed) = (Higher(step, f, d), true);
        else if (isOpposite)
            (next, isBracketed) = (Opposite(step, f, d), true);
        else if (Math.Abs(d) < Math.Abs(_bestSlope))
            next = Flatter(step, f, d, isBracketed, low, high);
        else if (isBracketed)
            next = ToOther(step, f, d);
        else
            next = step > Best ? high : low;

        if (f > _bestValue)
        {
            (Other, _otherValue, _otherSlope) = (step, f, d);
        }
        else
        {
            if (isOpposite)
                (Other, _otherValue, _otherSlope) = (Best, _bestValue, _bestSlope);
            (Best, _bestValue, _bestSlope) = (step, f, d);
        }
        Shift(shift);
        return (next, isBracketed);
    }

    private void Shift(double slope)
    {
        (_bestValue, _bestSlope) = (_bestValue + Best * slope, _bestSlope + slope);
        (_otherValue, _otherSlope) = (_otherValue + Other * slope, _otherSlope + slope);
    }

    private double Higher(double step, double f, double d)
    {
        var (theta, gamma) = Cubic(Best, _bestValue, _bestSlope, step, f, d);
        if (step < Best)
            gamma = -gamma;
        var cubic = Best + (gamma - _bestSlope + theta) / (gamma - _bestSlope + gamma + d) * (step - Best);
        var quadratic = Best + _bestSlope / ((_bestValue - f) / (step - Best) + _bestSlope) / 2 * (step - Best);
        return Math.Abs(cubic - Best) < Math.Abs(quadratic - Best) ? cubic : cubic + (quadratic - cubic) / 2;
    }

    private double Opposite(double step, double f, double d)
    {
        var (theta, gamma) = Cubic(Best, _bestValue, _bestSlope, step, f, d);
        if (step > Best)
            gamma = -gamma;
        var cubic = step + (gamma - d + theta) / (gamma - d + gamma + _bestSlope) * (Best - step);
        var secant = step + d / (d - _bestSlope) * (Best - step);
        return Math.Abs(cubic - step) > Math.Abs(secant - step) ? cubic : secant;
    }

    private double Flatter(double step, double f, double d, bool isBracketed, double low, double high)
    {
        var (theta, gamma) = Cubic(Best, _bestValue, _bestSlope, step, f, d);
        if (step > Best)
            gamma = -gamma;
        var ratio = (gamma - d + theta) / (gamma + (_bestSlope - d) + gamma);
        var cubic = ratio < 0 && gamma != 0 ? step + ratio * (Best - step) : step > Best ? high : low;
        var secant = step + d / (d - _bestSlope) * (Best - step);
        var isCubicNearer = Math.Abs(cubic - step) < Math.Abs(secant - step);
        if (!isBracketed)
            return Math.Clamp(Math.Abs(cubic - step) > Math.Abs(secant - step) ? cubic : secant, low, high);
        var next = isCubicNearer ? cubic : secant;
        var limit = step + 0.66 * (Other - step);
        return step > Best ? Math.Min(limit, next) : Math.Max(limit, next);
    }

    private double ToOther(double step, double f, double d)
    {
        var (theta, gamma) = Cubic(Other, _otherValue, _otherSlope, step, f, d);
        if (step > Other)
            gamma = -gamma;
        return step + (gamma - d + theta) / (gamma - d + gamma + _otherSlope) * (Other - step);
    }

    /// <summary>θ and γ ≥ 0 of the cubic that interpolates values and slopes at two places.</summary>
    private static (double Theta, double Gamma) Cubic(double a, double fa, double da, double b, double fb, double db)
    {
        var theta = 3 * (fa - fb) / (b - a) + da + db;
        var scale = Math.Max(Math.Abs(theta), Math.Max(Math.Abs(da), Math.Abs(db)));
        var square = theta / scale * (theta / scale) - da / scale * (db / scale);
        return (theta, scale * Math.Sqrt(Math.Max(0, square)));
    }
}
