using System.Net;
using System.Text.Json;
using Attune.Storage.People;

namespace Attune.Web.Tests;

public sealed class WorkApiTests
{
    [Fact]
    public async Task No_task_is_given_before_the_consent_text_is_agreed_to_in_its_version_and_each_project_asks_for_itself()
    {
        await using var site = await Site.Open();
        var (one, two) = (await site.Project(), await site.Project(name: "Shapes"));
        foreach (var project in new[] { one, two })
            await site.Database.Projects.SetSettingsAsync(project.Id, project.Settings with { ConsentText = "I agree." }, null);
        var person = await site.Member(one);
        await site.Database.Projects.SetMemberAsync(two.Id, person.Id, Role.Annotator, null);
        var (program, browser) = (await site.Program(person, "work"), await site.SignedIn(person));
        async Task<string?> Why(string project) => (await program.Ok(HttpMethod.Post, $"/api/v1/projects/{project}/next", new { })).GetProperty("why").GetString();

        Assert.Equal("needs-consent", await Why(one.Id));
        Assert.Equal(HttpStatusCode.Conflict, (await program.Json(HttpMethod.Post, $"/api/v1/projects/{one.Id}/consent", new { version = "2" })).StatusCode);
        Assert.Equal("needs-consent", await Why(one.Id));
        await program.Ok(HttpMethod.Post, $"/api/v1/projects/{one.Id}/consent", new { version = "1" });
        Assert.Null(await Why(one.Id));
        Assert.Equal("needs-consent", await Why(two.Id));
        Assert.Contains("I agree.", await browser.Page($"/work/{two.Id}"));
        Assert.Contains("data-answer", await (await browser.Post($"/work/{two.Id}", "consent")).Content.ReadAsStringAsync());
        Assert.Contains("data-answer", await browser.Page($"/work/{one.Id}")); // agreeing there took nothing back here
        await site.Database.Projects.SetSettingsAsync(one.Id, (await site.Database.Projects.FindAsync(one.Id))!.Settings with { ConsentVersion = "2" }, null);
        Assert.Equal("needs-consent", await Why(one.Id));
        Assert.Equal(2, (await site.Database.Audit.ListAsync(null, new() { Size = 200 })).Items.Count(entry => entry.Act == "person.consent"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_task_is_taken_kept_answered_once_taken_back_and_answered_anew(bool byKey)
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        var person = await site.Member(project);
        var visit = byKey ? await site.Program(person, "work") : await site.SignedIn(person);
        var next = await visit.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { });
        var (lease, token) = (next.GetProperty("task").GetProperty("leaseId").GetString()!, Token(next));
        Assert.DoesNotContain("\"one\"", next.GetRawText()); // which model wrote what is not told

        site.Clock.Advance(TimeSpan.FromMinutes(20));
        var until = (await visit.Ok(HttpMethod.Post, "/api/v1/leases/heartbeat", new { token })).GetProperty("expiresAt").GetDateTimeOffset();
        Assert.Equal(site.Clock.GetUtcNow() + TimeSpan.FromMinutes(30), until);

        await visit.Ok(HttpMethod.Put, $"/api/v1/leases/{lease}/draft", new { content = "{\"step\":1}" });
        Assert.Equal("{\"step\":1}", (await visit.Ok(HttpMethod.Get, $"/api/v1/leases/{lease}/draft")).GetProperty("content").GetString());

        var first = await visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", Answer(token, 2));
        var again = await visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", Answer(token, 2));
        Assert.Equal(first.GetProperty("judgmentId").GetString(), again.GetProperty("judgmentId").GetString());
        Assert.Equal((false, true), (first.GetProperty("repeat").GetBoolean(), again.GetProperty("repeat").GetBoolean()));
        await Refused(visit, HttpStatusCode.Conflict, "/api/v1/leases/submit", Answer(token, 7));
        Assert.Single(await site.Database.Judgments.ReadAsync(project.Id, new()));

        var undone = await visit.Ok(HttpMethod.Post, $"/api/v1/leases/{lease}/undo", new { });
        Assert.Equal(token, Token(undone));
        await visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", Answer(token, 7));
        var counts = Assert.Single(await site.Database.Judgments.ReadAsync(project.Id, new(InForce: true)));
        Assert.Equal(7, counts.Step);
        Assert.Equal(person.Pseudonym, counts.AnnotatorId);

        site.Clock.Advance(TimeSpan.FromMinutes(11));
        await Refused(visit, HttpStatusCode.Conflict, $"/api/v1/leases/{lease}/undo", new { });
        var other = Token(await visit.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { }));
        await visit.Ok(HttpMethod.Post, "/api/v1/leases/release", new { token = other, reason = "skip" });
        Assert.Equal(HttpStatusCode.Gone, (await visit.Json(HttpMethod.Post, "/api/v1/leases/release", new { token = other })).StatusCode);
        Assert.Equal(1, (await site.Database.Tasks.ProgressAsync(project.Id)).Accepted);
    }

    [Fact]
    public async Task Tokens_that_are_nobodys_or_somebody_elses_are_not_found()
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        var mine = await site.SignedIn(await site.Member(project));
        var theirs = await site.SignedIn(await site.Member(project));
        var next = await theirs.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { });
        foreach (var token in new[] { "nobodys", Token(next) })
        {
            await Refused(mine, HttpStatusCode.NotFound, "/api/v1/leases/submit", Answer(token, 2));
            await Refused(mine, HttpStatusCode.NotFound, "/api/v1/leases/heartbeat", new { token });
            await Refused(mine, HttpStatusCode.NotFound, "/api/v1/leases/release", new { token });
        }
        var lease = next.GetProperty("task").GetProperty("leaseId").GetString();
        await Refused(mine, HttpStatusCode.NotFound, $"/api/v1/leases/{lease}/undo", new { });
        Assert.Equal(HttpStatusCode.NotFound, (await mine.Get($"/api/v1/leases/{lease}/draft")).StatusCode);
        Assert.Empty(await site.Database.Judgments.ReadAsync(project.Id, new()));
    }

    [Theory]
    [InlineData("{", 400)]
    [InlineData("[]", 400)]
    [InlineData("", 400)]
    [InlineData("{\"token\":\"TOKEN\",\"answer\":{\"step\":\"two\"}}", 400)]
    [InlineData("{\"token\":\"TOKEN\",\"answer\":{}}", 422)]
    [InlineData("{\"token\":\"TOKEN\",\"answer\":{\"step\":9}}", 422)]
    [InlineData("{\"token\":\"TOKEN\",\"answer\":{\"step\":2,\"bothBad\":true}}", 422)]
    [InlineData("{\"token\":\"TOKEN\",\"answer\":{\"ranks\":[1,2]}}", 422)]
    [InlineData("{\"token\":\"TOKEN\",\"answer\":{\"step\":2,\"notes\":[\"a\"]}}", 422)]
    public async Task Bad_answers_are_problem_details_and_change_nothing(string body, int status)
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        var visit = await site.Program(await site.Member(project), "work");
        var token = Token(await visit.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { }));
        using var reply = await visit.Json(HttpMethod.Post, "/api/v1/leases/submit", raw: body.Replace("TOKEN", token));
        await Details(reply, status);
        Assert.Empty(await site.Database.Judgments.ReadAsync(project.Id, new()));
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused()
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        var visit = await site.Program(await site.Member(project), "work");
        using var reply = await visit.Json(HttpMethod.Post, "/api/v1/leases/submit", raw: $"{{\"token\":\"{new string('x', (int)WebServer.LargestBody)}\"}}");
        await Details(reply, 413);
    }

    [Fact]
    public async Task A_session_without_a_pages_token_changes_nothing()
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        var person = await site.Member(project);
        var visit = await site.SignedIn(person);
        using var forged = await visit.Send(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", System.Net.Http.Json.JsonContent.Create(new { }));
        await Details(forged, 400);
        Assert.Empty(await site.Database.Leases.RecentAsync(project.Id, person.Id, 10));
        var someoneElses = Visit.Token(await (await site.SignedIn(await site.Person())).Page("/"));
        using var borrowed = await visit.Send(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", System.Net.Http.Json.JsonContent.Create(new { }), someoneElses);
        await Details(borrowed, 400);
        using var form = await site.Visit().Send(HttpMethod.Post, "/sign-in", new FormUrlEncodedContent([new("_handler", "sign-in"), new("Form.Email", "a@b"), new("Form.Password", "x")]));
        Assert.Equal(HttpStatusCode.BadRequest, form.StatusCode);
    }

    [Fact]
    public async Task Too_many_requests_are_told_to_wait()
    {
        await using var site = await Site.Open(new() { RequestsPerMinute = 5 });
        var visit = site.Visit();
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 12; i++)
            statuses.Add((await visit.Get("/sign-in")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, statuses[0]);
        Assert.Contains(HttpStatusCode.TooManyRequests, statuses);
    }

    private static object Answer(string token, int step) => new { token, answer = new { step, seconds = 3.5, activeSeconds = 2.0 } };

    private static string Token(JsonElement next) => next.GetProperty("task").GetProperty("token").GetString()!;

    private static async Task Refused(Visit visit, HttpStatusCode status, string path, object body)
    {
        using var reply = await visit.Json(HttpMethod.Post, path, body);
        Assert.Equal(status, reply.StatusCode);
    }

    private static async Task Details(HttpResponseMessage reply, int status)
    {
        Assert.Equal(status, (int)reply.StatusCode);
        Assert.Equal("application/problem+json", reply.Content.Headers.ContentType?.MediaType);
        var problem = JsonSerializer.Deserialize<JsonElement>(await reply.Content.ReadAsStringAsync());
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.NotEqual("", problem.GetProperty("title").GetString());
    }
}
