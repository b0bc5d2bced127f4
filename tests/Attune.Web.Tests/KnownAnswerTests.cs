using System.Net;
using System.Text.Json;
using Attune.Feedback.Quality;
using Attune.Storage.People;
using Attune.Storage.Work;
using Microsoft.Extensions.DependencyInjection;

namespace Attune.Web.Tests;

/// <summary>Golden and training tasks of every kind that has a right answer, over HTTP; what pages count of typing.</summary>
public sealed class KnownAnswerTests
{
    private const string Kinds =
        """
        {"id":"pair","prompt":"Name a colour.","answers":[{"source":"m","text":"red"},{"source":"n","text":"seven"}],"expected":{"best":0,"strength":4,"tolerance":1}}
        {"id":"tie","prompt":"Name a colour.","answers":[{"source":"m","text":"red"},{"source":"n","text":"red!"}],"expected":{"best":1}}
        {"kind":"rank","id":"rank","prompt":"Name a colour.","answers":[{"source":"m","text":"red"},{"source":"n","text":"seven"},{"source":"o","text":""}],"expected":{"ranks":[1,2,3]}}
        {"kind":"best","id":"best","prompt":"Name a colour.","answers":[{"source":"m","text":"red"},{"source":"n","text":"seven"},{"source":"o","text":"six"}],"expected":{"best":0}}
        {"kind":"rate","id":"rate","prompt":"Name a colour.","answers":[{"source":"m","text":"red"}],"expected":{"ratings":[{"axis":"overall","value":6}],"tolerance":1}}
        {"kind":"question","id":"question","questions":[{"id":"good","text":"Is red a colour?","type":"yes-no"}],"expected":{"answer":"yes"}}
        {"kind":"verify","id":"verify","prompt":"Name a colour.","text":"Seven.","expected":{"answers":{"accept":"no"}}}
        {"kind":"review","id":"review","thread":[{"role":"prompter","text":"Buy this!"}],"expected":{"answers":{"spam":"yes"}}}
        """;

    private const string Questions =
        """{"kind":"question","id":"t","prompt":"Think of *colours*.","questions":[{"id":"best","text":"Which is one?","type":"choice","options":[{"id":"r","text":"Red <b>"},{"id":"s","text":"Seven"}]}],"expected":{"answer":"r","why":"Seven is a number."}}""";

    [Fact]
    public async Task Golden_tasks_of_every_kind_are_given_silently_and_measured_by_what_they_expect()
    {
        await using var site = await Site.Open();
        var project = await Golden(site);
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        Assert.Equal(8, (await Added(manager, project, Kinds)).GetProperty("added").GetInt32());
        Assert.Equal(0, (await Added(manager, project, Kinds)).GetProperty("added").GetInt32());
        var person = await site.Member(project);
        var judge = await site.SignedIn(person);

        for (var i = 0; i < 8; i++)
        {
            var next = await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { });
            Assert.DoesNotContain("expected", next.GetRawText(), StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("olden", await judge.Page($"/work/{project.Id}"), StringComparison.Ordinal);
            await Submit(judge, next.GetProperty("task"), Right(next.GetProperty("task")));
        }

        var measured = QualityHistory.Of(await site.Database.Quality.InputAsync(project.Id)).Measure(person.Pseudonym, Measure.GoldenAccuracy);
        Assert.Equal((0.8, 8), (measured.Value, measured.Count)); // all but "tie", which expects the other one: (7 + 1)/(8 + 2)
        Assert.Equal(7, (await site.Database.Quality.GoldenAsync(project.Id)).Count(golden => golden.Task.SubjectId != "tie" && golden.Task.Accepted == 1));
    }

    [Theory]
    [InlineData("""{"id":"x","prompt":"p","answers":[{"source":"m","text":"a"},{"source":"m","text":"b"}]}""", "has no expected")]
    [InlineData("""{"kind":"rate","id":"x","prompt":"p","answers":[{"source":"m","text":"a"}],"expected":{"ratings":[{"axis":"beauty","value":3}]}}""", "but the project asks for overall (1 to 7)")]
    [InlineData("""{"kind":"rate","id":"x","prompt":"p","answers":[{"source":"m","text":"a"}],"expected":{"ratings":[{"axis":"overall","value":8}]}}""", "expects 8 on 'overall'")]
    [InlineData("""{"kind":"rate","id":"x","prompt":"p","answers":[{"source":"m","text":"a"}],"expected":{"answers":{"spam":"no"}}}""", "the project asks for no labels")]
    [InlineData("""{"kind":"write","id":"x","prompt":"p","expected":{"answer":"so"}}""", "no one answer of a write is right")]
    [InlineData("""{"kind":"question","id":"x","questions":[{"id":"good","text":"?","type":"yes-no"}],"expected":{"answer":"maybe"}}""", "expected yes, no")]
    [InlineData("""{"kind":"question","id":"x","questions":[{"id":"good","text":"?","type":"yes-no"}],"expected":{"good":"yes"}}""", "does not read")]
    [InlineData("""{"id":"x","prompt":"\ud800","answers":[{"source":"m","text":"a"},{"source":"m","text":"b"}],"expected":{"best":0}}""", "line 2")]
    public async Task What_cannot_be_answered_so_is_refused_and_nothing_is_added(string line, string why)
    {
        await using var site = await Site.Open();
        var project = await Golden(site);
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        using var reply = await manager.Json(HttpMethod.Post, $"/api/v1/projects/{project.Id}/golden", raw: Questions + "\n" + line);
        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        Assert.Contains(why, JsonSerializer.Deserialize<JsonElement>(await reply.Content.ReadAsStringAsync()).GetProperty("detail").GetString() + await reply.Content.ReadAsStringAsync());
        Assert.Empty(await site.Database.Quality.GoldenAsync(project.Id));
    }

    [Fact]
    public async Task A_question_may_train_and_qualify()
    {
        await using var site = await Site.Open();
        var project = await Golden(site, new() { Qualification = new() { Tasks = 1, PassMark = 1, Attempts = 1, Skill = "colours" } });
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        await Added(manager, project, Questions, "?training=true");
        await Added(manager, project, Questions.Replace("\"t\"", "\"g\"", StringComparison.Ordinal));
        var person = await site.Member(project);
        var judge = await site.SignedIn(person);

        var task = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");
        await Submit(judge, task, new { answers = new { best = "s" }, seconds = 1 });
        var feedback = await judge.Ok(HttpMethod.Get, $"/api/v1/leases/{task.GetProperty("leaseId").GetString()}/feedback");
        Assert.False(feedback.GetProperty("isRight").GetBoolean());
        Assert.Equal(("Which is one?", "Seven", "Red <b>"), (Part("what"), Part("yours"), Part("expected")));
        var page = await judge.Page($"/work/{project.Id}");
        foreach (var shown in new[] { "Not what was expected", "Think of <em>colours</em>", "Which is one?", "Red &lt;b&gt;", "Seven is a number." })
            Assert.Contains(shown, page);
        await judge.Post($"/work/{project.Id}", "feedback");

        task = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");
        await Submit(judge, task, new { answers = new { best = "r" }, seconds = 1 });
        Assert.Equal(("colours", 100.0), (Assert.Single(await site.Database.People.SkillsAsync(person.Id)).Skill, (await site.Database.People.SkillsAsync(person.Id))[0].Level));

        string? Part(string key) => Assert.Single(feedback.GetProperty("parts").EnumerateArray()).GetProperty(key).GetString();
    }

    [Fact]
    public async Task Rankings_ratings_and_strengths_are_told_part_by_part()
    {
        await using var site = await Site.Open();
        var project = await Golden(site, new() { Qualification = new() { Tasks = 1, PassMark = 1, Attempts = 1 } });
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        await Added(manager, project, Kinds, "?training=true");
        var judge = await site.SignedIn(await site.Member(project));
        var seen = new List<string>();
        for (var i = 0; i < 8; i++)
        {
            var task = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");
            await Submit(judge, task, Right(task));
            var feedback = await judge.Ok(HttpMethod.Get, $"/api/v1/leases/{task.GetProperty("leaseId").GetString()}/feedback");
            var isTie = feedback.GetProperty("answers").EnumerateArray().Any(answer => answer.GetProperty("text").GetString() == "red!");
            Assert.Equal(!isTie, feedback.GetProperty("isRight").GetBoolean());
            seen.AddRange(feedback.GetProperty("parts").EnumerateArray().Select(part => $"{part.GetProperty("id").GetString()} {part.GetProperty("yours").GetString()} {part.GetProperty("expected").GetString()}"));
            Assert.Contains(isTie ? "Not what was expected" : "Right", await judge.Page($"/work/{project.Id}"));
            await judge.Post($"/work/{project.Id}", "feedback");
        }
        Assert.Equal(["accept no no", "good yes yes", "overall 5 5–7", "rank 1 1", "rank 2 2", "rank 3 3", "spam yes yes", "strength 4 3–4"], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Golden_tasks_that_good_annotators_get_wrong_are_retired_by_themselves()
    {
        await using var site = await Site.Open();
        var project = await Golden(site);
        var lines = string.Join('\n', Enumerable.Range(0, 7).Select(i => $$$"""{"kind":"question","id":"g{{{i}}}","questions":[{"id":"good","text":"?","type":"yes-no"}],"expected":{"answer":"{{{(i == 3 ? "no" : "yes")}}}"}}"""));
        await Added(await site.SignedIn(await site.Member(project, Role.Manager)), project, lines);
        for (var i = 0; i < 5; i++)
        {
            var judge = await site.Program(await site.Member(project), "work");
            for (var n = 0; n < 7; n++)
                await Submit(judge, (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task"), new { answers = new { good = "yes" }, seconds = 1 });
        }

        await site.Services.GetRequiredService<Work.QualityService>().RunAsync((await site.Database.Projects.FindAsync(project.Id))!, default);

        var golden = await site.Database.Quality.GoldenAsync(project.Id);
        Assert.Equal("g3", Assert.Single(golden, one => one.Task.State == TaskState.Withdrawn).Task.SubjectId);
        Assert.Contains((await site.Database.Audit.ListAsync(project.Id, new() { Size = 200 })).Items, entry => entry.Act == "task.withdraw" && entry.ActorId is null);
    }

    [Fact]
    public async Task Counts_of_typing_are_kept_with_the_judgment_and_measured()
    {
        await using var site = await Site.Open();
        var project = await QuestionTests.Questions(site, """{"kind":"write","id":"w","prompt":"Say in your own words why the sky over the sea is blue."}""");
        var person = await site.Member(project);
        var judge = await site.Program(person, "work");
        var task = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");
        using var refused = await judge.Json(HttpMethod.Post, "/api/v1/leases/submit", new { token = task.GetProperty("token").GetString(), answer = new { text = "It is the sky.", typedCharacters = -1, seconds = 1 } });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);

        await Submit(judge, task, new { text = "why the sky over the sea is blue", typedCharacters = 8, pastedCharacters = 24, seconds = 1 });

        var history = QualityHistory.Of(await site.Database.Quality.InputAsync(project.Id), new() { Text = new() { CopiedWords = 4 } });
        Assert.Equal(0.75, history.Measure(person.Pseudonym, Measure.PastedShare).Value);
        Assert.Equal(1, history.Measure(person.Pseudonym, Measure.CopiedShare).Value); // all of it stands in the prompt
    }

    [Fact]
    public async Task What_a_rule_rejected_is_in_no_export_until_an_appeal_overturns_it()
    {
        await using var site = await Site.Open();
        var project = await site.Project(2);
        var judge = await site.Program(await site.Member(project), "work");
        for (var i = 0; i < 2; i++)
            await Submit(judge, (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task"), new { step = 1, seconds = 1 });
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        Assert.Equal(2, await Rows("trl"));
        const string Reject = "rules: [{name: busy, when: [{measure: judgments, atLeast: 2}], then: [{do: reject, message: 'Too fast.'}]}]";
        await site.Database.Rules.SwitchAsync(project.Id, await site.Database.Rules.AddAsync(project.Id, Reject, null), null);
        Assert.Equal(1, await site.Database.Rules.RunAsync(project.Id));

        Assert.Equal((0, 0, 0), (await Rows("trl"), await Rows("attune&aggregation=raw"), await Rows("openai-summaries")));
        Assert.True(await site.Database.Notices.OverturnAsync(project.Id, Assert.Single(await site.Database.Rules.FiringsAsync(project.Id)).Firing.Id, "They were read.", null));
        Assert.Equal(2, await Rows("trl"));

        async Task<int> Rows(string shape) => (await manager.Page($"/api/v1/projects/{project.Id}/export/data.jsonl?shape={shape}")).Count(c => c == '\n');
    }

    [Fact]
    public async Task A_task_given_back_counts_as_skipped_unless_it_was_reported()
    {
        await using var site = await Site.Open();
        var project = await site.Project(3);
        var person = await site.Member(project);
        var judge = await site.Program(person, "work");
        foreach (var reason in new[] { null, "too long", "broken: no image" })
        {
            var token = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task").GetProperty("token").GetString();
            await judge.Json(HttpMethod.Post, "/api/v1/leases/release", new { token, reason });
        }
        Assert.Equal(2, (await site.Database.Quality.InputAsync(project.Id)).Skips.Count);
    }

    [Fact]
    public async Task What_is_reported_as_broken_is_listed_for_who_runs_the_project_and_taken_out_there()
    {
        await using var site = await Site.Open();
        var project = await site.Project(2);
        var person = await site.Member(project);
        var judge = await site.SignedIn(person);
        foreach (var reason in new[] { "broken: <b>no</b> answer", "broken", "skip" })
        {
            if ((await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task") is { ValueKind: JsonValueKind.Object } task)
                await judge.Json(HttpMethod.Post, "/api/v1/leases/release", new { token = task.GetProperty("token").GetString(), reason });
        }
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        var path = $"/api/v1/projects/{project.Id}/reports";
        var reports = (await manager.Ok(HttpMethod.Get, path)).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["<b>no</b> answer", ""], reports.Select(report => report.GetProperty("text").GetString()));
        Assert.All(reports, report => Assert.Equal((person.Pseudonym, "open"), (report.GetProperty("annotatorId").GetString(), report.GetProperty("state").GetString())));
        Assert.Single((await manager.Ok(HttpMethod.Get, $"{path}?size=1")).GetProperty("items").EnumerateArray());
        Assert.Contains("&lt;b&gt;no&lt;/b&gt; answer", await manager.Page($"/projects/{project.Id}/reports"));
        Assert.Equal(HttpStatusCode.Forbidden, (await judge.Get(path)).StatusCode);

        await manager.Post($"/projects/{project.Id}/reports", $"withdraw-{reports[0].GetProperty("leaseId").GetString()}");

        Assert.Equal(TaskState.Withdrawn, (await site.Database.Tasks.FindAsync(reports[0].GetProperty("taskId").GetString()!))!.State);
        Assert.Single((await manager.Ok(HttpMethod.Get, $"{path}?open=true")).GetProperty("items").EnumerateArray());
        Assert.Equal(2, (await manager.Ok(HttpMethod.Get, path)).GetProperty("items").GetArrayLength());
        Assert.DoesNotContain("answer</td>", await manager.Page($"/projects/{project.Id}/reports"));
    }

    [Fact]
    public async Task A_task_that_two_people_report_waits_on_the_reports_page_until_it_is_given_out_again()
    {
        await using var site = await Site.Open();
        var project = await site.Project(1);
        foreach (var judge in new[] { await site.SignedIn(await site.Member(project)), await site.SignedIn(await site.Member(project)) })
        {
            var task = (await judge.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");
            await judge.Json(HttpMethod.Post, "/api/v1/leases/release", new { token = task.GetProperty("token").GetString(), reason = "broken: no image" });
        }
        var third = await site.SignedIn(await site.Member(project));
        Assert.Equal("no-task", (await third.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("why").GetString());
        var manager = await site.SignedIn(await site.Member(project, Role.Manager));
        var page = $"/projects/{project.Id}/reports";
        Assert.Contains("waits for a decision", await manager.Page(page));
        Assert.Contains("Tasks that wait for a decision", await manager.Page($"/projects/{project.Id}/dashboard"));
        var report = (await manager.Ok(HttpMethod.Get, $"/api/v1{page}?open=true")).GetProperty("items")[0];
        Assert.Equal("waiting", report.GetProperty("state").GetString());

        await manager.Post(page, $"return-{report.GetProperty("leaseId").GetString()}");

        Assert.DoesNotContain("waits for a decision", await manager.Page(page));
        Assert.Empty((await manager.Ok(HttpMethod.Get, $"/api/v1{page}?open=true")).GetProperty("items").EnumerateArray());
        Assert.Equal(2, (await manager.Ok(HttpMethod.Get, $"/api/v1{page}")).GetProperty("items").GetArrayLength());
        Assert.Equal(JsonValueKind.Object, (await third.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task").ValueKind);
    }

    private static async Task<Project> Golden(Site site, QualitySettings? quality = null) =>
        await site.Database.Projects.CreateAsync("Known", new() { Overlap = 1, MaximumOverlap = 1, Quality = quality ?? new() { Golden = new() { Start = 1, Floor = 1 } } }, null, seed: 7);

    /// <summary>An answer by what is written: red is best, seven comes next.</summary>
    private static object Right(JsonElement task)
    {
        var texts = task.GetProperty("answers").EnumerateArray().Select(answer => answer.GetProperty("text").GetString()).ToList();
        var place = texts.IndexOf("red");
        return task.GetProperty("kind").GetString() switch
        {
            "pair" => new { step = place == 0 ? 1 : 8, seconds = 1 },
            "rank" => new { ranks = texts.Select(text => text switch { "red" => 1, "seven" => 2, _ => 3 }), seconds = 1 },
            "best" => new { best = place, seconds = 1 },
            "rate" => new { ratings = new[] { new { axis = "overall", value = 5, steps = 7, answer = 0 } }, seconds = 1 },
            "verify" => new { answers = new { accept = "no" }, reason = "Seven is none.", seconds = 1 },
            "review" => new { answers = new { acceptable = "no", spam = "yes" }, seconds = 1 },
            _ => new { answers = new { good = "yes" }, seconds = 1 },
        };
    }

    private static async Task<JsonElement> Added(Visit visit, Project project, string lines, string query = "")
    {
        using var reply = await visit.Json(HttpMethod.Post, $"/api/v1/projects/{project.Id}/golden{query}", raw: lines);
        var text = await reply.Content.ReadAsStringAsync();
        Assert.True(reply.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    private static Task<JsonElement> Submit(Visit visit, JsonElement task, object answer) =>
        visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", new { token = task.GetProperty("token").GetString(), answer });
}
