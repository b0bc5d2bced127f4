namespace Attune.Evaluation;

/// <summary>A linear axis: maps values to drawing units and says where the ticks go.</summary>
internal sealed class PlotAxis
{
    private readonly double _from;
    private readonly double _to;
    private readonly double _step;
    private readonly bool _percent;

    private PlotAxis(double low, double high, double step, (double From, double To) place, bool percent)
    {
        (Low, High, _step, _from, _to, _percent) = (low, high, step, place.From, place.To, percent);
    }

    public double Low { get; }

    public double High { get; }

    /// <summary>
    /// An axis that covers the values with round ends, with about <paramref name="ticks"/> steps of 1, 2 or 5 times a power of ten.
    /// </summary>
    public static PlotAxis Covering(
        IEnumerable<double> values, (double From, double To) place, int ticks, (double? Low, double? High) fixedEnds, bool percent)
    {
        var finite = values.Where(double.IsFinite).ToList();
        var low = fixedEnds.Low ?? (finite.Count == 0 ? 0 : finite.Min());
        var high = fixedEnds.High ?? (finite.Count == 0 ? 1 : finite.Max());
        if (high - low < 1e-12 * Math.Max(1, Math.Abs(low)))
            (low, high) = (low - 0.5, high + 0.5); // a constant series sits in the middle

        var step = RoundStep((high - low) / ticks);
        return new(
            fixedEnds.Low ?? Math.Floor(low / step + 1e-9) * step,
            fixedEnds.High ?? Math.Ceiling(high / step - 1e-9) * step,
            step, place, percent);
    }

    public double Place(double value) => _from + (Math.Clamp(value, Low, High) - Low) / (High - Low) * (_to - _from);

    public IEnumerable<double> Ticks()
    {
        var count = (int)Math.Floor((High - Low) / _step + 1e-9);
        var first = Math.Ceiling(Low / _step - 1e-9);
        for (var i = 0; i <= count && (first + i) * _step <= High + 1e-9 * _step; i++)
            yield return (first + i) * _step;
    }

    /// <summary>A tick's label, with as many decimals as the step needs.</summary>
    public string Label(double tick)
    {
        if (Math.Abs(tick) < 1e-9 * _step)
            tick = 0;
        var (value, step, unit) = _percent ? (tick * 100, _step * 100, "\u00A0%") : (tick, _step, "");
        var decimals = Math.Max(0, -(int)Math.Floor(Math.Log10(step) + 1e-9));
        if (decimals > 4)
            return value.ToString("0.#e0");
        return (Math.Abs(value) >= 10_000 ? value.ToString("#,0") : value.ToString($"F{decimals}")).Replace('-', '−') + unit;
    }

    private static double RoundStep(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return (rough / power) switch { <= 1.0001 => 1, <= 2.0001 => 2, <= 5.0001 => 5, _ => 10 } * power;
    }
}
