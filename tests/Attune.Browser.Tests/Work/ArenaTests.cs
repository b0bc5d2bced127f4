using Attune.Storage;
using Attune.Storage.Arena;
using Attune.Storage.People;
using Attune.Web;
using Attune.Web.Arena;
using Attune.Web.Chat;
using Microsoft.AspNetCore.Builder;
using Microsoft.Playwright;

namespace Attune.Browser.Tests.Work;

/// <summary>A blind battle as a visitor holds it, by mouse and by keyboard alone; pictures with ATTUNE_SCREENSHOTS set to a folder.</summary>
public sealed class ArenaTests : IAsyncLifetime
{
    private static readonly string[] Names = ["crane-one", "finch-two", "heron-three"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("attune-arena-");
    private readonly Browser _browser = new();
    private readonly List<string> _complaints = [];
    private Database? _database;
    private WebApplication? _app;

    private string Address => _app!.Urls.First();

    public async Task InitializeAsync()
    {
        await _browser.InitializeAsync();
        _database = await Database.OpenAsync(Path.Combine(_folder.FullName, "arena.db"));
        var plan = new ArenaPlan { Models = [.. Names.Select(name => new ArenaModelPlan { Name = name, Folder = "none" })], Visitors = true, MessagesPerMinute = 1000, VotesPerDay = 1000 };
        _app = await WebServer.BuildAsync(_database, new() { Listen = "http://127.0.0.1:0", RequestsPerMinute = 6000, Arena = new(plan, Names.ToDictionary(name => name, IChatModel (_) => new ScriptedModel())) });
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app!.DisposeAsync();
        await _database!.DisposeAsync();
        await _browser.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_blind_battle_is_held_by_mouse_and_by_keyboard_alone()
    {
        var page = await _browser.Fresh(_complaints);
        await page.GotoAsync($"{Address}/arena");
        await page.Locator("[name='Consent.Pool']").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "I agree, begin" }).ClickAsync();
        await page.Locator("[data-message]").FillAsync("Is the river scene too long?");
        await page.GetByRole(AriaRole.Button, new() { Name = "Send" }).ClickAsync();
        await page.Locator("[data-vote]").WaitForAsync();
        var shown = await page.ContentAsync();
        Assert.DoesNotContain(Names, name => shown.Contains(name, StringComparison.Ordinal));
        await page.Locator("[value='both-bad']").ClickAsync();
        await page.Locator("[data-outcome]").WaitForAsync();
        Assert.Contains("found both bad", await page.Locator("[data-outcome]").TextContentAsync());

        await page.GotoAsync($"{Address}/arena");
        await TabTo(page, "[data-message]");
        await page.Keyboard.TypeAsync("And the ending, a or b?"); // letters are text here
        await page.Keyboard.PressAsync("Control+Enter");
        await page.Locator("[data-vote]").WaitForAsync();
        await TabTo(page, "[data-message]");
        await page.Keyboard.TypeAsync("More, please.");
        await page.Keyboard.PressAsync("Control+Enter");
        await page.Locator(".turn").Nth(1).WaitForAsync();
        await page.Locator("[data-vote]").WaitForAsync();
        await page.Keyboard.PressAsync("b");
        await page.Locator("[data-outcome]").WaitForAsync();

        var votes = await ArenaVotes.ListAsync(_database!, new());
        Assert.Equal([("both-bad", 1), ("b", 2)], votes.Items.Select(voted => (voted.State.Vote!.Choice, voted.State.Turns.Count)));
        Assert.Equal(2, (await _database!.Arena.Pool.ListAsync(null, new())).Items.Count);
        Assert.Empty(_complaints);
    }

    [Theory]
    [InlineData(360, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(1440, ColorScheme.Light)]
    [InlineData(1440, ColorScheme.Dark)]
    public async Task The_arena_fits_a_phone_and_a_desk_in_light_and_dark(int width, ColorScheme scheme)
    {
        var manager = await _database!.People.CreateAsync(new() { DisplayName = "Ada", Email = "ada@example.org", Role = Role.Manager }, null);
        var page = await _browser.Fresh(_complaints, width, scheme);
        await page.Context.AddCookiesAsync([new() { Name = "attune-session", Value = await _database.Access.BeginSessionAsync(manager.Id, TimeSpan.FromHours(1)), Url = Address }]);
        await page.GotoAsync($"{Address}/arena");
        await Picture(page, "arena-consent", width, scheme);
        await page.GetByRole(AriaRole.Button, new() { Name = "I agree, begin" }).ClickAsync();
        foreach (var key in new[] { "a", "b", "t", "n", "a", "b" })
        {
            await page.GotoAsync($"{Address}/arena");
            await Picture(page, "arena-begin", width, scheme);
            await page.Locator("[data-message]").FillAsync("Is the river scene in the film too long, and what should I watch next?");
            await page.GetByRole(AriaRole.Button, new() { Name = "Send" }).ClickAsync();
            await page.Locator("[data-vote]").WaitForAsync();
            await Picture(page, "arena-battle", width, scheme);
            await page.Locator($"[data-key='{key}']").ClickAsync();
            await page.Locator("[data-outcome]").WaitForAsync();
        }
        await Picture(page, "arena-outcome", width, scheme);
        foreach (var path in new[] { "arena?mode=side-by-side", "arena/leaderboard", "arena/voters" })
        {
            await page.GotoAsync($"{Address}/{path}");
            await Picture(page, path.Replace('/', '-').Replace("?mode=", "-", StringComparison.Ordinal), width, scheme);
        }
        Assert.Empty(_complaints);
    }

    private static async Task TabTo(IPage page, string selector)
    {
        for (var press = 0; press < 60; press++)
        {
            await page.Keyboard.PressAsync("Tab");
            if (await page.EvaluateAsync<bool>("selector => document.activeElement.matches(selector)", selector))
                return;
        }
        throw new InvalidOperationException($"{selector} does not get the focus.");
    }

    private static async Task Picture(IPage page, string name, int width, ColorScheme scheme)
    {
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), $"{name} is wider than {width}");
        if (Environment.GetEnvironmentVariable("ATTUNE_SCREENSHOTS") is { Length: > 0 } folder)
            await page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{name}-{width}-{scheme}.png"), FullPage = true });
    }
}
