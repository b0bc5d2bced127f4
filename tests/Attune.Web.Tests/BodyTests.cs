using System.Net;
using System.Text;
using System.Text.Json;
using Attune.Storage.People;
using Attune.Storage.Work;

namespace Attune.Web.Tests;

/// <summary>Bodies that are wrong, and what is said of them.</summary>
public sealed class BodyTests
{
    [Theory]
    [InlineData("POST", "/api/v1/projects", """{"name":"A","setings":{}}""", 400, "'setings'")]
    [InlineData("POST", "/api/v1/projects", """{"settings":{}}""", 400, "lacks 'name'")]
    [InlineData("POST", "/api/v1/projects", """{"name":null}""", 400, "$.name")]
    [InlineData("POST", "/api/v1/projects", """{"name":"A","name":"B"}""", 400, "$.name")]
    [InlineData("POST", "/api/v1/projects", """{"name":"a\u0000b"}""", 400, "$.name")]
    [InlineData("POST", "/api/v1/projects", """{"name":"A" """, 400, "line 1")]
    [InlineData("POST", "/api/v1/projects", "[]", 400, "cannot be read")]
    [InlineData("POST", "/api/v1/projects", "", 400, "body")]
    [InlineData("POST", "/api/v1/invitations", """{"role":0}""", 400, "$.role")]
    [InlineData("POST", "/api/v1/invitations", """{"role":"king"}""", 400, "$.role")]
    [InlineData("POST", "/api/v1/keys", """{"name":"k","scopes":["read"],"forever":true}""", 400, "'forever'")]
    [InlineData("POST", "/api/v1/leases/submit", """{"token":"x","answer":{"step":1,"stepp":2}}""", 400, "'stepp'")]
    [InlineData("POST", "/api/v1/leases/heartbeat", "{}", 400, "lacks 'token'")]
    [InlineData("POST", "/api/v1/leases/heartbeat", """{"token":null}""", 400, "$.token")]
    [InlineData("POST", "/api/v1/leases/submit", """{"token":"x","answer":{"ranks":[1,"x"]}}""", 400, "$.answer.ranks[1]")]
    [InlineData("POST", "/api/v1/projects/{project}/next", """{"known":[],"mode":"fast"}""", 400, "'mode'")]
    [InlineData("PUT", "/api/v1/projects/{project}/settings", """{"overlap":2,"chain":{"verifers":1}}""", 400, "verifers")]
    [InlineData("GET", "/api/v1/projects?size=many", null, 400, "size")]
    [InlineData("GET", "/api/v1/projects/{project}/tasks?state=lost", null, 400, "state")]
    public async Task What_is_wrong_with_a_request_is_named(string method, string path, string? body, int status, string says)
    {
        await using var site = await Site.Open();
        var project = await site.Project(1);
        var visit = await site.SignedIn(await site.Person(Role.Owner));
        using var reply = await visit.Json(new(method), path.Replace("{project}", project.Id, StringComparison.Ordinal), raw: body);
        var text = await reply.Content.ReadAsStringAsync();
        Assert.Equal((status, "application/problem+json"), ((int)reply.StatusCode, reply.Content.Headers.ContentType?.MediaType));
        var problem = JsonSerializer.Deserialize<JsonElement>(text);
        Assert.Contains(says, problem.GetProperty("detail").GetString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Attune.", text); // no names of the program's types
    }

    [Fact]
    public async Task Deep_invalid_and_huge_bodies_are_refused_and_the_server_goes_on()
    {
        await using var site = await Site.Open();
        var project = await site.Project(1);
        var owner = await site.Person(Role.Owner);
        var program = await site.Program(owner, "read", "write", "work");
        var deep = new string('[', 400_000);
        byte[] invalid = [.. "{\"name\":\""u8, 0xC3, 0x28, .. "\"}"u8];
        foreach (var (path, body, status) in new (string, byte[], HttpStatusCode)[]
        {
            ("/api/v1/projects", Encoding.UTF8.GetBytes(deep), HttpStatusCode.BadRequest),
            ("/api/v1/projects", invalid, HttpStatusCode.BadRequest),
            ("/api/v1/projects", new byte[WebServer.LargestBody + 1], HttpStatusCode.RequestEntityTooLarge),
            ($"/api/v1/projects/{project.Id}/tasks", Encoding.UTF8.GetBytes(deep), HttpStatusCode.BadRequest),
            ($"/api/v1/projects/{project.Id}/tasks", [.. "{\"id\":\"a\",\"prompt\":\""u8, 0xC3, 0x28, .. "\",\"answers\":[]}"u8], HttpStatusCode.BadRequest),
            ($"/api/v1/projects/{project.Id}/golden", Encoding.UTF8.GetBytes(deep), HttpStatusCode.BadRequest),
            ($"/api/v1/projects/{project.Id}/import?shape=trl&terms=unknown", Encoding.UTF8.GetBytes(deep), HttpStatusCode.BadRequest),
            ($"/api/v1/projects/{project.Id}/rules", JsonSerializer.SerializeToUtf8Bytes(new { yaml = $"rules: {deep}" }), HttpStatusCode.BadRequest),
        })
        {
            var content = new ByteArrayContent(body);
            content.Headers.ContentType = new("application/json");
            using var reply = await program.Send(HttpMethod.Post, path, content);
            Assert.True(status == reply.StatusCode, $"{path}: {(int)reply.StatusCode} {await reply.Content.ReadAsStringAsync()}");
        }
        await program.Ok(HttpMethod.Get, "/api/v1/me");
        Assert.Equal(1, (await site.Database.Tasks.ProgressAsync(project.Id)).Tasks);
    }

    [Fact]
    public async Task An_answer_with_holes_is_refused_and_not_a_fault_of_the_server()
    {
        await using var site = await Site.Open();
        var project = await site.Project(1);
        var program = await site.Program(await site.Member(project), "work");
        var token = (await program.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task").GetProperty("token").GetString();
        foreach (var answer in new[] { """{"step":1,"notes":[null,null]}""", """{"step":1,"flags":[null]}""", """{"step":1,"ratings":[null]}""", """{"step":1,"seconds":-1}""", """{"answers":{"a":null}}""" })
        {
            using var reply = await program.Json(HttpMethod.Post, "/api/v1/leases/submit", raw: $$"""{"token":"{{token}}","answer":{{answer}}}""");
            Assert.True(reply.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity, $"{answer}: {(int)reply.StatusCode}");
        }
        Assert.Empty(await site.Database.Judgments.ReadAsync(project.Id, new()));
    }

    // Everything that can be wrong with an answer, by kind of task; the settings are those of the task below.
    public static TheoryData<TaskKind, string> WrongAnswers => new()
    {
        { TaskKind.Pair, """{"step":9}""" }, { TaskKind.Pair, "{}" }, { TaskKind.Pair, """{"step":1,"bothBad":true}""" }, { TaskKind.Pair, """{"best":1}""" }, { TaskKind.Pair, """{"step":1,"notes":["a"]}""" },
        { TaskKind.Pair, """{"step":1,"text":"a"}""" }, { TaskKind.Pair, """{"step":1,"answers":{"a":"b"}}""" }, { TaskKind.Pair, """{"step":1,"spans":[]}""" }, { TaskKind.Pair, """{"step":1,"flags":[""]}""" },
        { TaskKind.Pair, """{"step":1,"flags":[null]}""" }, { TaskKind.Pair, """{"step":1,"seconds":-1}""" }, { TaskKind.Pair, """{"step":1,"seconds":1,"activeSeconds":2}""" },
        { TaskKind.Rank, """{"ranks":[1]}""" }, { TaskKind.Rank, """{"ranks":[1,3]}""" }, { TaskKind.Rank, """{"ranks":[0,1]}""" }, { TaskKind.Rank, """{"ranks":[-1,1]}""" },
        { TaskKind.Best, """{"best":2}""" }, { TaskKind.Rate, """{"ratings":[{"axis":"overall","value":8,"steps":7,"answer":0}]}""" }, { TaskKind.Rate, """{"ratings":[{"axis":"overall","value":1,"steps":7,"answer":5}]}""" },
        { TaskKind.Question, "{}" }, { TaskKind.Question, """{"answers":{"q":"maybe"}}""" }, { TaskKind.Question, """{"answers":{"z":"yes"}}""" }, { TaskKind.Question, """{"answers":{"q":"yes","z":"yes"}}""" }, { TaskKind.Question, """{"step":1}""" },
        { TaskKind.Verify, """{"answers":{"accept":"no"}}""" }, { TaskKind.Write, "{}" }, { TaskKind.Write, """{"cannotJudge":true}""" },
        { TaskKind.Spans, "{}" }, { TaskKind.Spans, """{"spans":[{"answer":3,"start":0,"length":1,"category":"false","severity":1}]}""" }, { TaskKind.Spans, """{"spans":[{"answer":0,"start":0,"length":99,"category":"false","severity":1}]}""" },
        { TaskKind.Spans, """{"spans":[{"answer":0,"start":0,"length":1,"category":"false","severity":1}]}""" }, { TaskKind.Spans, """{"spans":[{"answer":0,"start":0,"length":2,"category":"x","severity":1}]}""" },
        { TaskKind.Spans, """{"spans":[{"answer":0,"start":0,"length":2,"category":"false"}]}""" }, { TaskKind.Spans, """{"spans":[],"answers":{"trust#0/1":"trustworthy"}}""" },
    };

    [Theory]
    [MemberData(nameof(WrongAnswers))]
    public async Task What_is_wrong_with_an_answer_is_said_in_the_language_of_who_gave_it(TaskKind kind, string answer)
    {
        const string Two = "\"prompt\":\"p\",\"answers\":[{\"source\":\"a\",\"text\":\"👩 one\"},{\"source\":\"b\",\"text\":\"two\"}]";
        var task = kind switch
        {
            TaskKind.Question => """{"kind":"question","id":"t","prompt":"p","questions":[{"id":"q","text":"Good?","type":"yes-no"}]}""",
            TaskKind.Verify => """{"kind":"verify","id":"t","prompt":"p","text":"a text","round":0}""",
            TaskKind.Write => """{"kind":"write","id":"t","prompt":"p"}""",
            TaskKind.Spans => """{"kind":"spans","id":"t","prompt":"p","answers":[{"text":"👩 one"}]}""",
            _ => $$"""{"kind":"{{kind.ToString().ToLowerInvariant()}}","id":"t",{{Two}}}""",
        };
        await using var site = await Site.Open();
        var project = await site.Database.Projects.CreateAsync("Answers", new() { Kind = kind, Overlap = 1, MaximumOverlap = 1 }, null);
        await Web.Work.TaskImport.Parse("t", Encoding.UTF8.GetBytes(task)).AddAsync(site.Database, project, null, default);
        var program = await site.Program(await site.Member(project), "work");
        var token = (await program.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task").GetProperty("token").GetString();
        var said = new List<string>();
        foreach (var language in new[] { "en", "de" })
        {
            program.Language = language;
            using var reply = await program.Json(HttpMethod.Post, "/api/v1/leases/submit", raw: $$"""{"token":"{{token}}","answer":{{answer}}}""");
            var problem = JsonSerializer.Deserialize<JsonElement>(await reply.Content.ReadAsStringAsync());
            Assert.Equal((HttpStatusCode.UnprocessableEntity, "answer"), (reply.StatusCode, problem.GetProperty("code").GetString()));
            said.Add(problem.GetProperty("detail").GetString()!);
        }
        Assert.StartsWith("The answer ", said[0]);
        Assert.StartsWith("Die Antwort ", said[1]);
        Assert.DoesNotMatch(@"\b(has|expected|the|is|says|marks|with|leave)\b", said[1]);
        Assert.DoesNotMatch(@"\{\d\}", said[0] + said[1]);
        Assert.Empty(await site.Database.Judgments.ReadAsync(project.Id, new()));
    }

    [Fact]
    public async Task Problems_that_pages_show_are_in_the_language_of_who_reads_them()
    {
        await using var site = await Site.Open();
        var project = await site.Database.Projects.CreateAsync("Texts", new() { Kind = TaskKind.Write, Overlap = 1, MaximumOverlap = 1, Chain = new() { MinimumCharacters = 40 } }, null);
        await site.Database.Tasks.AddAsync(project.Id, [new() { Payload = """{"prompt":"Write a haiku."}""", Choices = 0, Kind = TaskKind.Write }], null);
        var program = await site.Program(await site.Member(project), "work");
        var token = (await program.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task").GetProperty("token").GetString();
        foreach (var (language, says) in new[] { ("de", "Der Text hat 5 Zeichen, erwartet werden mindestens 40; schreib mehr."), (null, "The answer has 5 characters, expected at least 40; write more.") })
        {
            program.Language = language;
            using var reply = await program.Json(HttpMethod.Post, "/api/v1/leases/submit", new { token, answer = new { text = "Rain.", seconds = 1 } });
            var problem = JsonSerializer.Deserialize<JsonElement>(await reply.Content.ReadAsStringAsync());
            Assert.Equal((HttpStatusCode.UnprocessableEntity, says, "text-short"), (reply.StatusCode, problem.GetProperty("detail").GetString(), problem.GetProperty("code").GetString()));
        }
    }
}
