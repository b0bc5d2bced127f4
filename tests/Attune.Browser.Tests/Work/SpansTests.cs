using System.Text.Json;
using Attune.Feedback;
using Attune.Storage.Work;
using Microsoft.Playwright;

namespace Attune.Browser.Tests.Work;

/// <summary>Parts of answers, marked by mouse and by keyboard alone, in texts of all kinds; trust in sources; labels.</summary>
[Collection(WorkSiteTests.Name)]
public sealed class SpansTests(WorkSite site)
{
    private const string Text = "The film 👩‍👩‍👧 was shot in Café Zoë.\r\n  It is **long**. هذا فيلم جميل جدا. <b>The end.</b>";

    [Theory]
    [InlineData("film")]
    [InlineData("👩‍👩‍👧")]
    [InlineData("Cafe\u0301")]
    [InlineData("long")]
    [InlineData("جميل")]
    [InlineData("end")]
    public async Task What_the_mouse_selects_is_marked_to_the_unit(string part)
    {
        var text = Text.Replace("Café", "Cafe\u0301", StringComparison.Ordinal);
        await using var worker = await WorkerAsync(text);
        var at = text.IndexOf(part, StringComparison.Ordinal);
        await SelectAsync(worker, at, part.Length);
        await worker.Page.Locator("[data-category=false]").ClickAsync();
        await worker.Page.Locator("[data-marks] select").SelectOptionAsync("2");
        await worker.Page.Locator("[data-marks] input").FillAsync("Not so.");
        await worker.Send();

        Assert.Equal([new(0, at, part.Length, "false", 2, "Not so.")], (await worker.Judgment()).Spans);
        Assert.Empty(worker.Complaints);
    }

    [Fact]
    public async Task Parts_are_marked_by_keyboard_alone_and_marks_survive_a_reload()
    {
        await using var worker = await WorkerAsync(Text);
        await worker.TabTo(".raw");
        await worker.Press("Home", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "4"); // the second word and the family after it: false
        await worker.Press("Home", "ArrowDown", "Shift+ArrowDown", "1"); // the second sentence: irrelevant
        await worker.Press("End", "Shift+ArrowUp", "2"); // the last sentence: repetitive
        Assert.Equal(3, await worker.Page.Locator("[data-marks] li").CountAsync());
        await worker.Press("Delete"); // the one that the caret stands at
        Assert.Equal(2, await worker.Page.Locator("[data-marks] li").CountAsync());
        await worker.TabTo("[data-marks] select");
        await worker.Press("ArrowDown");
        await worker.Page.WaitForTimeoutAsync(100);
        await worker.Reload();
        Assert.Equal(2, await worker.Page.Locator(".raw mark[data-number]").CountAsync());
        Assert.Equal(Text, await worker.Page.Locator(".raw").EvaluateAsync<string>("box => box.textContent")); // it has a caret and was not written in
        await worker.TabTo("[name=comment]");
        await worker.Press("Control+Enter");

        var spans = (await worker.Judgment()).Spans!;
        Assert.Equal(["film 👩‍👩‍👧", "It is **long**."], spans.Select(span => Text.Substring(span.Start, span.Length)));
        Assert.Equal([("false", 2), ("irrelevant", 1)], spans.Select(span => (span.Category, span.Severity!.Value)));
        Assert.Empty(worker.Complaints);
    }

    [Fact]
    public async Task In_a_text_from_right_to_left_the_left_arrow_goes_on_and_typing_changes_nothing()
    {
        const string Arabic = "هذا فيلم جميل جدا.";
        await using var worker = await WorkerAsync(Arabic);
        await worker.TabTo(".raw");
        await worker.Press("Home", "ArrowLeft", "Shift+ArrowLeft", "q", "Control+v", "1", "0");
        Assert.Empty(await worker.Page.Locator("[data-marks] li").AllAsync()); // nothing to mark takes the marks away
        await worker.Page.Locator(".raw").FocusAsync();
        await worker.Press("Home", "ArrowLeft", "Shift+ArrowLeft", "1");
        await worker.Press("Enter");

        Assert.Equal("فيلم", Arabic.Substring((await worker.Judgment()).Spans![0].Start, 4));
    }

    [Fact]
    public async Task Nothing_to_mark_has_to_be_said()
    {
        await using var worker = await WorkerAsync(Text);
        await worker.Send();
        await worker.Page.GetByText("or say that there is nothing to mark").WaitForAsync();
        await worker.Page.Locator("[data-category=false]").ClickAsync();
        await worker.Page.GetByText("Select a part of an answer first.").WaitForAsync();
        await worker.Press("0");
        await worker.Send();
        var judgment = await worker.Judgment();
        Assert.Equal(Outcome.Marked, judgment.Outcome);
        Assert.Empty(judgment.Spans!);
    }

    [Fact]
    public async Task Claims_are_marked_sources_trusted_and_the_difference_shown()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Kind = TaskKind.Spans }, "Sources", Sourced));
        var first = (await worker.Shown())[0];
        Assert.Equal(0, await worker.Page.Locator("form[data-answer] a").CountAsync()); // addresses are text
        await SelectAsync(worker, 0, first.IndexOf(' '));
        await worker.Press("5");
        await worker.Page.Locator("[data-trust='trust#0/1'] [value=suspicious]").CheckAsync();
        await worker.Page.Locator(".difference summary").ClickAsync();
        Assert.NotEqual(0, await worker.Page.Locator(".difference p del").CountAsync());
        await worker.Send();

        var judgment = await worker.Judgment();
        Assert.Equal([new(judgment.Order[0], 0, first.IndexOf(' '), "core-claim")], judgment.Spans);
        Assert.Equal(new Dictionary<string, string> { [$"trust#{judgment.Order[0]}/1"] = "suspicious" }, judgment.Answers);
        Assert.Empty(worker.Complaints);
    }

    [Fact]
    public async Task Labels_are_given_by_keyboard_alone_and_by_mouse()
    {
        var settings = new ProjectSettings { Kind = TaskKind.Rate, Axes = [], Labels = LabelScheme.OpenAssistant };
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(settings, "Labels", """{"kind":"rate","id":"r","prompt":"Rate.","answers":[{"source":"m","text":"A film."}]}"""));
        await worker.Press("2", "2", "2", "2", "1", "2"); // private data alone
        await worker.Send();
        await worker.Page.GetByText("rate the quality of what is none").WaitForAsync();
        await worker.TabTo("[data-axis=quality] input");
        await worker.Press("4", "5", "1");
        await worker.Page.Locator("[data-axis=harmless] label").Nth(2).ClickAsync();
        await worker.Send();

        var judgment = await worker.Judgment();
        Assert.Equal(("no", "yes", "no"), (judgment.Answers!["spam"], judgment.Answers["private-data"], judgment.Answers["hate"]));
        Assert.Equal([new("quality", 4, 5, 0), new("helpful", 5, 5, 0), new("creative", 1, 5, 0), new AxisRating("harmless", 3, 5, 0)], judgment.Ratings);
        Assert.Empty(worker.Complaints);
    }

    [Theory]
    [InlineData(360, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(1440, ColorScheme.Light)]
    [InlineData(1440, ColorScheme.Dark)]
    public async Task Marked_texts_and_labels_fit_a_phone_and_a_desk_in_light_and_dark(int width, ColorScheme scheme)
    {
        var cases = new (string Name, ProjectSettings Settings, string Lines)[]
        {
            ("spans", new() { Kind = TaskKind.Spans }, Line(Text + "\n\nNobody speaks, and one knows what both of them would say. " + new string('x', 90))),
            ("sources", new() { Kind = TaskKind.Spans }, Sourced),
            ("labels", new() { Kind = TaskKind.Rate, Labels = LabelScheme.OpenAssistant, Axes = ["overall"] }, """{"kind":"rate","id":"r","prompt":"Is *The River* worth an evening?","answers":[{"source":"m","text":"Yes, if you like rivers."},{"source":"n","text":"No."}]}"""),
        };
        foreach (var (name, settings, lines) in cases)
        {
            await using var worker = await site.WorkerAsync(await site.ProjectAsync(settings, "Film reviews", lines), width, scheme);
            if (name == "labels")
            {
                await worker.Press("6", "2", "2", "1");
            }
            else
            {
                await SelectAsync(worker, 0, 12);
                await worker.Press("1");
                await SelectAsync(worker, 4, 20);
                await worker.Press("4");
                await SelectAsync(worker, 30, 10);
                await worker.Press("5");
            }
            Assert.Equal(width, await worker.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
            Assert.Empty(worker.Complaints);
            if (name == "sources")
                await worker.Page.Locator(".difference summary").ClickAsync();
            await Browser.Picture(worker.Page, $"work-{name}-{width}-{scheme.ToString().ToLowerInvariant()}.png");
        }
    }

    private static readonly string Sourced = JsonSerializer.Serialize(new
    {
        kind = "spans",
        id = "s1",
        prompt = "Where was *The River* shot?",
        answers = new object[]
        {
            new { text = "Mostly on the Danube near Linz [1], in the summer of 1998 [2]. The crew lived on a boat.", sources = new object[] { new { id = "1", title = "Making The River", url = "https://example.org/making-of?a=1&b=2", excerpt = "We shot for eleven weeks on the Danube, a little above Linz." }, new { id = "2", title = "A fan's page", url = "http://fans.example.net" } } },
            new { text = "On the Rhine near Basel [1], in the summer of 1998. The crew lived in tents.", sources = new object[] { new { id = "1", title = "Film guide", url = "https://example.com/guide", excerpt = "The River (1998), Switzerland." } } },
        },
    });

    private static string Line(string text) => JsonSerializer.Serialize(new { kind = "spans", id = "s", prompt = "What is *The River* like?", answers = new[] { new { text } } });

    private async Task<Worker> WorkerAsync(string text) => await site.WorkerAsync(await site.ProjectAsync(new() { Kind = TaskKind.Spans }, "Marks", Line(text)));

    // Drags from one end of a part to the other, where the browser has drawn them.
    private static async Task SelectAsync(Worker worker, int start, int length)
    {
        const string Ends = """
            ([start, length]) => {
              const box = document.querySelector('.raw');
              const at = offset => {
                const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
                let node = walker.nextNode();
                for (let left = offset; node; node = walker.nextNode()) { if (left < node.length || (left === node.length && offset === start + length)) return [node, left]; left -= node.length; }
              };
              const range = document.createRange();
              range.setStart(...at(start));
              range.setEnd(...at(start + length));
              const rects = [...range.getClientRects()];
              const isLeft = getComputedStyle(box).direction === 'rtl' || /[\u0590-\u08ff]/.test(range.toString());
              const [first, last] = [rects[0], rects.at(-1)];
              return isLeft ? [first.right - 1, first.top + first.height / 2, last.left + 1, last.top + last.height / 2] : [first.left + 1, first.top + first.height / 2, last.right - 1, last.top + last.height / 2];
            }
            """;
        await worker.Page.Locator(".raw").First.ScrollIntoViewIfNeededAsync();
        var ends = await worker.Page.EvaluateAsync<float[]>(Ends, new[] { start, length });
        await worker.Page.Mouse.MoveAsync(ends[0], ends[1]);
        await worker.Page.Mouse.DownAsync();
        await worker.Page.Mouse.MoveAsync(ends[2], ends[3], new() { Steps = 4 });
        await worker.Page.Mouse.UpAsync();
    }
}
