using Attune.Cli.Tests;
using Attune.Storage.Tests.Testing;
using Attune.Storage.Work;
using Microsoft.Playwright;

namespace Attune.Browser.Tests.Work;

/// <summary>The page of a task while the server can keep nothing: it says why, keeps the answer, and sends it once when it can.</summary>
[Collection(WorkSiteTests.Name)] // one after the other: a server that stops is not to be waited for by all at once
public sealed class OutagePageTests
{
    [PostgresFact]
    public async Task An_answer_waits_for_a_database_that_is_away_and_is_one_judgment_also_over_reloads()
    {
        var server = new PostgresServer(durable: true);
        var site = new WorkSite { Url = server.NewDatabase() };
        try
        {
            await site.InitializeAsync();
            await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Overlap = 1, MaximumOverlap = 1 }));
            await worker.Press("7");

            server.Halt();
            await worker.Send();
            await worker.Page.GetByText("The database does not answer at the moment").WaitForAsync();
            Assert.Contains("Your answer is kept in this browser", await worker.Page.Locator("[data-state]").TextContentAsync());
            await Browser.Picture(worker.Page, "outage-answer.png");
            await worker.Page.GotoAsync(worker.Page.Url); // somebody tries to help themselves
            await worker.Page.GetByRole(AriaRole.Heading, new() { Name = "Nothing can be saved right now" }).WaitForAsync();
            await Browser.Picture(worker.Page, "outage-page.png");
            await worker.Page.GetByRole(AriaRole.Link, new() { Name = "Try again" }).ClickAsync();
            await worker.Page.GetByRole(AriaRole.Heading, new() { Name = "Nothing can be saved right now" }).WaitForAsync();

            server.Resume();
            await worker.Page.GetByRole(AriaRole.Link, new() { Name = "Try again" }).ClickAsync();
            await worker.Page.GetByText("Nothing is left for you").WaitForAsync();
            Assert.Equal(7, (await worker.Judgment()).Step);
        }
        finally
        {
            await site.DisposeAsync();
            server.Stop();
        }
    }

    [SmallDiskFact]
    public async Task An_answer_waits_for_room_on_a_full_disk_and_is_one_judgment()
    {
        using var disk = new SmallDisk("16m");
        var site = new WorkSite { Url = Path.Combine(disk.Folder, "attune.db") };
        await site.InitializeAsync();
        try
        {
            await using var worker = await site.WorkerAsync(await site.ProjectAsync(new() { Kind = TaskKind.Pair, Overlap = 1, MaximumOverlap = 1 }));
            var filler = Path.Combine(disk.Folder, "filler");
            await using (var file = File.Create(filler))
                Assert.Throws<IOException>(() => Fill(file));
            await worker.Press("7");
            await worker.Page.Locator("[name=comment]").FillAsync(new string('x', 4_000));
            await worker.Send();
            await worker.Page.GetByText("The server's disk is full").WaitForAsync();
            Assert.Contains("Your answer is kept in this browser", await worker.Page.Locator("[data-state]").TextContentAsync());
            await Task.Delay(2000); // it goes on trying
            Assert.Empty(await worker.Log(0));

            File.Delete(filler);
            await worker.Page.GetByText("Nothing is left for you").WaitForAsync(new() { Timeout = 30_000 });
            Assert.Equal((7, 4_000), ((await worker.Judgment()) is var judgment ? judgment.Step : null, judgment.Comment!.Length));
        }
        finally
        {
            await site.DisposeAsync();
        }
    }

    private static void Fill(FileStream file)
    {
        var block = new byte[4096];
        while (true)
        {
            file.Write(block);
            file.Flush();
        }
    }
}
