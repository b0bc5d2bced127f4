using System.Net;
using Attune.Cli.Tests;
using Attune.Storage.People;
using Attune.Storage.Tests.Testing;
using Attune.Web.Client;

namespace Attune.Web.Tests;

/// <summary>A database that is gone for a while, and a disk that is full.</summary>
public sealed class OutageTests
{
    [PostgresFact]
    public async Task A_lost_database_is_told_of_in_the_readers_language_and_an_answer_sent_again_is_one_judgment()
    {
        var server = new PostgresServer(durable: true);
        try
        {
            await using var site = await Site.Open(url: server.NewDatabase());
            var project = await site.Project();
            var person = await site.Member(project);
            var (browser, program) = (await site.SignedIn(person), await site.Program(person, "work"));
            browser.Language = program.Language = "de-AT";
            var token = (await program.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task").GetProperty("token").GetString()!;
            Assert.Contains(token, WebUtility.HtmlDecode(await browser.Page($"/work/{project.Id}")));

            server.Halt();
            using var page = await browser.Get($"/work/{project.Id}?from=here");
            var text = WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync());
            Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(5)), (page.StatusCode, page.Headers.RetryAfter!.Delta!.Value));
            Assert.Contains("Die Datenbank antwortet gerade nicht.", text);
            Assert.Contains($"href=\"/work/{project.Id}?from=here\"", text); // asks for the page, sends nothing again
            Assert.DoesNotContain("attune-pg-", text); // where the database is concerns nobody here
            Assert.True(page.Headers.Contains("Content-Security-Policy"));
            Assert.Contains("--paper", await browser.Page(SiteAssets.Address("site.css"))); // the page's looks need no database
            using var refused = await program.Json(HttpMethod.Post, "/api/v1/leases/submit", Answer(token));
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "application/problem+json"), (refused.StatusCode, refused.Content.Headers.ContentType!.MediaType));
            Assert.DoesNotContain("attune-pg-", await refused.Content.ReadAsStringAsync());

            server.Resume();
            Assert.Contains(token, WebUtility.HtmlDecode(await browser.Page($"/work/{project.Id}")));
            var first = await program.Ok(HttpMethod.Post, "/api/v1/leases/submit", Answer(token));
            var again = await program.Ok(HttpMethod.Post, "/api/v1/leases/submit", Answer(token));
            Assert.Equal(first.GetProperty("judgmentId").GetString(), again.GetProperty("judgmentId").GetString());
            Assert.Single(await site.Database.Judgments.ReadAsync(project.Id, new()));
        }
        finally
        {
            server.Stop();
        }
    }

    [PostgresFact]
    public async Task Who_answers_on_while_the_database_goes_and_comes_back_loses_nothing_and_sends_nothing_twice()
    {
        const int Tasks = 60;
        var server = new PostgresServer(durable: true);
        try
        {
            await using var site = await Site.Open(url: server.NewDatabase());
            var project = await site.Project(Tasks);
            using var client = new AttuneClient(site.Visit().Address, (await site.Program(await site.Member(project), "work")).Key!);
            var acknowledged = new List<string>();
            var answering = Task.Run(async () =>
            {
                while ((await client.NextAsync(project.Id)).Task is { } task)
                    acknowledged.Add((await client.SubmitAsync(task.Token, new() { Step = 3, Seconds = 1 })).JudgmentId);
            });
            for (var restart = 0; restart < 3 && !answering.IsCompleted; restart++)
            {
                await Task.Delay(150);
                server.Halt();
                await Task.Delay(150);
                server.Resume();
            }
            await answering;

            Assert.Equal(Tasks, acknowledged.Distinct().Count());
            Assert.Equal(acknowledged.Order(StringComparer.Ordinal), (await site.Database.Judgments.ReadAsync(project.Id, new())).Select(judgment => judgment.Id).Order(StringComparer.Ordinal));
        }
        finally
        {
            server.Stop();
        }
    }

    [SmallDiskFact]
    public async Task A_full_disk_is_told_of_and_what_was_not_taken_can_be_sent_again()
    {
        using var disk = new SmallDisk("16m");
        await using var site = await Site.Open(url: Path.Combine(disk.Folder, "attune.db"));
        var project = await site.Project(40);
        var owner = await site.Person(Role.Owner);
        var (browser, program) = (await site.SignedIn(owner), await site.Program(await site.Member(project), "work"));
        var settings = $"/projects/{project.Id}/settings";
        var form = Visit.Token(await browser.Page(settings));
        var tokens = new List<string>();
        var known = new List<string>();
        for (var task = 0; task < 3; task++)
        {
            var next = (await program.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { known })).GetProperty("task");
            known.Add(next.GetProperty("leaseId").GetString()!);
            tokens.Add(next.GetProperty("token").GetString()!);
        }
        var filler = Path.Combine(disk.Folder, "filler");
        Fill(filler);

        var taken = new List<string>();
        string? refused = null;
        var details = "";
        foreach (var token in tokens.TakeWhile(_ => refused is null))
        {
            using var reply = await program.Json(HttpMethod.Post, "/api/v1/leases/submit", Answer(token, Long));
            if (reply.StatusCode == HttpStatusCode.ServiceUnavailable)
                (refused, details) = (token, await reply.Content.ReadAsStringAsync());
            else
                taken.Add(token);
        }
        Assert.NotNull(refused);
        Assert.Contains("disk is full", details);
        Assert.DoesNotContain(disk.Folder, details);
        using var page = await browser.Send(HttpMethod.Post, settings, new FormUrlEncodedContent([new("_handler", "settings"), new("__RequestVerificationToken", form), new("Form.Fields[consentText]", new string('y', 300_000))]));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, ""), (page.StatusCode, page.StatusCode == HttpStatusCode.ServiceUnavailable ? "" : await page.Content.ReadAsStringAsync()));
        Assert.Contains($"href=\"{settings}\"", await page.Content.ReadAsStringAsync());

        File.Delete(filler);
        await program.Ok(HttpMethod.Post, "/api/v1/leases/submit", Answer(refused, Long));
        await program.Ok(HttpMethod.Post, "/api/v1/leases/submit", Answer(refused, Long));
        Assert.Equal(taken.Count + 1, (await site.Database.Judgments.ReadAsync(project.Id, new())).Count);
    }

    private static string Long { get; } = new('x', 900_000);

    private static object Answer(string token, string? comment = null) => new { token, answer = new { step = 2, seconds = 3.5, comment } };

    private static void Fill(string path)
    {
        using var file = File.Create(path);
        var block = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(block);
                file.Flush();
            }
        }
        catch (IOException)
        {
            // full
        }
    }
}
