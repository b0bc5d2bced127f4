using System.Net;
using System.Text.Json;
using Attune.Storage.People;
using Attune.Storage.Trees;
using Attune.Storage.Work;
using static Attune.Web.Tests.ChainTests;
using static Attune.Web.Tests.QuestionTests;

namespace Attune.Web.Tests;

/// <summary>Trees of messages: written, reviewed and ranked by people who never judge what is theirs.</summary>
public sealed class TreeTests
{
    private const string FirstPrompt = """{"kind":"message","id":"m","topic":"Ask about birds."}""";

    [Fact]
    public async Task A_tree_grows_until_it_has_all_its_messages_and_is_exported_with_its_rankings()
    {
        await using var site = await Site.Open();
        var project = await Trees(site, new() { Messages = 4, Depth = 1, Replies = 3, Reviews = 2, Rankings = 2 });
        var people = await People(site, project, 6);
        var own = new Dictionary<Visit, HashSet<string>>();
        var ranked = new List<string>();
        for (var round = 0; round < 40; round++)
        {
            foreach (var (visit, number) in people.Select((visit, number) => (visit, number)))
                await WorkAsync(visit, project, number, own, ranked);
        }

        var tree = Assert.Single((await site.Database.Trees.ListAsync(project.Id, null, new())).Items);
        Assert.Equal(TreeState.Ready, tree.State);
        var messages = await site.Database.Trees.ReadAsync(tree.Id);
        Assert.Equal(4, messages.Count(message => message.State == MessageState.Accepted));
        Assert.Equal(4, messages.Select(message => message.AuthorId).Distinct().Count()); // the author of a prompt does not reply to it, and nobody replies twice
        Assert.Equal([1, 2, 3], messages.Skip(1).Select(message => message.Place!.Value).Order());
        Assert.Equal(2, ranked.Count);

        var manager = await site.Program(await site.Member(project, Role.Manager), "read");
        var line = JsonSerializer.Deserialize<JsonElement>(await manager.Page($"/api/v1/projects/{project.Id}/export/trees.jsonl"));
        Assert.Equal(tree.Id, line.GetProperty("treeId").GetString());
        Assert.Equal([1, 2, 3], line.GetProperty("prompt").GetProperty("replies").EnumerateArray().Select(reply => reply.GetProperty("place").GetInt32()));
        var comparison = JsonSerializer.Deserialize<JsonElement>(await manager.Page($"/api/v1/projects/{project.Id}/export/comparisons.jsonl"));
        Assert.Equal(3, comparison.GetProperty("answers").GetArrayLength());
        Assert.NotEmpty((await manager.Page($"/api/v1/projects/{project.Id}/export/data.jsonl")).Trim());

        var rows = (await manager.Ok(HttpMethod.Get, $"/api/v1/projects/{project.Id}/contributions")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal((1, 3, 8, 2, 1), (Total(rows, "prompts"), Total(rows, "assistantReplies"), Total(rows, "reviews"), Total(rows, "rankings"), Total(rows, "firstPlaces")));
        Assert.Equal((3 * 4) + (8 * 2) + 9, Total(rows, "points"));
        Assert.Equal(HttpStatusCode.OK, (await (await site.SignedIn(await site.Member(project, Role.Manager))).Get($"/projects/{project.Id}/contributions")).StatusCode);
    }

    [Fact]
    public async Task A_reply_that_does_not_pass_is_written_anew_and_a_first_prompt_that_does_not_ends_its_tree()
    {
        await using var site = await Site.Open();
        var project = await Trees(site, new() { Depth = 1, Replies = 1, Reviews = 1, Rankings = 1 });
        var people = await People(site, project, 5);
        await Answer(people[0], project, ChainTests.Text("What do owls eat?"));
        await Answer(people[1], project, Review("yes"));
        await Answer(people[2], project, ChainTests.Text("Buy my book."));
        await Answer(people[3], project, Review("no", spam: "yes"));
        await Answer(people[4], project, ChainTests.Text("Mice, mostly."));
        await Answer(people[3], project, Review("yes"));
        var tree = Assert.Single((await site.Database.Trees.ListAsync(project.Id, TreeState.Ready, new())).Items);
        Assert.Equal([MessageState.Accepted, MessageState.Rejected, MessageState.Accepted], (await site.Database.Trees.ReadAsync(tree.Id)).Select(message => message.State));

        var other = await site.Database.Projects.CreateAsync("Other", project.Settings, null);
        await Web.Work.TaskImport.Parse("t", System.Text.Encoding.UTF8.GetBytes(FirstPrompt)).AddAsync(site.Database, other, null, default);
        var two = await People(site, other, 2);
        await Answer(two[0], other, ChainTests.Text("Buy my book."));
        await Answer(two[1], other, Review("no"));
        Assert.Equal(TreeState.Halted, Assert.Single((await site.Database.Trees.ListAsync(other.Id, null, new())).Items).State);
    }

    [Fact]
    public async Task Skips_halt_a_tree_and_reports_delete_a_message()
    {
        await using var site = await Site.Open();
        var project = await Trees(site, new() { Depth = 2, Replies = 1, Reviews = 1, Skips = 2, RedFlags = 2 });
        var people = await People(site, project, 6);
        await Answer(people[0], project, ChainTests.Text("What do owls eat?"));
        await Answer(people[1], project, Review("yes"));
        await Answer(people[2], project, ChainTests.Text("Mice."));
        await Answer(people[3], project, Review("yes"));
        foreach (var visit in new[] { people[4], people[5] })
            await visit.Ok(HttpMethod.Post, "/api/v1/leases/release", new { token = Token(await Next(visit, project)), reason = "broken: it is an advertisement" });
        var tree = Assert.Single((await site.Database.Trees.ListAsync(project.Id, null, new())).Items);
        Assert.Equal([MessageState.Accepted, MessageState.Deleted], (await site.Database.Trees.ReadAsync(tree.Id)).Select(message => message.State));

        foreach (var visit in new[] { people[4], people[5] }) // a reply is wanted again
            await visit.Ok(HttpMethod.Post, "/api/v1/leases/release", new { token = Token(await Next(visit, project)), reason = "skip" });
        Assert.Equal(TreeState.Halted, (await site.Database.Trees.ListAsync(project.Id, null, new())).Items[0].State);
        Assert.DoesNotContain(await Tasks(site, project), task => task.State == TaskState.Open);
    }

    [Fact]
    public async Task A_message_is_taken_back_until_its_review_has_begun()
    {
        await using var site = await Site.Open();
        var project = await Trees(site, new() { Reviews = 1 });
        var people = await People(site, project, 2);
        var lease = (await Next(people[0], project)).GetProperty("task").GetProperty("leaseId").GetString();
        await Answer(people[0], project, ChainTests.Text("What do owls?"));
        await people[0].Ok(HttpMethod.Post, $"/api/v1/leases/{lease}/undo", new { });
        Assert.Empty((await site.Database.Trees.ListAsync(project.Id, null, new())).Items);
        await Answer(people[0], project, ChainTests.Text("What do owls eat?"));
        var review = (await Next(people[1], project)).GetProperty("task");
        Assert.Equal("What do owls eat?", review.GetProperty("content").GetProperty("thread")[0].GetProperty("text").GetString());
        using var late = await people[0].Json(HttpMethod.Post, $"/api/v1/leases/{lease}/undo", new { });
        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
        Assert.Single((await site.Database.Trees.ListAsync(project.Id, null, new())).Items);
    }

    private static async Task WorkAsync(Visit visit, Project project, int number, Dictionary<Visit, HashSet<string>> own, List<string> ranked)
    {
        var next = await Next(visit, project);
        if (next.GetProperty("task").ValueKind == JsonValueKind.Null)
            return;
        var (task, mine) = (next.GetProperty("task"), own.GetValueOrDefault(visit) ?? (own[visit] = []));
        var text = $"Message {number} of {own.Values.Sum(texts => texts.Count)}";
        var answer = task.GetProperty("kind").GetString() switch
        {
            "message" => ChainTests.Text(text),
            "review" => Review("yes"),
            _ => new { ranks = task.GetProperty("answers").EnumerateArray().Select(shown => shown.GetProperty("text").GetString()).ToList() is var shown ? shown.Select(own => 1 + shown.Count(other => string.CompareOrdinal(other, own) < 0)) : [], seconds = 3 },
        };
        if (task.GetProperty("kind").GetString() == "message")
            mine.Add(text);
        else if (task.GetProperty("kind").GetString() == "review")
            Assert.DoesNotContain(task.GetProperty("content").GetProperty("thread").EnumerateArray().Last().GetProperty("text").GetString()!, mine);
        else
            Assert.Empty(task.GetProperty("answers").EnumerateArray().Select(shown => shown.GetProperty("text").GetString()!).Intersect(mine));
        if (task.GetProperty("kind").GetString() == "rank")
            ranked.Add(text);
        await visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", new { token = Token(next), answer });
    }

    private static object Review(string acceptable, string spam = "no") => new { answers = new { acceptable, spam }, seconds = 2 };

    private static int Total(IEnumerable<JsonElement> rows, string column) => rows.Sum(row => row.GetProperty(column).GetInt32());

    private static async Task<Project> Trees(Site site, TreeSettings settings)
    {
        var project = await site.Database.Projects.CreateAsync("Trees", new() { Kind = TaskKind.Message, Overlap = 1, MaximumOverlap = 1, Tree = settings }, null, seed: 7);
        await Web.Work.TaskImport.Parse("t", System.Text.Encoding.UTF8.GetBytes(FirstPrompt)).AddAsync(site.Database, project, null, default);
        return project;
    }
}
