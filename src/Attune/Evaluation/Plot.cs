namespace Attune.Evaluation;

/// <summary>How a series is drawn.</summary>
public enum PlotMark
{
    /// <summary>A line through the points; points with a gap between them (NaN) are not joined.</summary>
    Line,

    /// <summary>Markers only.</summary>
    Points,

    /// <summary>Markers joined by a line.</summary>
    LineAndPoints,
}

/// <summary>A point of a plot.</summary>
/// <param name="X">Horizontal value.</param>
/// <param name="Y">Vertical value; NaN leaves a gap.</param>
/// <param name="Lower">Lower end of the error bar, if any.</param>
/// <param name="Upper">Upper end of the error bar, if any.</param>
/// <param name="Label">A short text beside the marker, if any; also its tooltip.</param>
public readonly record struct PlotPoint(double X, double Y, double? Lower = null, double? Upper = null, string? Label = null);

/// <summary>A named series of points.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Points">Its points, by rising x where a line joins them.</param>
/// <param name="Mark">How it is drawn.</param>
public sealed record PlotSeries(string Name, IReadOnlyList<PlotPoint> Points, PlotMark Mark = PlotMark.Line);

/// <summary>A bar of a <see cref="BarPlot"/>.</summary>
/// <param name="Name">Category.</param>
/// <param name="Value">Length of the bar.</param>
/// <param name="Lower">Lower end of the error bar, if any.</param>
/// <param name="Upper">Upper end of the error bar, if any.</param>
/// <param name="Strong">Whether the bar stands out from the others.</param>
public sealed record PlotBar(string Name, double Value, double? Lower = null, double? Upper = null, bool Strong = false);

/// <summary>A plot of numbers against numbers.</summary>
public sealed record Plot
{
    /// <summary>Id unique on the page; letters, digits and '-'.</summary>
    public required string Id { get; init; }

    /// <summary>What is shown, read out by screen readers.</summary>
    public required string Title { get; init; }

    /// <summary>What a reader who cannot see the plot should know.</summary>
    public required string Description { get; init; }

    /// <summary>Label of the horizontal axis, with unit.</summary>
    public string XLabel { get; init; } = "";

    /// <summary>Label of the vertical axis, with unit.</summary>
    public string YLabel { get; init; } = "";

    /// <summary>What is drawn, at most <see cref="SvgPlot.Colours"/> series.</summary>
    public required IReadOnlyList<PlotSeries> Series { get; init; }

    /// <summary>Fixed ends of the axes; null follows the values.</summary>
    public double? XLow { get; init; }

    /// <inheritdoc cref="XLow"/>
    public double? XHigh { get; init; }

    /// <inheritdoc cref="XLow"/>
    public double? YLow { get; init; }

    /// <inheritdoc cref="XLow"/>
    public double? YHigh { get; init; }

    /// <summary>Shares shown as percentages on both axes.</summary>
    public bool Percent { get; init; }

    /// <summary>Draws the line y = x, for calibration.</summary>
    public bool Diagonal { get; init; }
}

/// <summary>A plot of one value per category, as horizontal bars so that long names stay readable on a phone.</summary>
public sealed record BarPlot
{
    /// <inheritdoc cref="Plot.Id"/>
    public required string Id { get; init; }

    /// <inheritdoc cref="Plot.Title"/>
    public required string Title { get; init; }

    /// <inheritdoc cref="Plot.Description"/>
    public required string Description { get; init; }

    /// <summary>Label of the value axis, with unit.</summary>
    public string ValueLabel { get; init; } = "";

    /// <summary>The bars, from top to bottom.</summary>
    public required IReadOnlyList<PlotBar> Bars { get; init; }

    /// <summary>Ends of the value axis; null follows the values and zero.</summary>
    public double? Low { get; init; }

    /// <inheritdoc cref="Low"/>
    public double? High { get; init; }

    /// <summary>A value to mark with a dashed line, for instance ½ for win rates.</summary>
    public double? Reference { get; init; }

    /// <summary>Shares shown as percentages.</summary>
    public bool Percent { get; init; }
}
