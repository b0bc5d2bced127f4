using System.Net;
using System.Text;
using System.Text.Json;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web.Work;
using Microsoft.Extensions.DependencyInjection;

namespace Attune.Web.Tests;

/// <summary>Quality control over HTTP: what those who run a project do, and what those who judge in it see of it.</summary>
public sealed class QualityTests
{
    private const string Warn = "rules: [{name: busy, when: [{measure: judgments, atLeast: 2}], then: [{do: warn, message: 'Slow <b>down</b>.'}, {do: reject, message: 'Too fast.'}]}]";

    [Fact]
    public async Task Golden_tasks_are_added_made_listed_and_retired_and_nothing_tells_who_judges()
    {
        await using var site = await Site.Open();
        var project = await Project(site, new() { Golden = new() { Start = 1, Floor = 1 } });
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        Assert.Equal(3, (await Added(manager, $"/api/v1/projects/{project.Id}/golden", Golden(3))).GetInt32());
        Assert.Equal(0, (await Added(manager, $"/api/v1/projects/{project.Id}/golden", Golden(3))).GetInt32());
        var made = await manager.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/golden/make", new
        {
            answers = new[] { new { prompt = "Why is the sky blue?", answer = "Because air scatters blue light more than red light does." }, new { prompt = "What is rain?", answer = "Water that falls from clouds in drops large enough to reach the ground." } },
            weaker = new[] { new { prompt = "What is rain?", answer = "Rain is rain is rain." } },
            otherData = new[] { "The sky over the harbour was the colour of television." },
            tricks = new[] { "truncated", "shuffled", "other-prompt", "other-data", "weaker-model" },
        });
        Assert.Equal(9, made.GetProperty("added").GetInt32()); // five ways and four: one prompt has no weaker answer
        await Refused(manager, $"/api/v1/projects/{project.Id}/golden/make", """{"answers":[],"tricks":["other-data"]}""", "has 2 problems");
        await Refused(manager, $"/api/v1/projects/{project.Id}/golden", """{"id":"x","prompt":"p","answers":[{"source":"a","text":"b"},{"source":"a","text":"c"}],"order":[0,1],"expected":{"best":2}}""", "expected an index from 0 to 1");

        var list = (await manager.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/golden")).GetProperty("items");
        Assert.Equal(12, list.GetArrayLength());
        var first = list[0].GetProperty("taskId").GetString()!;
        Assert.Equal(HttpStatusCode.Redirect, (await manager.Post($"/projects/{project.Id}/golden", $"retire-{first}")).StatusCode);
        Assert.Equal(TaskState.Withdrawn, (await site.Database.Tasks.FindAsync(first))!.State);

        var judge = await site.SignedIn(await site.Member(project));
        var next = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetRawText();
        var page = await judge.Page($"/work/{project.Id}");
        foreach (var telling in new[] { "golden", "expected", "purpose", "\"best\"" })
        {
            Assert.DoesNotContain(telling, next, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(telling, page.Replace("data-key=\"best\"", "", StringComparison.Ordinal).Replace("\"best\":", "", StringComparison.Ordinal), StringComparison.Ordinal);
        }
        var lease = (await site.Database.Leases.RecentAsync(project.Id, (await site.Database.Projects.MembersAsync(project.Id, new())).Items.Single(member => member.Role == Role.Annotator).PersonId, 1))[0];
        Assert.Equal(TaskPurpose.Golden, (await site.Database.Tasks.FindAsync(lease.TaskId))!.Purpose);
    }

    [Fact]
    public async Task After_a_training_task_comes_what_was_right_and_why_once()
    {
        await using var site = await Site.Open();
        var project = await Project(site, new() { Qualification = new() { Tasks = 1, PassMark = 1, Attempts = 1 } });
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        await Added(manager, $"/api/v1/projects/{project.Id}/golden?training=true", Golden(1, "t"));
        await Added(manager, $"/api/v1/projects/{project.Id}/golden", Golden(1));
        var person = await site.Member(project);
        var judge = await site.SignedIn(person);

        var task = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");
        var lease = task.GetProperty("leaseId").GetString();
        Assert.Equal(HttpStatusCode.NotFound, (await judge.Get($"/api/v1/leases/{lease}/feedback")).StatusCode); // not before the answer
        var right = task.GetProperty("answers")[0].GetProperty("text").GetString() == "red";
        await Submit(judge, task, right ? 8 : 1); // the wrong one
        var feedback = await judge.Ok(HttpMethod.Get, $"/api/v1/leases/{lease}/feedback");
        Assert.False(feedback.GetProperty("isRight").GetBoolean());
        Assert.Equal((right ? 0 : 1, right ? 1 : 0), (feedback.GetProperty("expected").GetInt32(), feedback.GetProperty("yours").GetInt32()));
        Assert.Equal(HttpStatusCode.NotFound, (await manager.Get($"/api/v1/leases/{lease}/feedback")).StatusCode); // somebody else's

        var page = await judge.Page($"/work/{project.Id}");
        Assert.Contains("Not what was expected", page);
        Assert.Contains("<em>red</em> is a colour", page);
        Assert.DoesNotContain("data-answer", page);
        await judge.Post($"/work/{project.Id}", "feedback");
        Assert.Contains("data-answer", await judge.Page($"/work/{project.Id}")); // the golden task of the attempt

        task = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");
        Assert.Equal(HttpStatusCode.NotFound, (await judge.Get($"/api/v1/leases/{task.GetProperty("leaseId").GetString()}/feedback")).StatusCode);
        await Submit(judge, task, task.GetProperty("answers")[0].GetProperty("text").GetString() == "red" ? 8 : 1);
        Assert.Equal(HttpStatusCode.NotFound, (await judge.Get($"/api/v1/leases/{task.GetProperty("leaseId").GetString()}/feedback")).StatusCode); // golden tasks have none
        Assert.Equal("not-qualified", (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("why").GetString());
        Assert.Contains("no attempt is left", await judge.Page($"/work/{project.Id}"));
    }

    [Fact]
    public async Task Rules_are_tried_switched_on_carried_out_and_appealed_against_on_pages()
    {
        await using var site = await Site.Open();
        var project = await Project(site, new());
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        var person = await site.Member(project);
        var judge = await site.SignedIn(person);
        for (var i = 0; i < 2; i++)
            await Submit(judge, (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task"), 2);

        Assert.Contains("when", await (await manager.Post($"/projects/{project.Id}/rules", "rules", ("Yaml", "rules: [{name: a, then: []}]"))).Content.ReadAsStringAsync());
        Assert.Equal($"/projects/{project.Id}/rules?dry=1", (await manager.Post($"/projects/{project.Id}/rules", "rules", ("Yaml", Warn))).Headers.Location!.PathAndQuery);
        var dry = await manager.Page($"/projects/{project.Id}/rules?dry=1");
        Assert.Contains("1 firings on what is in the log", dry);
        Assert.Contains(person.Pseudonym, dry);
        Assert.Empty(await site.Database.Notices.OfAsync(project.Id, person.Id));
        Assert.Equal(1, (await manager.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/rules/1/dry-run")).GetProperty("firings").GetArrayLength());
        Assert.Equal(HttpStatusCode.Redirect, (await manager.Post($"/projects/{project.Id}/rules?dry=1", "on", ("Version", "1"))).StatusCode);

        await Run(site, project);
        await Run(site, project);
        Assert.Equal(1, (await manager.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/firings")).GetProperty("items").GetArrayLength());
        Assert.Contains("2 new messages", await judge.Page($"/work/{project.Id}"));
        var mine = await judge.Page($"/mine/{project.Id}");
        Assert.Contains("Slow &lt;b&gt;down&lt;/b&gt;.", mine);
        Assert.Contains("2 judgments", mine);
        Assert.DoesNotContain("new messages", await judge.Page($"/work/{project.Id}"));

        var notice = (await judge.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/notices")).GetProperty("items").EnumerateArray().Single(one => one.GetProperty("kind").GetString() == "reject").GetProperty("id").GetString();
        await judge.Post($"/mine/{project.Id}", $"appeal-{notice}", ("Text", "I <i>did</i> read them."));
        Assert.Contains("I &lt;i&gt;did&lt;/i&gt; read them.", await manager.Page($"/projects/{project.Id}/rules"));
        Assert.Empty(await site.Database.Judgments.ReadAsync(project.Id, new(InForce: true)));
        await manager.Post($"/projects/{project.Id}/rules", $"appeal-{notice}", ("Reason", "So you did."), ("Overturn", "true"));
        Assert.Equal(2, (await site.Database.Judgments.ReadAsync(project.Id, new(InForce: true))).Count);
        Assert.Contains("So you did.", await judge.Page($"/mine/{project.Id}"));
        Assert.Equal(
            ["appeal.decide", "appeal.make", "rule.fire", "rules.add", "rules.on"],
            (await site.Database.Audit.ListAsync(project.Id, new() { Size = 200 })).Items.Select(entry => entry.Act).Where(act => act.StartsWith("rule", StringComparison.Ordinal) || act.StartsWith("appeal", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Dynamic_overlap_stops_and_extends_within_the_answer()
    {
        await using var site = await Site.Open();
        var project = await Project(site, new() { Overlap = new() { Minimum = 2, Maximum = 3, Threshold = 0.9 } }, tasks: 1);
        var judges = new List<Visit>();
        for (var i = 0; i < 3; i++)
            judges.Add(await site.SignedIn(await site.Member(project)));
        for (var i = 0; i < 3; i++)
        {
            var task = (await judges[i].Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");
            await Submit(judges[i], task, task.GetProperty("answers")[0].GetProperty("text").GetString() == "red" == (i != 1) ? 2 : 7); // red, blue, red
            var (state, overlap) = await StateAsync(site, project);
            Assert.Equal(i == 0 ? (TaskState.Open, 2) : i == 1 ? (TaskState.Open, 3) : (TaskState.Complete, 3), (state, overlap));
        }
    }

    [Fact]
    public async Task A_batch_goes_through_its_cycle_on_pages_and_over_the_api()
    {
        await using var site = await Site.Open();
        var project = await Project(site, new() { Gate = 0.5, Accuracy = 0.6 }, tasks: 0);
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        var page = $"/projects/{project.Id}/batches";
        Assert.Contains("cannot be read", await (await manager.Post(page, "plan", ("Name", "week 1"), ("Details", "{"))).Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.Redirect, (await manager.Post(page, "plan", ("Name", "week 1"), ("Details", """{"policyCheckpoint":"sha256:ab","rowsOrdered":2}"""))).StatusCode);
        var batch = Assert.Single(await site.Database.Batches.ListAsync(project.Id));
        var api = $"/api/v1{page}/{batch.Id}";
        Assert.Equal(2, (await Posted(manager, $"{api}/tasks?calibration=true", Site.Comparisons(2, "cal"))).GetProperty("added").GetInt32());
        Assert.Equal(2, (await Posted(manager, $"{api}/tasks", Site.Comparisons(2, "work"))).GetProperty("added").GetInt32());
        await manager.Post(page, $"step-{batch.Id}", ("Step", "calibrate"));
        for (var i = 0; i < 3; i++)
        {
            var judge = await site.SignedIn(await site.Member(project));
            for (var n = 0; n < 2; n++)
            {
                var task = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");
                await Submit(judge, task, task.GetProperty("answers")[0].GetProperty("text").GetString() == "red" == (i < 2) ? 2 : 7);
            }
            Assert.Equal("no-task", (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("why").GetString());
        }

        Assert.Contains("has an agreement of", await (await manager.Post(page, $"step-{batch.Id}", ("Step", "open"), ("Reason", ""))).Content.ReadAsStringAsync());
        var reply = await manager.Ok(HttpMethod.Post, $"{api}/open", new { reason = "Talked it over." });
        Assert.Equal("open", reply.GetProperty("state").GetString());
        Assert.False(reply.GetProperty("agreement").GetProperty("passed").GetBoolean());
        await manager.Ok(HttpMethod.Post, $"{api}/close", new { });
        Assert.Equal(HttpStatusCode.BadRequest, (await manager.Json(HttpMethod.Post, $"{api}/deliver", new { })).StatusCode);
        await manager.Post(page, $"accuracy-{batch.Id}", ("Accuracy", "0.71"), ("Source", "runs/reward-1"));
        reply = await manager.Ok(HttpMethod.Post, $"{api}/deliver", new { });
        Assert.Equal("delivered", reply.GetProperty("state").GetString());
        Assert.Equal("runs/reward-1", reply.GetProperty("decisions")[2].GetProperty("source").GetString());
        Assert.Contains("Talked it over.", await manager.Page(page));
        var other = await Project(site, new(), name: "Other");
        Assert.Equal(HttpStatusCode.NotFound, (await (await site.SignedIn(await site.Person(Role.Owner))).Get($"/api/v1/projects/{other.Id}/batches/{batch.Id}")).StatusCode);
    }

    [Fact]
    public async Task Measures_and_pay_are_shown_and_everyone_sees_their_own_earnings_alone()
    {
        await using var site = await Site.Open();
        var project = await Project(site, new());
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        var people = new List<(Person Person, Visit Visit)>();
        for (var i = 0; i < 2; i++)
        {
            var person = await site.Member(project);
            people.Add((person, await site.SignedIn(person)));
            for (var n = 0; n <= i; n++)
                await Submit(people[i].Visit, (await people[i].Visit.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task"), 2);
        }
        var measures = (await manager.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/measures")).GetProperty("items");
        Assert.Equal(2, measures.GetArrayLength());
        Assert.Contains(people[0].Person.Pseudonym, await manager.Page($"/projects/{project.Id}/quality"));

        Assert.Equal(HttpStatusCode.NotFound, (await people[0].Visit.Get($"/api/v1/projects/{project.Id}/earnings")).StatusCode); // no plan yet
        await manager.Post($"/projects/{project.Id}/pay", "plan", ("Yaml", "currency: EUR\nprices: [{kind: pair, from: 0, to: 100, tasks: 10, price: 3.00}]"));
        var csv = await (await manager.Get($"/api/v1/projects/{project.Id}/pay.csv")).Content.ReadAsStringAsync();
        Assert.Contains($"{people[1].Person.Pseudonym},2030-01-01T00:00:00Z,2030-02-01T00:00:00Z,total,,2,,,0.60,EUR", csv);
        Assert.Contains("0.60", await manager.Page($"/projects/{project.Id}/pay?From=2030-01-01&Until=2030-01-31"));
        Assert.DoesNotContain("0.60", await manager.Page($"/projects/{project.Id}/pay?From=2029-01-01&Until=2029-01-31"));
        var own = await people[0].Visit.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/earnings");
        Assert.Equal(people[0].Person.Pseudonym, Assert.Single(own.EnumerateArray()).GetProperty("annotatorId").GetString());
        var mine = await people[0].Visit.Page($"/mine/{project.Id}");
        Assert.Contains("0.30 EUR", mine);
        Assert.DoesNotContain(people[1].Person.Pseudonym, mine);
    }

    [Fact]
    public async Task The_service_carries_rules_out_by_itself()
    {
        await using var site = await Site.Open();
        var project = await Project(site, new());
        await site.Database.Rules.SwitchAsync(project.Id, await site.Database.Rules.AddAsync(project.Id, Warn, null), null);
        var person = await site.Member(project);
        var judge = await site.SignedIn(person);
        for (var i = 0; i < 2; i++)
            await Submit(judge, (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task"), 2);
        for (var tries = 0; tries < 300 && (await site.Database.Notices.OfAsync(project.Id, person.Id)).Count == 0; tries++)
            await Task.Delay(100);
        Assert.Equal(2, (await site.Database.Notices.OfAsync(project.Id, person.Id)).Count);
    }

    private static async Task<Project> Project(Site site, QualitySettings quality, int tasks = 4, string name = "Quality")
    {
        var project = await site.Database.Projects.CreateAsync(name, new() { Overlap = 2, MaximumOverlap = 2, Quality = quality }, null, seed: 7);
        return tasks == 0 ? project : (await ComparisonProject.AddAsync(site.Database, project, ComparisonProject.Parse("test", Site.Comparisons(tasks)), null, CancellationToken.None)).Project;
    }

    private static byte[] Golden(int count, string prefix = "g") => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, count).Select(i =>
        $$$"""{"id":"{{{prefix}}}{{{i}}}","prompt":"Name a colour.","answers":[{"source":"one","text":"red"},{"source":"two","text":"seven"}],"order":[0,1],"expected":{"best":0,"why":"*red* is a colour"}}""" + "\n")));

    private static async Task Run(Site site, Project project) =>
        await site.Services.GetRequiredService<QualityService>().RunAsync((await site.Database.Projects.FindAsync(project.Id))!, CancellationToken.None);

    private static async Task<(TaskState State, int Overlap)> StateAsync(Site site, Project project)
    {
        var task = (await site.Database.Tasks.ListAsync(project.Id, new(), new())).Items.Single();
        return (task.State, task.Overlap);
    }

    private static async Task Submit(Visit visit, JsonElement task, int step) =>
        await visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", new { token = task.GetProperty("token").GetString(), answer = new { step, seconds = 12.0, activeSeconds = 10.0 } });

    private static async Task<JsonElement> Added(Visit visit, string path, byte[] body) => (await Posted(visit, path, body)).GetProperty("added");

    private static async Task<JsonElement> Posted(Visit visit, string path, byte[] body)
    {
        using var reply = await visit.Json(HttpMethod.Post, path, raw: Encoding.UTF8.GetString(body));
        var text = await reply.Content.ReadAsStringAsync();
        Assert.True(reply.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    private static async Task Refused(Visit visit, string path, string body, string why)
    {
        using var reply = await visit.Json(HttpMethod.Post, path, raw: body);
        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        Assert.Contains(why, await reply.Content.ReadAsStringAsync());
    }
}
