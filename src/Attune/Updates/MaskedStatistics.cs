using Attune.Torch;

namespace Attune.Updates;

/// <summary>What a sum of squared deviations is divided by.</summary>
public enum VarianceKind
{
    /// <summary>By n − 1 (Bessel): TRL.</summary>
    Unbiased,

    /// <summary>By n: OpenAI, OpenRLHF.</summary>
    Population,
}

/// <summary>Count, mean, spread and range of some numbers; two such add up exactly as if all numbers had been seen at once.</summary>
/// <param name="Count">How many numbers.</param>
/// <param name="Mean">Their mean; 0 for none.</param>
/// <param name="SquaredDeviations">Σ (x − mean)².</param>
/// <param name="Min">Smallest; +∞ for none.</param>
/// <param name="Max">Largest; −∞ for none.</param>
public readonly record struct Moments(long Count, double Mean, double SquaredDeviations, double Min, double Max)
{
    /// <summary>Moments of no numbers: where running moments start.</summary>
    public static Moments None { get; } = new(0, 0, 0, double.PositiveInfinity, double.NegativeInfinity);

    /// <summary>The variance; NaN where the kind has none (unbiased of fewer than two numbers, population of none).</summary>
    public double Variance(VarianceKind kind)
    {
        var divisor = kind == VarianceKind.Unbiased ? Count - 1 : Count;
        return divisor > 0 ? SquaredDeviations / divisor : double.NaN;
    }

    /// <summary>Square root of the variance.</summary>
    public double Std(VarianceKind kind) => Math.Sqrt(Variance(kind));

    /// <summary>
    /// Moments of both sets of numbers together (Chan, Golub and LeVeque 1979): for running moments over batches, as reward scaling
    /// uses them, and for joining micro-batches or ranks.
    /// </summary>
    public Moments Combine(Moments other)
    {
        if (Count == 0 || other.Count == 0)
            return Count == 0 ? other : this;
        var count = Count + other.Count;
        var gap = other.Mean - Mean;
        return new(
            count,
            Mean + gap * other.Count / count,
            SquaredDeviations + other.SquaredDeviations + gap * gap * Count * other.Count / count,
            Math.Min(Min, other.Min),
            Math.Max(Max, other.Max));
    }
}

/// <summary>
/// Statistics over the places that a mask names. Two passes in float64: the one-pass form E[x²] − E[x]² gives seven equal rewards of
/// 0.35 a spread of 1.5e-4 in float32, and advantages divided by it are thousands of times too big. Equal numbers give exactly 0.
/// What is outside the mask is never read, not even NaN. Not here: gradients; statistics are constants.
/// </summary>
public static class MaskedStatistics
{
    /// <summary>Moments of the masked elements.</summary>
    /// <param name="values">Any shape.</param>
    /// <param name="mask">The same shape.</param>
    public static Moments Of(Tensor values, Tensor mask)
    {
        RequireSameShape(values, mask);
        return Of(values.ToDoubles(), mask.ToDoubles());
    }

    /// <summary>Moments of each row's masked elements.</summary>
    /// <param name="values"><c>[..., T]</c>.</param>
    /// <param name="mask">The same shape.</param>
    /// <returns>One entry per row, row-major.</returns>
    public static Moments[] OfRows(Tensor values, Tensor mask)
    {
        RequireSameShape(values, mask);
        var (x, real, width) = (values.ToDoubles(), mask.ToDoubles(), values.Size(-1));
        var rows = new Moments[width == 0 ? 0 : x.Length / width];
        for (var row = 0; row < rows.Length; row++)
            rows[row] = Of(x.AsSpan(row * width, width), real.AsSpan(row * width, width));
        return rows;
    }

    /// <summary>Moments of the numbers whose mask entry is not 0.</summary>
    public static Moments Of(ReadOnlySpan<double> values, ReadOnlySpan<double> mask)
    {
        var (count, sum, min, max) = (0L, 0.0, double.PositiveInfinity, double.NegativeInfinity);
        for (var i = 0; i < values.Length; i++)
        {
            if (mask[i] == 0)
                continue;
            count++;
            sum += values[i];
            min = Math.Min(min, values[i]);
            max = Math.Max(max, values[i]);
        }

        if (count == 0 || min == max) // for equal numbers even the division may round
            return new(count, count == 0 ? 0 : min, 0, min, max);
        var (mean, squares) = (sum / count, 0.0);
        for (var i = 0; i < values.Length; i++)
            squares += mask[i] == 0 ? 0 : (values[i] - mean) * (values[i] - mean);
        return new(count, mean, squares, min, max);
    }

    private static void RequireSameShape(Tensor values, Tensor mask)
    {
        if (!values.Shape.AsSpan().SequenceEqual(mask.Shape))
            throw new ArgumentException($"Values [{string.Join(',', values.Shape)}] and mask [{string.Join(',', mask.Shape)}] must have one shape.");
    }
}
