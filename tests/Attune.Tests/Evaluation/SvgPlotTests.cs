using System.Xml.Linq;
using Attune.Evaluation;

namespace Attune.Tests.Evaluation;

public sealed class SvgPlotTests
{
    private static Plot Of(params PlotSeries[] series) =>
        new() { Id = "p", Title = "t", Description = "d", Series = series };

    private static PlotSeries Series(int count, Func<int, double> y) => new("s", [.. Enumerable.Range(0, count).Select(i => new PlotPoint(i, y(i)))]);

    [Theory]
    [InlineData(0, 1, "0.0 0.2 0.4 0.6 0.8 1.0")]
    [InlineData(0, 97, "0 20 40 60 80 100")]
    [InlineData(-0.3, 0.3, "−0.4 −0.2 0.0 0.2 0.4")]
    [InlineData(0, 23_000, "0 5000 10,000 15,000 20,000 25,000")]
    [InlineData(5, 5, "4.4 4.6 4.8 5.0 5.2 5.4 5.6")]
    public void Ticks_are_round_and_cover_the_values(double low, double high, string expected)
    {
        var axis = PlotAxis.Covering([low, high], (0, 100), 5, (null, null), percent: false);
        Assert.Equal(expected, string.Join(' ', axis.Ticks().Select(axis.Label)));
        Assert.True(axis.Low <= low && axis.High >= high);
    }

    [Fact]
    public void A_value_is_placed_in_proportion()
    {
        var axis = PlotAxis.Covering([0, 1], (100, 0), 5, (0, 1), percent: true);
        Assert.Equal(75, axis.Place(0.25));
        Assert.Equal("20\u00A0%", axis.Label(0.2));
    }

    [Fact]
    public void Not_a_number_leaves_a_gap_in_the_line()
    {
        var svg = SvgPlot.Draw(Of(Series(5, i => i == 2 ? double.NaN : i)));
        Assert.Equal(2, svg.Elements("polyline").Count());
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_line_is_thinned_and_keeps_its_spike()
    {
        var flat = SvgPlot.Draw(Of(Series(10_000, i => i == 5_432 ? 9 : 0)));
        var places = flat.Element("polyline")!.Attribute("points")!.Value.Split(' ');
        Assert.InRange(places.Length, 3, SvgPlot.MostPoints + 2);
        Assert.Equal(2, places.Select(p => p.Split(',')[1]).Distinct().Count());
    }

    [Fact]
    public void Legend_appears_from_two_series_on_and_series_differ_in_more_than_colour()
    {
        var one = new PlotSeries("one", [new(0, 0), new(1, 1)], PlotMark.LineAndPoints);
        Assert.DoesNotContain("one", Names(SvgPlot.Draw(Of(one))));

        var svg = SvgPlot.Draw(Of(one, one with { Name = "two" }));
        Assert.Contains("one", Names(svg));
        Assert.Contains("two", Names(svg));
        Assert.NotEmpty(svg.Elements("circle"));
        Assert.NotEmpty(svg.Elements("rect"));

        static IEnumerable<string> Names(XElement plot) => plot.Elements("text").Select(t => t.Value);
    }

    [Fact]
    public void Empty_and_constant_plots_are_drawn_without_failing()
    {
        Assert.NotNull(SvgPlot.Draw(Of(new PlotSeries("none", []))));
        Assert.NotNull(SvgPlot.Draw(Of(Series(3, _ => 0))));
        Assert.NotNull(SvgPlot.Draw(new BarPlot { Id = "b", Title = "t", Description = "d", Bars = [] }));
        Assert.Contains("–", SvgPlot.Draw(new BarPlot { Id = "b", Title = "t", Description = "d", Bars = [new("x", double.NaN)] }).Value,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Bars_grow_from_zero_and_carry_their_error()
    {
        var svg = SvgPlot.Draw(new BarPlot
        {
            Id = "b",
            Title = "t",
            Description = "d",
            Low = -1,
            High = 1,
            Bars = [new("up", 0.5, 0.4, 0.6), new("down", -0.5)]
        });
        var bars = svg.Elements("rect").Where(r => r.Attribute("class")!.Value.StartsWith("bar", StringComparison.Ordinal)).ToList();

        var up = (double)bars[0].Attribute("x")!;
        var down = (double)bars[1].Attribute("x")! + (double)bars[1].Attribute("width")!;
        Assert.Equal(up, down, 0.11); // both touch zero, to the rounding of the drawing
        Assert.Single(svg.Elements("path"));
    }

    [Fact]
    public void Too_many_series_are_refused() =>
        Assert.Contains("expected at most 6",
            Assert.Throws<ArgumentException>(() => SvgPlot.Draw(Of([.. Enumerable.Repeat(Series(2, i => i), 7)]))).Message, StringComparison.Ordinal);
}
