using Attune.Feedback;
using Attune.Storage.Work;
using Microsoft.Playwright;

namespace Attune.Browser.Tests.Work;

/// <summary>The page of a task as people see it: hostile texts, long texts, two languages, a phone and a desk. With ATTUNE_SCREENSHOTS set to a folder, pictures are left there.</summary>
[Collection(WorkSiteTests.Name)]
public sealed class AppearanceTests(WorkSite site)
{
    private const string Hostile = """
        <script>document.title = 'owned'</script><img src=x onerror="document.title='owned'"> [click](javascript:document.title='owned') <javascript:alert(1)>
        ![x](javascript:alert(2)) <a href="data:text/html,x" onclick="document.title='owned'">here</a> "><svg onload="document.title='owned'">
        """;

    private const string Instructions = """
        Choose the answer that **helps** the person more. Read both to the end first.

        :::good
        "Both get the plot right, but A also says *why* the ending works."
        :::

        :::bad
        "A is longer, so A."
        :::

        1. Facts before style.
        2. If both are wrong, say *All are bad*.
        """;

    private static readonly string Long = string.Join("\n\n", Enumerable.Range(1, 9).Select(n =>
        $"{n}. The film takes its time, and in the long scene by the river it earns every minute of it: nobody speaks, and one knows what both of them would say."));

    [Fact]
    public async Task Markup_in_prompt_answers_names_and_instructions_does_nothing()
    {
        var project = await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1, Kind = TaskKind.Rank, Axes = [Hostile] }, "<img src=x onerror=alert(1)>", [WorkSite.Comparison(Hostile, Hostile, Hostile + "2")]);
        await site.Database.Projects.AddInstructionAsync(project.Id, Hostile + "\n\n:::steps\nno class of ours\n:::", null);
        await using var worker = await site.WorkerAsync(project);
        await worker.Page.Locator("[data-chip]").First.WaitForAsync(); // the scripts have run, and drawn texts of their own

        Assert.Equal(0, await worker.Page.Locator("main :is(img, svg, script:not([src^='/assets/']), [onerror], [onclick], [onload])").CountAsync());
        Assert.Equal(0, await worker.Page.Locator("main a:not([href='/']):not([href^='/mine/'])").CountAsync());
        Assert.Equal(0, await worker.Page.Locator("[data-instruction] .steps").CountAsync());
        Assert.Contains("<img src=x onerror=alert(1)>", await worker.Page.TitleAsync());
        Assert.Contains("click (javascript:document.title='owned')", await worker.Page.Locator(".prompt").TextContentAsync());
        Assert.Empty(worker.Complaints);
    }

    [Theory]
    [InlineData(360, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(1440, ColorScheme.Light)]
    [InlineData(1440, ColorScheme.Dark)]
    public async Task Every_kind_fits_a_phone_and_a_desk_in_light_and_dark(int width, ColorScheme scheme)
    {
        var cases = new (string Name, ProjectSettings Settings, int Answers)[]
        {
            ("pair", new(), 2), ("nine", new() { Scale = PreferenceScale.Nine }, 2), ("rank", new() { Kind = TaskKind.Rank }, 5), ("best", new() { Kind = TaskKind.Best }, 4), ("rate", new() { Kind = TaskKind.Rate }, 2),
        };
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new(), tasks: 0), width, scheme);
        foreach (var (name, settings, answers) in cases)
        {
            string[] texts = [.. Enumerable.Range(0, answers).Select(k => k == 0 ? Long : $"A short one, number {k}.\n\n- with a list\n- of two\n\n`code that is rather long and has_to_break_somewhere_{new string('x', 60)}`")];
            var project = await site.ProjectAsync(settings, "Film reviews", [WorkSite.Comparison("Is *The River* worth two and a half hours of an evening?\nMy sister says no.", texts)]);
            if (name == "pair")
                await site.Database.Projects.AddInstructionAsync(project.Id, Instructions, null);
            await site.Database.Projects.SetMemberAsync(project.Id, worker.Person.Id, Attune.Storage.People.Role.Annotator, null);
            await worker.Page.GotoAsync($"{site.Address}/work/{project.Id}");
            if (name is "pair" or "nine")
                await worker.Page.Locator("[name=step]").Nth(1).CheckAsync();

            Assert.Equal(width, await worker.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
            Assert.Equal(scheme == ColorScheme.Dark ? "rgb(19, 23, 29)" : "rgb(250, 249, 246)", await worker.Page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor"));
            if (name == "pair" && width == 1440)
                await LiesSideBySideWithTheScaleInSight(worker.Page);
            Assert.Empty(worker.Complaints);
            await Browser.Picture(worker.Page, $"work-{name}-{width}-{scheme.ToString().ToLowerInvariant()}.png");
        }
    }

    [Fact]
    public async Task The_page_speaks_German_and_right_to_left_text_stands_right()
    {
        var project = await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }, "Kritiken", [WorkSite.Comparison("ما رأيك في الفيلم؟", "فيلم جميل جدا، أنصح به.", "A fine film.")]);
        await using var worker = await site.WorkerAsync(project, language: "de-DE");

        Assert.Equal("de", await worker.Page.Locator("html").GetAttributeAsync("lang"));
        await worker.Page.GetByText("Welche Antwort ist besser?").WaitForAsync();
        Assert.Equal("rtl", await worker.Page.Locator(".prompt .text-of").EvaluateAsync<string>("text => getComputedStyle(text).direction"));
        Assert.Equal(["ltr", "rtl"], (await worker.Page.Locator("[data-text]").EvaluateAllAsync<string[]>("texts => texts.map(text => getComputedStyle(text).direction)")).Order());
        await Browser.Picture(worker.Page, "work-german-arabic.png");

        await worker.Page.GetByRole(AriaRole.Button, new() { Name = "English" }).ClickAsync(); // chosen, whatever the browser wishes
        await worker.Page.GetByText("Which answer is better?").WaitForAsync();
        await worker.Reload();
        Assert.Equal("en", await worker.Page.Locator("html").GetAttributeAsync("lang"));
        Assert.Equal($"{site.Address}/work/{project.Id}", worker.Page.Url);
    }

    [Fact]
    public async Task Instructions_stand_beside_the_task_and_a_new_version_is_marked_as_new()
    {
        var project = await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }, tasks: 2);
        await site.Database.Projects.AddInstructionAsync(project.Id, Instructions, null);
        await using var worker = await site.WorkerAsync(project, width: 700);
        var mark = worker.Page.Locator("[data-instruction] .new");
        await mark.WaitForAsync();
        Assert.Equal(["Good example", "Bad example"], await worker.Page.Locator("[data-instruction] .title").AllTextContentsAsync());

        await worker.Reload();
        await mark.WaitForAsync(new() { State = WaitForSelectorState.Hidden }); // seen
        await site.Database.Projects.AddInstructionAsync(project.Id, Instructions + "\n3. New.", null);
        await worker.Press("1", "Enter");
        await mark.WaitForAsync();
        await worker.Press("1", "Enter");

        Assert.Equal(["1", "2"], (await worker.Log(2)).Select(judgment => judgment.InstructionVersion));
    }

    private static async Task LiesSideBySideWithTheScaleInSight(IPage page)
    {
        var left = (await page.Locator(".answer").Nth(0).BoundingBoxAsync())!;
        var right = (await page.Locator(".answer").Nth(1).BoundingBoxAsync())!;
        var scale = (await page.Locator(".steps").BoundingBoxAsync())!;
        Assert.Equal(left.Y, right.Y);
        Assert.True(left.X + left.Width <= right.X, "the answers overlap");
        Assert.InRange(scale.Y, left.Y + left.Height, left.Y + left.Height + 40);
        Assert.True(scale.Y + scale.Height <= 800, $"the scale ends at {scale.Y + scale.Height}, below the window's 800");
    }
}
