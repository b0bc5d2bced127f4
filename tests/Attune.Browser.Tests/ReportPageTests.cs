using Attune.Evaluation;
using Attune.Tests.Evaluation;
using Microsoft.Playwright;

namespace Attune.Browser.Tests;

/// <summary>The evaluation report as people see it. With ATTUNE_SCREENSHOTS set to a folder, pictures are left there.</summary>
public sealed class ReportPageTests : IClassFixture<Browser>, IDisposable
{
    private const int Plots = 24; // of the made-up report: 12 a round

    private readonly Browser _browser;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("attune-page-");
    private readonly string _file;

    public ReportPageTests(Browser browser)
    {
        _browser = browser;
        _file = Path.Combine(_folder.FullName, "report.html");
        File.WriteAllText(_file, ReportPage.Html(MadeUpReport.Create()));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(360, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(1280, ColorScheme.Light)]
    [InlineData(1280, ColorScheme.Dark)]
    public async Task It_fits_a_phone_and_a_desk_in_light_and_dark_without_a_complaint(int width, ColorScheme scheme)
    {
        var (page, complaints) = await _browser.Open(_file, width, scheme);

        Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        Assert.Equal(Plots, await page.Locator("svg[role=img]").CountAsync());
        foreach (var plot in (await page.Locator("svg[role=img]").AllAsync()).Take(Plots / 2)) // the last round's; those of earlier rounds are folded away
        {
            var box = await plot.BoundingBoxAsync();
            Assert.NotNull(box);
            Assert.InRange(box.Width, 200, width);
            Assert.True(box.X >= 0 && box.X + box.Width <= width, $"a plot stands from {box.X} to {box.X + box.Width} of {width}");
        }

        var background = await page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor");
        Assert.Equal(scheme == ColorScheme.Dark ? "rgb(19, 23, 29)" : "rgb(250, 249, 246)", background);
        Assert.Empty(complaints);
        await Browser.Picture(page, $"report-{width}-{scheme.ToString().ToLowerInvariant()}.png");
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task Nothing_of_the_last_round_reaches_over_the_edge_of_a_phone()
    {
        var (page, _) = await _browser.Open(_file, 360, ColorScheme.Light);

        // Tables scroll inside their own boxes; everything else has to end before the edge.
        var wide = await page.EvaluateAsync<string[]>("""
            [...document.querySelectorAll('main *, header *, footer *')]
                .filter(e => !e.closest('.scroll') && e.getClientRects().length > 0 && e.getBoundingClientRect().right > 360.5 && !e.closest('svg'))
                .map(e => e.tagName + '.' + e.className)
            """);

        Assert.Empty(wide);
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task The_headline_leads_to_its_judgments()
    {
        var (page, complaints) = await _browser.Open(_file, 1280, ColorScheme.Light);

        await page.Locator(".big a.n").ClickAsync();

        var target = page.Locator(":target");
        Assert.True(await target.IsVisibleAsync()); // the browser has opened the folded rows
        Assert.True(await target.Locator("tbody tr").CountAsync() >= 100);
        Assert.Empty(complaints);
        await page.Context.CloseAsync();
    }
}
