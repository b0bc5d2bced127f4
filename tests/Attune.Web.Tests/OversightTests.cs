using System.Net;
using System.Text.Json;
using Attune.Feedback.Exchange;
using Attune.Storage.People;
using Attune.Storage.Training;
using Attune.Storage.Work;

namespace Attune.Web.Tests;

/// <summary>What those who run a project see and take back: invitations, the log, settings, deliveries.</summary>
public sealed class OversightTests
{
    [Fact]
    public async Task An_invitation_is_taken_back_by_who_could_make_it_and_its_link_ends()
    {
        await using var site = await Site.Open();
        var project = await site.Project(1);
        var (manager, stranger) = (await site.SignedIn(await site.Member(project, Role.Manager)), await site.SignedIn(await site.Member(project)));
        var made = await manager.Ok(HttpMethod.Post, "/api/v1/invitations", new { role = "annotator", projectId = project.Id, email = "ada@example.org" });
        var (id, link) = (made.GetProperty("id").GetString()!, new Uri(made.GetProperty("link").GetString()!).AbsolutePath);
        var ofOwner = (await site.Database.Access.InviteAsync(Role.Owner, null, null, TimeSpan.FromDays(1), null)).Value.Id;

        Assert.Equal(id, (await manager.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/invitations")).GetProperty("items")[0].GetProperty("id").GetString());
        foreach (var (visit, invitation) in new[] { (stranger, id), (manager, ofOwner), (await site.SignedIn(await site.Person(Role.Manager)), ofOwner) })
            Assert.Equal(HttpStatusCode.NotFound, (await visit.Json(HttpMethod.Delete, $"/api/v1/invitations/{invitation}")).StatusCode);
        Assert.Contains("name=\"Form.Password\"", await site.Visit().Page(link));

        Assert.Contains("ada@example.org", await manager.Page($"/projects/{project.Id}/members"));
        Assert.Equal(HttpStatusCode.Redirect, (await manager.Post($"/projects/{project.Id}/members", $"revoke-{id}")).StatusCode);
        Assert.DoesNotContain("ada@example.org", await manager.Page($"/projects/{project.Id}/members"));
        Assert.DoesNotContain("name=\"Form.Password\"", await site.Visit().Page(link));
        Assert.Equal(HttpStatusCode.NotFound, (await manager.Json(HttpMethod.Delete, $"/api/v1/invitations/{id}")).StatusCode); // over already

        var owner = await site.SignedIn(await site.Person(Role.Owner));
        Assert.Equal(HttpStatusCode.NoContent, (await owner.Json(HttpMethod.Delete, $"/api/v1/invitations/{ofOwner}")).StatusCode);
        Assert.Equal(["invitation.revoke", "invitation.revoke"], (await site.Database.Audit.ListAsync(null, new() { Size = 200 })).Items.Select(entry => entry.Act).Where(act => act == "invitation.revoke"));
    }

    [Fact]
    public async Task A_projects_manager_reads_the_log_of_their_own_project_alone()
    {
        await using var site = await Site.Open();
        var (mine, other) = (await site.Project(1), await site.Project(1, "Others"));
        var manager = await site.SignedIn(await site.Member(mine, Role.Manager));
        await manager.Json(HttpMethod.Put, $"/api/v1/projects/{mine.Id}/state", new { state = "paused" });
        var entries = (await manager.Ok(HttpMethod.Get, $"/api/v1/projects/{mine.Id}/audit?size=200")).GetProperty("items").EnumerateArray().ToArray();
        Assert.Contains(entries, entry => entry.GetProperty("act").GetString() == "project.state");
        Assert.All(entries, entry => Assert.Equal(mine.Id, entry.GetProperty("projectId").GetString()));
        Assert.Contains("project.state", await manager.Page($"/projects/{mine.Id}/audit"));
        Assert.Equal(HttpStatusCode.NotFound, (await manager.Get($"/projects/{other.Id}/audit")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await manager.Get($"/api/v1/projects/{other.Id}/audit")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await manager.Get("/api/v1/audit")).StatusCode);
    }

    [Fact]
    public async Task Settings_are_changed_by_fields_and_the_rest_and_everything_wrong_is_said_at_once_with_nothing_lost()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var visit = await site.SignedIn(await site.Member(project, Role.Manager));
        var path = $"/projects/{project.Id}/settings";
        var before = (await site.Database.Projects.FindAsync(project.Id))!.Settings.ToJson();

        using (var refused = await visit.Post(path, "settings", ("Form.Fields[overlap]", "three"), ("Form.Fields[undoMinutes]", "9999"), ("Form.Fields[consentText]", "I <b>agree</b>."), ("Form.Rest", """{"chain":{"rounds":77},"overlap":4}""")))
        {
            var page = WebUtility.HtmlDecode(await refused.Content.ReadAsStringAsync());
            foreach (var said in new[] { "overlap is three", "undoMinutes is 9999", "chain.rounds is 77", "overlap stands in the rest" })
                Assert.Contains(said, page);
            foreach (var typed in new[] { "value=\"three\"", "value=\"9999\"", "I <b>agree</b>.", "{\"rounds\":77}" })
                Assert.Contains(typed, page);
        }
        using (var broken = await visit.Post(path, "settings", ("Form.Fields[openTasks]", "0"), ("Form.Rest", "{\"chain\":")))
        {
            var page = WebUtility.HtmlDecode(await broken.Content.ReadAsStringAsync());
            Assert.Contains("rest cannot be read", page);
            Assert.Contains("openTasks is 0", page);
        }
        Assert.Equal(before, (await site.Database.Projects.FindAsync(project.Id))!.Settings.ToJson());

        using var saved = await visit.Post(path, "settings", ("Form.Fields[kind]", "rate"), ("Form.Fields[overlap]", "2"), ("Form.Fields[maximumOverlap]", "4"), ("Form.Fields[dailyLimit]", ""),
            ("Form.Fields[scale]", "nine"), ("Form.Axes", "overall, kind"), ("Form.ShowModelNames", "true"), ("Form.Rest", """{"chain":{"rounds":7}}"""));
        Assert.Equal(HttpStatusCode.Redirect, saved.StatusCode);
        var now = (await site.Database.Projects.FindAsync(project.Id))!.Settings;
        Assert.Equal((TaskKind.Rate, 2, 4, null, true, 7), (now.Kind, now.Overlap, now.MaximumOverlap, now.DailyLimit, now.ShowModelNames, now.Chain.Rounds));
        Assert.Equal(["overall", "kind"], now.Axes);
        Assert.Contains("\"rounds\": 7", WebUtility.HtmlDecode(await visit.Page(path)));
    }

    [Fact]
    public async Task A_closed_batch_offers_its_delivery_and_one_that_its_terms_forbid_is_not_delivered()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        var batch = await site.Database.Batches.CreateAsync(project.Id, "week 1", "{}", null);
        var path = $"/api/v1/projects/{project.Id}/batches/{batch.Id}";
        using (var added = await manager.Send(HttpMethod.Post, $"{path}/tasks", new ByteArrayContent(Site.Comparisons(1)), Visit.Token(await manager.Page("/"))))
            Assert.Equal(HttpStatusCode.OK, added.StatusCode);
        await manager.Ok(HttpMethod.Post, $"{path}/open", new { });
        var judge = await site.Program(await site.Member(project), "work");
        var token = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task").GetProperty("token").GetString();
        await judge.Ok(HttpMethod.Post, "/api/v1/leases/submit", new { token, answer = new { step = 1, seconds = 1 } });
        await manager.Ok(HttpMethod.Post, $"{path}/close", new { });

        Assert.Contains($"{path}/delivery.zip", await manager.Page($"/projects/{project.Id}/batches"));
        using (var reply = await manager.Get($"{path}/delivery.zip"))
        {
            Assert.Equal(("application/zip", "batch-1.zip"), (reply.Content.Headers.ContentType!.MediaType, reply.Content.Headers.ContentDisposition!.FileName));
            var file = Path.GetTempFileName();
            await File.WriteAllBytesAsync(file, await reply.Content.ReadAsByteArrayAsync());
            Assert.Equal((2, 1), (Delivery.Verify(file).RowsOrdered, Delivery.Verify(file).RowsDelivered));
            File.Delete(file);
        }
        Assert.Equal(HttpStatusCode.BadRequest, (await manager.Get($"{path}/delivery.zip?for=everything")).StatusCode);

        await site.Database.Projects.SetSettingsAsync(project.Id, new() { Terms = new() { Source = "tests", Licence = "none", Consent = "none", Allows = [] } }, null);
        using (var forbidden = await manager.Get($"{path}/delivery.zip"))
        {
            Assert.Equal(HttpStatusCode.BadRequest, forbidden.StatusCode);
            Assert.Contains("train", JsonSerializer.Deserialize<JsonElement>(await forbidden.Content.ReadAsStringAsync()).GetProperty("detail").GetString());
        }
        using (var step = await manager.Json(HttpMethod.Post, $"{path}/deliver", new { reason = "all the same" }))
            Assert.Equal(HttpStatusCode.BadRequest, step.StatusCode);
        Assert.Equal(BatchState.Closed, (await site.Database.Batches.FindAsync(batch.Id))!.State);
        Assert.Equal(HttpStatusCode.BadRequest, (await manager.Get($"/api/v1/projects/{project.Id}/export/data.jsonl")).StatusCode);

        await site.Database.Projects.SetSettingsAsync(project.Id, new() { Terms = new() { Source = "tests", Licence = "CC0", Consent = "given", Allows = [DataUse.Train] } }, null);
        await manager.Ok(HttpMethod.Post, $"{path}/deliver", new { });
        Assert.NotEmpty(await manager.Page($"/api/v1/projects/{project.Id}/export/data.jsonl"));
    }
}
