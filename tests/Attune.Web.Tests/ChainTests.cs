using System.Net;
using System.Text.Json;
using Attune.Storage.People;
using Attune.Storage.Work;
using static Attune.Web.Tests.QuestionTests;

namespace Attune.Web.Tests;

/// <summary>Writing, verifying and mending: who gets what, and what follows from which answer.</summary>
public sealed class ChainTests
{
    private const string Haiku = """{"kind":"write","id":"w","prompt":"Write a haiku about rain."}""";

    [Fact]
    public async Task A_text_that_does_not_pass_is_mended_and_verified_again_by_people_who_did_not_write_it()
    {
        await using var site = await Site.Open();
        var project = await Questions(site, Haiku, chain: new() { Verifiers = 3, Rounds = 2 });
        var people = await People(site, project, 5);
        await Answer(people[0], project, Text("Rain falls."));
        Assert.Equal("no-task", (await Next(people[0], project)).GetProperty("why").GetString()); // never their own
        foreach (var (visit, accept) in people[1..4].Zip(["no", "yes", "no"]))
            await Answer(visit, project, Verdict(accept));

        var fix = await Next(people[1], project);
        var content = fix.GetProperty("task").GetProperty("content");
        Assert.Equal(("fix", "Rain falls."), (fix.GetProperty("task").GetProperty("kind").GetString(), content.GetProperty("text").GetString()));
        Assert.Equal(["Too short.", "Too short."], content.GetProperty("reasons").EnumerateArray().Select(reason => reason.GetString()));
        Assert.Equal("no-task", (await Next(people[0], project)).GetProperty("why").GetString());
        await Answer(people[1], project, Text("Rain on the pond, rings within rings."));

        foreach (var author in people[..2])
            Assert.Equal("no-task", (await Next(author, project)).GetProperty("why").GetString()); // nor who mended it
        Assert.Empty(await Export(site, project)); // not verified yet
        foreach (var visit in people[2..5])
            await Answer(visit, project, Verdict("yes"));
        var text = Assert.Single(await Export(site, project));
        Assert.Equal("Rain on the pond, rings within rings.", text.GetProperty("text").GetString());
        Assert.Equal((1, 3, 0), (text.GetProperty("mended").GetInt32(), text.GetProperty("yes").GetInt32(), text.GetProperty("no").GetInt32()));
        Assert.DoesNotContain((await site.Database.Tasks.ListAsync(project.Id, new(), new())).Items, task => task.State == TaskState.Open);
    }

    [Fact]
    public async Task After_the_last_round_a_text_that_does_not_pass_is_given_up()
    {
        await using var site = await Site.Open();
        var project = await Questions(site, Haiku, chain: new() { Verifiers = 1, Rounds = 1 });
        var people = await People(site, project, 4);
        await Answer(people[0], project, Text("Rain."));
        await Answer(people[1], project, Verdict("no"));
        await Answer(people[2], project, Text("More rain."));
        await Answer(people[3], project, Verdict("no"));
        Assert.Equal(["Write", "Verify", "Fix", "Verify"], (await Tasks(site, project)).Select(task => $"{task.Kind}"));
        Assert.Empty(await Export(site, project));
    }

    [Fact]
    public async Task Sixteen_callers_at_once_make_one_follow_up_of_each_kind()
    {
        await using var site = await Site.Open();
        var project = await Questions(site, Haiku, chain: new() { Verifiers = 16, Rounds = 1 });
        var people = await People(site, project, 17);
        var token = Token(await Next(people[0], project));
        var first = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => people[0].Json(HttpMethod.Post, "/api/v1/leases/submit", new { token, answer = Text("Rain falls.") })));
        Assert.All(first, reply => Assert.Equal(HttpStatusCode.OK, reply.StatusCode));
        Assert.Equal(["Write", "Verify"], (await Tasks(site, project)).Select(task => $"{task.Kind}"));

        await Task.WhenAll(people[1..].Select(visit => Answer(visit, project, Verdict("no"))));
        Assert.Equal(["Write", "Verify", "Fix"], (await Tasks(site, project)).Select(task => $"{task.Kind}"));
        Assert.Equal(17, (await site.Database.Judgments.ReadAsync(project.Id, new(InForce: true))).Count);
    }

    [Fact]
    public async Task Undo_takes_a_follow_up_back_until_somebody_has_begun_it()
    {
        await using var site = await Site.Open();
        var project = await Questions(site, Haiku, chain: new() { Verifiers = 1, Rounds = 1 });
        var people = await People(site, project, 3);
        var lease = (await Next(people[0], project)).GetProperty("task").GetProperty("leaseId").GetString();
        await Answer(people[0], project, Text("Rain."));
        await people[0].Ok(HttpMethod.Post, $"/api/v1/leases/{lease}/undo", new { });
        Assert.Equal("no-task", (await Next(people[1], project)).GetProperty("why").GetString());
        await Answer(people[0], project, Text("Rain falls."));
        Assert.Equal([TaskState.Complete, TaskState.Withdrawn, TaskState.Open], (await Tasks(site, project)).Select(task => task.State));

        var verify = (await Next(people[1], project)).GetProperty("task"); // begun
        using var late = await people[0].Json(HttpMethod.Post, $"/api/v1/leases/{lease}/undo", new { });
        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
        Assert.Equal("Rain falls.", verify.GetProperty("content").GetProperty("text").GetString());

        await Answer(people[1], project, Verdict("no"));
        await people[1].Ok(HttpMethod.Post, $"/api/v1/leases/{verify.GetProperty("leaseId").GetString()}/undo", new { });
        await Answer(people[1], project, Verdict("yes")); // a change of mind: nothing is mended
        Assert.Equal(TaskState.Withdrawn, Assert.Single(await Tasks(site, project), task => task.Kind == TaskKind.Fix).State);
        Assert.Equal("Rain falls.", Assert.Single(await Export(site, project)).GetProperty("text").GetString());
    }

    [Theory]
    [InlineData("Rain.", "has 5 characters, expected at least 10; write more")]
    [InlineData("Rain falls and falls and falls and falls and falls.", "has 51 characters, expected at most 40; shorten it")]
    [InlineData("  write a HAIKU about\nrain. ", "copies the prompt")]
    [InlineData(" ", "says nothing")]
    public async Task A_text_that_fails_a_formal_check_is_refused_and_the_draft_stays(string text, string detail)
    {
        await using var site = await Site.Open();
        var project = await Questions(site, Haiku, chain: new() { MinimumCharacters = 10, MaximumCharacters = 40 });
        var visit = (await People(site, project, 1))[0];
        var task = (await Next(visit, project)).GetProperty("task");
        var lease = task.GetProperty("leaseId").GetString();
        await visit.Ok(HttpMethod.Put, $"/api/v1/leases/{lease}/draft", new { content = "mine" });
        using var reply = await visit.Json(HttpMethod.Post, "/api/v1/leases/submit", new { token = task.GetProperty("token").GetString(), answer = Text(text) });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, reply.StatusCode);
        Assert.Contains(detail, await reply.Content.ReadAsStringAsync());
        Assert.Equal("mine", (await visit.Ok(HttpMethod.Get, $"/api/v1/leases/{lease}/draft")).GetProperty("content").GetString());
        Assert.Empty(await site.Database.Judgments.ReadAsync(project.Id, new()));
    }

    [Fact]
    public async Task A_text_is_refused_with_a_reason_alone()
    {
        await using var site = await Site.Open();
        var project = await Questions(site, Haiku, chain: new() { Verifiers = 1 });
        var people = await People(site, project, 2);
        await Answer(people[0], project, Text("Rain falls."));
        using var reply = await people[1].Json(HttpMethod.Post, "/api/v1/leases/submit", new { token = Token(await Next(people[1], project)), answer = new { answers = new { accept = "no" }, seconds = 1 } });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, reply.StatusCode);
        Assert.Contains("without a reason", await reply.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Erasing_a_persons_words_erases_them_from_the_tasks_that_show_them()
    {
        await using var site = await Site.Open();
        var project = await Questions(site, Haiku, chain: new() { Verifiers = 1 });
        var people = new[] { await site.Member(project), await site.Member(project) };
        await Answer(await site.Program(people[0], "work"), project, Text("Rain \"falls\"."));
        await Answer(await site.Program(people[1], "work"), project, Verdict("no"));
        foreach (var person in people)
            await site.Database.Erasure.EraseAsync(person.Id, alsoTexts: true, null);
        var payloads = (await Tasks(site, project)).Select(task => task.Payload).ToList();
        Assert.DoesNotContain(payloads, payload => payload.Contains("falls", StringComparison.Ordinal) || payload.Contains("Too short.", StringComparison.Ordinal));
        Assert.Equal(3, payloads.Count);
    }

    internal static async Task<Visit[]> People(Site site, Project project, int count)
    {
        var people = new List<Visit>();
        for (var i = 0; i < count; i++)
            people.Add(await site.Program(await site.Member(project), "work"));
        return [.. people];
    }

    internal static object Text(string text) => new { text, seconds = 5 };

    internal static async Task<IReadOnlyList<AnnotationTask>> Tasks(Site site, Project project) => (await site.Database.Tasks.ListAsync(project.Id, new(), new() { Size = 200 })).Items;

    private static object Verdict(string accept) => new { answers = new { accept }, reason = accept == "no" ? "Too short." : null, seconds = 2 };

    private static async Task<IReadOnlyList<JsonElement>> Export(Site site, Project project)
    {
        var manager = await site.Program(await site.Member(project, Role.Manager), "read");
        using var reply = await manager.Get($"/api/v1/projects/{project.Id}/export/texts.jsonl");
        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        return [.. (await reply.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
    }
}
