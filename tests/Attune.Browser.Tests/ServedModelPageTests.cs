using Attune.Web.Tests.Serving;
using Microsoft.Playwright;

namespace Attune.Browser.Tests;

/// <summary>The page to talk with a served model.</summary>
public sealed class ServedModelPageTests(Browser browser) : IClassFixture<Browser>
{
    private const string Key = "a-key-that-is-long-enough";

    [Fact]
    public async Task One_talks_stops_and_begins_anew_by_keyboard()
    {
        await using var site = await ServedSite.StartAsync();
        var complaints = new List<string>();
        var page = await browser.Fresh(complaints, width: 1440);
        await page.GotoAsync(site.Http.BaseAddress!.ToString());
        await page.Locator("#words").FocusAsync();
        await page.Keyboard.TypeAsync("How was the film?");
        await page.Keyboard.PressAsync("Enter");
        await page.Locator("#send:enabled").WaitForAsync();

        Assert.Equal("", (await page.Locator("#problem").InnerTextAsync()).Trim());
        Assert.Equal(["How was the film?"], await page.Locator(".turn.user .said").AllInnerTextsAsync());
        Assert.NotEmpty((await page.Locator(".turn.assistant .said").InnerTextAsync()).Trim());
        await Browser.Picture(page, "serve-1440.png");
        await page.Locator("#again").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        Assert.Equal(0, await page.Locator(".turn").CountAsync());
        Assert.Empty(complaints);
    }

    [Theory]
    [InlineData("de", ColorScheme.Dark)]
    [InlineData("en", ColorScheme.Light)]
    public async Task A_narrow_page_asks_for_the_key_and_says_what_is_wrong(string language, ColorScheme scheme)
    {
        await using var site = await ServedSite.StartAsync(o => o with { Keys = [Key] });
        var page = await browser.Fresh([], width: 360, scheme, language);
        await page.GotoAsync(site.Http.BaseAddress!.ToString());
        await page.Locator("#key").FillAsync("not-a-key-of-this-server");
        await page.Locator("#access button").ClickAsync();
        await page.Locator("#words").FillAsync("Hello");
        await page.Locator("#send").ClickAsync();
        await page.Locator("#problem:not([hidden])").WaitForAsync();
        Assert.Equal("Hello", await page.Locator("#words").InputValueAsync());
        Assert.Equal(0, await page.Locator(".turn").CountAsync());

        await page.Locator("#key").FillAsync(Key);
        await page.Locator("#access button").ClickAsync();
        await page.Locator("#send").ClickAsync();
        await page.Locator(".turn.assistant").WaitForAsync();
        await page.Locator("#send:enabled").WaitForAsync();
        await Browser.Picture(page, $"serve-360-{language}.png");
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways");
    }
}
