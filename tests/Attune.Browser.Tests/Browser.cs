using Microsoft.Playwright;

namespace Attune.Browser.Tests;

/// <summary>
/// Debian's Chromium, driven by Playwright; one for all tests of a class. Playwright's own download of browsers is not used
/// (docs/decisions/0010).
/// </summary>
public sealed class Browser : IAsyncLifetime
{
    private const string Program = "/usr/bin/chromium";

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task InitializeAsync()
    {
        if (!File.Exists(Program))
            throw new InvalidOperationException($"{Program} is not there, expected Debian's browser; run 'apt-get install -y --no-install-recommends chromium' as root.");
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = Program, Args = ["--no-sandbox", "--disable-gpu"] }); // root has no sandbox
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
    }

    /// <summary>A page of its own, with everything it complained about.</summary>
    public async Task<(IPage Page, List<string> Complaints)> Open(string file, int width, ColorScheme scheme)
    {
        var context = await _browser!.NewContextAsync(new() { ViewportSize = new() { Width = width, Height = 800 }, ColorScheme = scheme, Offline = true });
        var page = await context.NewPageAsync();
        var complaints = new List<string>();
        page.Console += (_, message) => complaints.Add($"{message.Type}: {message.Text}");
        page.PageError += (_, error) => complaints.Add(error);
        page.RequestFailed += (_, request) => complaints.Add($"{request.Url} failed");
        await page.GotoAsync(new Uri(file).AbsoluteUri);
        return (page, complaints);
    }

    /// <summary>An empty page of a browser that nobody has used; what it complains about goes into the list.</summary>
    public async Task<IPage> Fresh(List<string> complaints, int width = 1280, ColorScheme scheme = ColorScheme.Light, string language = "en-GB")
    {
        var context = await _browser!.NewContextAsync(new() { ViewportSize = new() { Width = width, Height = 800 }, ColorScheme = scheme, Locale = language });
        context.SetDefaultTimeout(10_000);
        var page = await context.NewPageAsync();
        page.Console += (_, message) => complaints.Add($"{message.Type}: {message.Text}");
        page.PageError += (_, error) => complaints.Add(error);
        return page;
    }

    /// <summary>Leaves a picture of a page where ATTUNE_SCREENSHOTS says.</summary>
    public static async Task Picture(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("ATTUNE_SCREENSHOTS") is { Length: > 0 } folder)
            await page.ScreenshotAsync(new() { Path = Path.Combine(folder, name), FullPage = true });
    }
}
