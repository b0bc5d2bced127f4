using Attune.Feedback;
using Attune.Storage.Leases;

namespace Attune.Browser.Tests.Work;

/// <summary>What is given survives: a reload, a lost network, a server that is gone for a while. And what can be taken back or passed on.</summary>
[Collection(WorkSiteTests.Name)]
public sealed class PersistenceTests(WorkSite site)
{
    [Fact]
    public async Task A_draft_survives_a_reload_and_another_browser_of_the_same_person()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));
        await worker.Press("2");
        await worker.Page.Locator("[name=comment]").FillAsync("half a thought");
        await worker.Reload();
        await IsBack(worker);

        var lease = Assert.Single(await site.Database.Leases.RecentAsync(worker.Project.Id, worker.Person.Id, 5)).Id;
        for (var wait = 0; wait < 100 && await site.Database.Drafts.FindAsync(lease, worker.Person.Id) is null; wait++)
            await Task.Delay(50);
        await worker.Page.EvaluateAsync("localStorage.clear()"); // as another browser would see it
        await worker.Reload();
        await IsBack(worker);
        await worker.Send();

        var judgment = await worker.Judgment();
        Assert.Equal((2, "half a thought"), (judgment.Step, judgment.Comment));
        Assert.Null(await site.Database.Drafts.FindAsync(lease, worker.Person.Id));
    }

    [Fact]
    public async Task A_server_that_is_away_gets_the_answer_once_when_it_is_back()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));
        await worker.Press("7");

        await site.RestartAsync(async () =>
        {
            await worker.Send();
            await worker.Page.GetByText("No connection: your answer is kept here").WaitForAsync();
        });

        Assert.Equal(7, (await worker.Judgment()).Step);
        await worker.Page.GetByText("Nothing is left for you").WaitForAsync();
    }

    [Fact]
    public async Task An_answer_whose_reply_is_lost_is_in_the_log_once()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));
        var tries = 0;
        await worker.Page.RouteAsync("**/leases/submit", async route =>
        {
            if (++tries == 1)
            {
                await route.AbortAsync(); // the request is lost
                return;
            }
            var reply = await route.FetchAsync();
            if (tries == 2)
                await route.AbortAsync("connectionreset"); // it arrived, the reply is lost
            else
                await route.FulfillAsync(new() { Response = reply });
        });

        await worker.Press("1", "Enter");
        await worker.Page.GetByText("Nothing is left for you").WaitForAsync();

        Assert.Equal(3, tries);
        Assert.Equal(1, (await worker.Judgment()).Step);
    }

    [Fact]
    public async Task An_answer_that_waits_is_sent_by_the_next_page()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));
        await worker.Page.RouteAsync("**/leases/submit", route => route.AbortAsync());
        await worker.Press("4", "Enter");
        await worker.Page.GetByText("No connection: your answer is kept here").WaitForAsync();

        await worker.Page.UnrouteAllAsync();
        await worker.Reload();

        Assert.Equal(4, (await worker.Judgment()).Step);
    }

    [Fact]
    public async Task The_last_answer_is_taken_back_and_comes_again_as_it_was()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));
        await worker.Page.Locator("[name=comment]").FillAsync("a slip");
        await worker.Page.Locator("[name=step][value='2']").ClickAsync();
        await worker.Send();
        await worker.Page.GetByText("Nothing is left for you").WaitForAsync();

        await worker.Page.Locator("[data-undo]").ClickAsync();
        await worker.Page.Locator("[name=step][value='2']:checked").WaitForAsync(new() { State = Microsoft.Playwright.WaitForSelectorState.Attached });
        Assert.Equal("a slip", await worker.Page.Locator("[name=comment]").InputValueAsync());
        await worker.Press("6", "Enter");

        var log = await worker.Log(3);
        Assert.Equal([Outcome.Choice, Outcome.Withdrawn, Outcome.Choice], log.Select(judgment => judgment.Outcome));
        Assert.Equal([2, null, 6], log.Select(judgment => judgment.Step));
    }

    [Fact]
    public async Task A_task_is_skipped_and_another_one_reported_as_broken()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }, tasks: 2));
        var first = await worker.Page.Locator(".prompt").TextContentAsync();

        await worker.Press("s");
        await worker.Page.Locator($".prompt:not(:has-text('{first!.Trim()}'))").WaitForAsync();
        await worker.Press("x");
        await worker.Page.Locator("[data-report] textarea").FillAsync("The prompt is cut off.");
        await worker.Page.Locator("[data-report] .primary").ClickAsync();
        await worker.Page.GetByText("Nothing is left for you").WaitForAsync();

        var leases = await site.Database.Leases.RecentAsync(worker.Project.Id, worker.Person.Id, 5);
        Assert.Equal([(LeaseState.Released, "broken: The prompt is cut off."), (LeaseState.Released, "skip")], leases.Select(lease => (lease.State, lease.Reason)));
        Assert.Empty(await worker.Log(0));
    }

    [Fact]
    public async Task Two_browsers_never_have_the_same_lease()
    {
        var project = await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }, tasks: 2);
        await using var one = await site.WorkerAsync(project);
        await using var other = await site.WorkerAsync(project);
        await using var third = await site.WorkerAsync(project);

        Assert.NotEqual(await one.Page.Locator(".prompt").TextContentAsync(), await other.Page.Locator(".prompt").TextContentAsync());
        await third.Page.GetByText("Nothing is left for you").WaitForAsync();
        await one.Press("1", "Enter");
        await one.Page.GetByText("Your answer was taken.").WaitForAsync(); // is told, and the keyboard goes on at the content
        Assert.True(await one.Page.EvaluateAsync<bool>("document.activeElement.id === 'content'"));
        await other.Press("8", "Enter");

        var log = await one.Log(2);
        Assert.Equal(2, log.Select(judgment => judgment.ComparisonId).Distinct().Count());
        Assert.Equal(2, log.Select(judgment => judgment.AnnotatorId).Distinct().Count());
    }

    [Fact]
    public async Task Keys_are_shown_and_can_be_changed()
    {
        await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));
        await worker.Press("?");
        var field = worker.Page.GetByLabel("A is better", new() { Exact = true }).And(worker.Page.Locator("dialog input"));
        Assert.Equal("2", await field.InputValueAsync());
        await field.PressAsync("j");
        await Browser.Picture(worker.Page, "work-keys.png");
        await worker.Press("Escape");
        await worker.Reload(); // kept in this browser

        await worker.Press("2", "Enter"); // says nothing any more
        await worker.Page.GetByText("Choose something first.").WaitForAsync();
        await worker.Press("j", "Enter");

        Assert.Equal(2, (await worker.Judgment()).Step);
    }

    private static async Task IsBack(Worker worker)
    {
        await worker.Page.GetByText("Your draft is back.").WaitForAsync();
        Assert.True(await worker.Page.Locator("[name=step][value='2']").IsCheckedAsync());
        Assert.Equal("half a thought", await worker.Page.Locator("[name=comment]").InputValueAsync());
    }
}
