using System.Net;
using System.Text;
using System.Text.Json;
using Attune.Storage;
using Attune.Storage.People;
using Attune.Storage.Work;

namespace Attune.Web.Tests;

public sealed class ManagementApiTests
{
    [Fact]
    public async Task A_program_makes_a_project_has_it_judged_and_takes_the_preferences_home()
    {
        await using var site = await Site.Open();
        using var program = await site.Client(await site.Person(Role.Owner), "read", "write");
        var project = (await program.CreateProjectAsync("Colours", new { overlap = 1, maximumOverlap = 1 })).Id;
        Assert.Equal(new(Added: 3, Known: 0), await program.AddTasksAsync(project, Site.Comparisons(3)));
        Assert.Equal(new(Added: 1, Known: 3), await program.AddTasksAsync(project, Site.Comparisons(4)));

        var judge = await site.Person();
        await program.SetMemberAsync(project, judge.Id, Role.Annotator);
        Assert.Equal(judge.Pseudonym, Assert.Single(await program.MembersAsync(project).ToListAsync()).Pseudonym);
        using var visit = await site.Client(judge, "work");
        var next = (await visit.NextAsync(project)).Task!;
        await visit.SubmitAsync(next.Token, new() { Step = 1, Seconds = 2 });

        var progress = await program.ProgressAsync(project);
        Assert.Equal((4, 1), (progress.Tasks, progress.Accepted));
        Assert.Single(await program.TasksAsync(project, TaskState.Complete).ToListAsync());
        var judgment = Assert.Single(await program.JudgmentsAsync(project).ToListAsync());
        Assert.Equal((judge.Pseudonym, 1), (judgment.AnnotatorId, judgment.Step));
        var items = (await program.SendAsync<JsonElement>(HttpMethod.Get, $"projects/{project}/judgments?person={judge.Id}")).GetProperty("items");
        Assert.Equal(judgment.Id, items[0].GetProperty("id").GetString());
        Assert.Empty((await program.SendAsync<JsonElement>(HttpMethod.Get, $"projects/{project}/judgments?purpose=golden")).GetProperty("items").EnumerateArray());
        var preference = JsonSerializer.Deserialize<JsonElement>(Assert.Single(await program.ExportAsync(project, "data.jsonl").ToListAsync()));
        Assert.Equal(next.Answers[0].Text, preference.GetProperty("chosen").GetString()); // the first step is for the left answer
    }

    [Fact]
    public async Task Bad_comparisons_name_line_and_reason_and_change_nothing()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var program = await site.Program(await site.Person(Role.Owner), "write");
        var body = Encoding.UTF8.GetString(Site.Comparisons(2)) + "{\"id\":\"broken\"\n";
        using var reply = await program.Send(HttpMethod.Post, $"/api/v1/projects/{project.Id}/tasks", new StringContent(body));
        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        Assert.Contains("line 3", await reply.Content.ReadAsStringAsync());
        Assert.Equal(0, (await site.Database.Tasks.ProgressAsync(project.Id)).Tasks);
    }

    [Fact]
    public async Task Settings_with_unknown_keys_or_values_out_of_range_are_refused()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var program = await site.Program(await site.Person(Role.Owner), "write");
        foreach (var (settings, reason) in new[] { ("{\"overlaps\":2}", "overlaps"), ("{\"overlap\":0}", "at least 1"), ("[]", "object") })
        {
            using var reply = await program.Json(HttpMethod.Put, $"/api/v1/projects/{project.Id}/settings", raw: settings);
            Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
            Assert.Contains(reason, await reply.Content.ReadAsStringAsync());
        }
        Assert.Equal(2, (await site.Database.Projects.FindAsync(project.Id))!.Settings.Overlap);
    }

    [Fact]
    public async Task Lists_come_in_pages_of_at_most_two_hundred()
    {
        await using var site = await Site.Open();
        var project = await site.Project(205);
        var owner = await site.Person(Role.Owner);
        var program = await site.Program(owner, "read");
        var first = await program.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/tasks?size=1000");
        Assert.Equal(PageRequest.Largest, first.GetProperty("items").GetArrayLength());
        var second = await program.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/tasks?size=1000&after={first.GetProperty("next").GetString()}");
        Assert.Equal(5, second.GetProperty("items").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, second.GetProperty("next").ValueKind);
        using var client = await site.Client(owner, "read");
        Assert.Equal(205, await client.TasksAsync(project.Id).CountAsync()); // it asks for page after page
    }

    [Fact]
    public async Task Lists_that_are_computed_as_a_whole_come_in_pages_too()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var owner = await site.Person(Role.Owner);
        for (var i = 0; i < 205; i++)
            await site.Database.Webhooks.CreateAsync(project.Id, $"https://example.org/{i}", ["batch.state"], null);
        var program = await site.Program(owner, "read");
        var path = $"/api/v1/projects/{project.Id}/webhooks";
        var first = await program.Ok(HttpMethod.Get, $"{path}?size=1000");
        var second = await program.Ok(HttpMethod.Get, $"{path}?size=3&after={first.GetProperty("next").GetString()}");
        var last = await program.Ok(HttpMethod.Get, $"{path}?after={second.GetProperty("next").GetString()}");
        Assert.Equal((200, 3, 2), (first.GetProperty("items").GetArrayLength(), second.GetProperty("items").GetArrayLength(), last.GetProperty("items").GetArrayLength()));
        Assert.Equal(Enumerable.Range(0, 205).Select(i => $"https://example.org/{i}"),
            new[] { first, second, last }.SelectMany(page => page.GetProperty("items").EnumerateArray()).Select(item => item.GetProperty("url").GetString()));
        Assert.Equal(JsonValueKind.Null, last.GetProperty("next").ValueKind);

        using var lost = await program.Get($"{path}?after=nothing");
        Assert.Equal((HttpStatusCode.BadRequest, "application/problem+json"), (lost.StatusCode, lost.Content.Headers.ContentType!.MediaType));
        Assert.Contains("is nothing, which this list does not have, expected the next of the page before; begin again without it", await lost.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_manager_neither_makes_owners_nor_touches_them()
    {
        await using var site = await Site.Open();
        var owner = await site.Person(Role.Owner);
        var manager = await site.SignedIn(await site.Person(Role.Manager));
        foreach (var (method, path, body) in new (HttpMethod, string, object)[]
        {
            (HttpMethod.Post, "/api/v1/invitations", new { role = "owner" }), (HttpMethod.Post, "/api/v1/invitations", new { role = "manager" }),
            (HttpMethod.Post, $"/api/v1/people/{owner.Id}/reset", new { }), (HttpMethod.Put, $"/api/v1/people/{owner.Id}/paused", new { paused = true }),
        })
        {
            using var reply = await manager.Json(method, path, body);
            Assert.Equal(HttpStatusCode.Forbidden, reply.StatusCode);
        }
    }

    [Fact]
    public async Task A_key_without_scopes_may_nothing_and_a_revoked_or_expired_one_is_unknown()
    {
        await using var site = await Site.Open();
        var owner = await site.Person(Role.Owner);
        Assert.Equal(HttpStatusCode.Forbidden, (await (await site.Program(owner)).Get("/api/v1/me")).StatusCode);
        var browser = await site.SignedIn(owner);
        var made = await browser.Ok(HttpMethod.Post, "/api/v1/keys", new { name = "training", scopes = new[] { "read" }, days = 1 });
        var program = site.Visit();
        program.Key = made.GetProperty("key").GetString();
        await program.Ok(HttpMethod.Get, "/api/v1/me");
        site.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(HttpStatusCode.Unauthorized, (await program.Get("/api/v1/me")).StatusCode);

        program = await site.Program(owner, "read");
        var id = (await site.Database.Access.KeysAsync(owner.Id))[^1].Id;
        browser = await site.SignedIn(owner);
        await browser.Ok(HttpMethod.Delete, $"/api/v1/keys/{id}");
        Assert.Equal(HttpStatusCode.Unauthorized, (await program.Get("/api/v1/me")).StatusCode);
    }

    [Fact]
    public async Task What_is_done_stands_in_the_audit_log_with_who_did_it()
    {
        await using var site = await Site.Open();
        var owner = await site.Person(Role.Owner);
        var person = await site.Person();
        var project = await site.Project(1);
        var task = (await site.Database.Tasks.ListAsync(project.Id, new(), new())).Items[0].Id;
        var program = await site.Program(owner, "read", "write");
        using var client = await site.Client(owner, "read", "write");
        await client.WithdrawTaskAsync(project.Id, task, "broken");
        await client.ResetAsync(person.Id);
        await client.ErasePersonAsync(person.Id, texts: true);
        var acts = (await program.Ok(HttpMethod.Get, "/api/v1/audit?size=200")).GetProperty("items").EnumerateArray()
            .Where(entry => entry.TryGetProperty("actorId", out var actor) && actor.GetString() == owner.Id).Select(entry => entry.GetProperty("act").GetString()).ToList();
        Assert.Equal(["task.withdraw", "password.reset-asked", "person.erase"], acts);
        Assert.Contains(task, await program.Page($"/api/v1/audit?project={project.Id}"));
        Assert.Null(await site.Database.People.IdentityAsync(person.Id));
    }
}
