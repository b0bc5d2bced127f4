using System.Xml.Linq;

namespace Attune.Evaluation;

/// <summary>
/// Draws plots as SVG elements for a page: no script, no font, no reference to anything outside. Colours come from the page's custom
/// properties (see <see cref="Css"/>), so that one drawing serves light and dark. Series differ in dash and marker too, not in colour alone.
/// </summary>
public static class SvgPlot
{
    /// <summary>Series that can be told apart in one plot.</summary>
    public const int Colours = 6;

    /// <summary>Points of a line beyond which it is thinned, keeping each stretch's lowest and highest point.</summary>
    public const int MostPoints = 400;

    /// <summary>Rules for the drawings; the page defines --ink, --muted, --line, --paper, --c1 … --c6.</summary>
    public const string Css = """
        .plot { display: block; width: 100%; height: auto; font-family: inherit; font-size: 12px; }
        .plot text { fill: var(--muted); font-variant-numeric: tabular-nums; }
        .plot .name, .plot .value { fill: var(--ink); }
        .plot .value { font-weight: 600; }
        .plot .grid { stroke: var(--line); stroke-width: 1; }
        .plot .axis { stroke: var(--muted); stroke-width: 1; }
        .plot .reference { stroke: var(--muted); stroke-width: 1.25; stroke-dasharray: 3 3; }
        .plot .track { fill: var(--line); opacity: .55; }
        .plot .error { stroke: var(--ink); stroke-width: 1.5; }
        .plot .point-error { stroke-width: 1.25; opacity: .75; }
        .plot .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .plot .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
        .plot .s1 { --c: var(--c1); } .plot .s2 { --c: var(--c2); stroke-dasharray: 6 3; } .plot .s3 { --c: var(--c3); stroke-dasharray: 2 3; }
        .plot .s4 { --c: var(--c4); stroke-dasharray: 8 3 2 3; } .plot .s5 { --c: var(--c5); stroke-dasharray: 4 2; }
        .plot .s6 { --c: var(--c6); stroke-dasharray: 1 4; }
        .plot .line, .plot .point-error { stroke: var(--c); } .plot .mark, .plot .bar { fill: var(--c); }
        .plot .mark { stroke: var(--paper); stroke-width: 1; stroke-dasharray: none; }
        """;

    private const double Width = 320; // close to what a phone leaves a figure, so that 12 px text stays near 12 px there
    private const double Right = Width - 12;

    /// <summary>Draws a plot of numbers against numbers, with axes, ticks, legend and error bars.</summary>
    public static XElement Draw(Plot plot)
    {
        if (plot.Series.Count > Colours)
            throw new ArgumentException($"{plot.Series.Count} series in plot {plot.Id}, expected at most {Colours}; split the plot.", nameof(plot));

        var legend = Legend(plot.Series);
        var top = legend.Height + (plot.YLabel.Length > 0 ? 26 : 8);
        var bottom = top + 170;
        var points = plot.Series.SelectMany(s => s.Points).ToList();
        var y = PlotAxis.Covering(
            points.SelectMany(p => new[] { p.Y, p.Lower ?? p.Y, p.Upper ?? p.Y }), (bottom, top), 5, (plot.YLow, plot.YHigh), plot.Percent);
        var left = 12 + y.Ticks().Max(t => TextWidth(y.Label(t)));
        var x = PlotAxis.Covering(points.Select(p => p.X), (left, Right), 5, (plot.XLow, plot.XHigh), plot.Percent);

        var svg = Frame(plot.Id, plot.Title, plot.Description, bottom + (plot.XLabel.Length > 0 ? 36 : 20));
        svg.Add(legend.Elements);
        foreach (var tick in y.Ticks())
            svg.Add(Line("grid", left, y.Place(tick), Right, y.Place(tick)), Text(left - 6, y.Place(tick) + 4, y.Label(tick), "end"));
        foreach (var tick in x.Ticks())
            svg.Add(Line("axis", x.Place(tick), bottom, x.Place(tick), bottom + 4), TickLabel(x, tick, bottom + 16));
        svg.Add(Line("axis", left, bottom, Right, bottom));
        if (plot.YLabel.Length > 0)
            svg.Add(Text(2, top - 13, plot.YLabel, "start"));
        if (plot.XLabel.Length > 0)
            svg.Add(Text(Right, bottom + 32, plot.XLabel, "end"));
        if (plot.Diagonal)
            svg.Add(Line("reference", x.Place(Math.Max(x.Low, y.Low)), y.Place(Math.Max(x.Low, y.Low)), x.Place(Math.Min(x.High, y.High)),
                y.Place(Math.Min(x.High, y.High))));
        for (var i = 0; i < plot.Series.Count; i++)
            svg.Add(Series(plot.Series[i], i, x, y));
        svg.Add(Labels(plot.Series, x, y, top));
        return svg;
    }

    /// <summary>Draws one bar per category, with names and values above the bars.</summary>
    public static XElement Draw(BarPlot plot)
    {
        const double rowHeight = 36, top = 4, left = 2;
        var bottom = top + plot.Bars.Count * rowHeight + 4;
        var values = plot.Bars.SelectMany(b => new[] { b.Value, b.Lower ?? b.Value, b.Upper ?? b.Value }).Append(plot.Reference ?? 0).Append(0);
        var axis = PlotAxis.Covering(values, (left, Right), 5, (plot.Low, plot.High), plot.Percent);
        var zero = axis.Place(0);

        var svg = Frame(plot.Id, plot.Title, plot.Description, bottom + (plot.ValueLabel.Length > 0 ? 38 : 22));
        foreach (var tick in axis.Ticks())
            svg.Add(Line("axis", axis.Place(tick), bottom, axis.Place(tick), bottom + 4), TickLabel(axis, tick, bottom + 17));

        svg.Add(Line("axis", left, bottom, Right, bottom));
        if (plot.ValueLabel.Length > 0)
            svg.Add(Text(Right, bottom + 33, plot.ValueLabel, "end"));
        for (var i = 0; i < plot.Bars.Count; i++)
        {
            var bar = plot.Bars[i];
            var y = top + i * rowHeight;
            var end = axis.Place(bar.Value);
            svg.Add(
                Text(left, y + 13, bar.Name, "start", "name"),
                Text(Right, y + 13, NumberText.Value(bar.Value, plot.Percent), "end", "value"),
                Rectangle("track", left, y + 19, Right - left, 10),
                double.IsFinite(bar.Value) ? Rectangle($"bar {(bar.Strong ? "s1" : "s6")}", Math.Min(zero, end), y + 19, Math.Abs(end - zero), 10)
                    : null);
            if (bar is { Lower: { } lower, Upper: { } upper } && double.IsFinite(lower) && double.IsFinite(upper))
                svg.Add(ErrorBar("error", axis.Place(lower), y + 24, axis.Place(upper), y + 24));
            if (plot.Reference is { } reference) // bar by bar, so that it does not run through the names
                svg.Add(Line("reference", axis.Place(reference), y + 18, axis.Place(reference), y + 31));
        }

        return svg;
    }

    private static IEnumerable<XElement> Series(PlotSeries series, int index, PlotAxis x, PlotAxis y)
    {
        var style = $"s{index + 1}";
        if (series.Mark != PlotMark.Points)
            foreach (var stretch in Stretches(series.Points))
                yield return new XElement("polyline", new XAttribute("class", $"line {style}"),
                    new XAttribute("points", string.Join(' ', Thinned(stretch).Select(p => $"{N(x.Place(p.X))},{N(y.Place(p.Y))}"))));
        if (series.Mark == PlotMark.Line)
            yield break;

        foreach (var point in series.Points.Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y)))
        {
            var (px, py) = (x.Place(point.X), y.Place(point.Y));
            if (point is { Lower: { } lower, Upper: { } upper })
                yield return ErrorBar($"point-error {style}", px, y.Place(lower), px, y.Place(upper));
            var marker = Marker(index, px, py);
            if (point.Label is { } label)
                marker.Add(new XElement("title", PageText.Clean(label)));
            yield return marker;
        }
    }

    // A label goes right or left of its marker, where it covers neither a marker nor another label; where nothing is free it stays a tooltip.
    // The last series chooses first: it is the yardstick, with few points.
    private static IEnumerable<XElement> Labels(IReadOnlyList<PlotSeries> series, PlotAxis x, PlotAxis y, double top)
    {
        var points = series.Reverse().Where(s => s.Mark != PlotMark.Line).SelectMany(s => s.Points)
            .Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y)).Select(p => (X: x.Place(p.X), Y: y.Place(p.Y), p.Label)).ToList();
        var taken = points.Select(p => (Left: p.X - 5, Top: p.Y - 5, Right: p.X + 5, Bottom: p.Y + 5)).ToList();
        foreach (var (px, py, label) in points.Where(p => p.Label is { Length: > 0 }))
        {
            var width = TextWidth(label!);
            foreach (var (before, baseline) in new[] { (false, py + 15), (true, py - 7), (false, py - 7), (true, py + 15) })
            {
                var left = before ? px - 6 - width : px + 6;
                var box = (Left: left, Top: baseline - 10, Right: left + width, Bottom: baseline + 2);
                if (box.Left < x.Place(x.Low) || box.Right > Width || box.Top < top - 10 || box.Bottom > y.Place(y.Low)
                    || taken.Any(t => t.Left < box.Right && box.Left < t.Right && t.Top < box.Bottom && box.Top < t.Bottom))
                    continue;
                taken.Add(box);
                yield return Text(before ? px - 6 : px + 6, baseline, label!, before ? "end" : "start", "halo");
                break;
            }
        }
    }

    private static XElement Marker(int index, double x, double y)
    {
        var style = new XAttribute("class", $"mark s{index + 1}");
        return (index % 3) switch
        {
            0 => new XElement("circle", style, A("cx", x), A("cy", y), A("r", 4.5)),
            1 => new XElement("rect", style, A("x", x - 4), A("y", y - 4), A("width", 8), A("height", 8)),
            _ => new XElement("path", style, new XAttribute("d", $"M{N(x)} {N(y - 5.5)} L{N(x + 5)} {N(y + 4)} L{N(x - 5)} {N(y + 4)} Z")),
        };
    }

    private static (List<XElement> Elements, double Height) Legend(IReadOnlyList<PlotSeries> series)
    {
        var elements = new List<XElement>();
        if (series.Count < 2)
            return (elements, 0);

        double x = 2, y = 12;
        for (var i = 0; i < series.Count; i++)
        {
            var width = 28 + TextWidth(series[i].Name) + 14;
            if (x > 2 && x + width > Width)
                (x, y) = (2, y + 18);
            if (series[i].Mark != PlotMark.Points)
                elements.Add(Line($"line s{i + 1}", x, y - 4, x + 22, y - 4));
            if (series[i].Mark != PlotMark.Line)
                elements.Add(Marker(i, x + 11, y - 4));
            elements.Add(Text(x + 28, y, series[i].Name, "start", "name"));
            x += width;
        }

        return (elements, y + 6);
    }

    private static IEnumerable<List<PlotPoint>> Stretches(IReadOnlyList<PlotPoint> points)
    {
        var stretch = new List<PlotPoint>();
        foreach (var point in points.Append(new(double.NaN, double.NaN)))
        {
            if (double.IsFinite(point.X) && double.IsFinite(point.Y))
                stretch.Add(point);
            else if (stretch.Count > 0)
            {
                yield return stretch;
                stretch = [];
            }
        }
    }

    // Averaging would hide a spike; each stretch's extremes do not.
    private static IEnumerable<PlotPoint> Thinned(List<PlotPoint> points)
    {
        if (points.Count <= MostPoints)
            return points;
        var size = (int)Math.Ceiling(points.Count / (MostPoints / 2.0));
        return points.Chunk(size).SelectMany(c => new[] { c.MinBy(p => p.Y), c.MaxBy(p => p.Y) }.Distinct().OrderBy(p => p.X))
            .Prepend(points[0]).Append(points[^1]);
    }

    private static XElement Frame(string id, string title, string description, double height) =>
        new("svg", new XAttribute("class", "plot"), new XAttribute("viewBox", $"0 0 {N(Width)} {N(height)}"), new XAttribute("role", "img"),
            new XAttribute("aria-labelledby", $"{id}-title {id}-desc"),
            new XElement("title", new XAttribute("id", $"{id}-title"), PageText.Clean(title)),
            new XElement("desc", new XAttribute("id", $"{id}-desc"), PageText.Clean(description)));

    private static XElement ErrorBar(string style, double x1, double y1, double x2, double y2)
    {
        var (dx, dy) = Math.Abs(x1 - x2) > Math.Abs(y1 - y2) ? (0, 4) : (4, 0); // caps stand across the bar
        return new XElement("path", new XAttribute("class", style), new XAttribute("d",
            $"M{N(x1)} {N(y1)} L{N(x2)} {N(y2)} "
            + $"M{N(x1 - dx)} {N(y1 - dy)} L{N(x1 + dx)} {N(y1 + dy)} M{N(x2 - dx)} {N(y2 - dy)} L{N(x2 + dx)} {N(y2 + dy)}"));
    }

    private static XElement Line(string style, double x1, double y1, double x2, double y2) =>
        new("line", new XAttribute("class", style), A("x1", x1), A("y1", y1), A("x2", x2), A("y2", y2));

    // Labels at the ends stay inside the drawing.
    private static XElement TickLabel(PlotAxis axis, double tick, double y)
    {
        var x = axis.Place(tick);
        var half = TextWidth(axis.Label(tick)) / 2;
        if (x + half > Width)
            return Text(Width, y, axis.Label(tick), "end");
        return x - half < 0 ? Text(Math.Max(0, x - 2), y, axis.Label(tick), "start") : Text(x, y, axis.Label(tick), "middle");
    }

    private static XElement Rectangle(string style, double x, double y, double width, double height) =>
        new("rect", new XAttribute("class", style), A("x", x), A("y", y), A("width", width), A("height", height), A("rx", 2));

    private static XElement Text(double x, double y, string text, string anchor, string? style = null) =>
        new("text", A("x", x), A("y", y), new XAttribute("text-anchor", anchor),
            style is null ? null : new XAttribute("class", style), PageText.Clean(text));

    private static XAttribute A(string name, double value) => new(name, N(value));

    private static string N(double value) => Math.Round(value, 1).ToString("0.#");

    private static double TextWidth(string text) => 6.4 * text.Length; // a mean glyph at 12 px; a guess is enough to wrap a legend
}
