using System.Net;
using System.Text;
using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web.Work;

namespace Attune.Web.Tests;

/// <summary>Tasks of <c>tasks.jsonl</c>: import, questions, and tasks that wait for answers.</summary>
public sealed class QuestionTests
{
    private const string Decomposed =
        """
        {"kind":"question","id":"q1","prompt":"A film.","questions":[{"id":"good","text":"Is it good?","type":"yes-no"}],"group":"g","priority":2}
        {"kind":"question","id":"q2","questions":[{"id":"why","text":"What is best?","type":"choice","options":[{"id":"plot","text":"The plot"},{"id":"cast","text":"The cast"}]}],"dependsOn":"q1","dependsAnswer":"yes","group":"g"}
        {"kind":"question","id":"q3","questions":[{"id":"worst","text":"Is it dull?","type":"yes-no"}],"dependsOn":"q1","dependsAnswer":"no"}
        """;

    [Fact]
    public async Task The_majoritys_answer_opens_one_question_and_withdraws_the_other()
    {
        await using var site = await Site.Open();
        var project = await Questions(site, Decomposed, overlap: 3);
        foreach (var answer in new[] { "yes", "no", "yes" })
            await Answer(await site.Program(await site.Member(project), "work"), project, new { answers = new { good = answer }, seconds = 1 });

        var tasks = (await site.Database.Tasks.ListAsync(project.Id, new(), new())).Items.ToDictionary(task => task.SubjectId);
        Assert.Equal((TaskState.Complete, TaskState.Open, TaskState.Withdrawn), (tasks["q1"].State, tasks["q2"].State, tasks["q3"].State));
        Assert.Equal((1, 2, 2), (tasks["q1"].Place, tasks["q2"].Place, tasks["q2"].GroupSize));
        var next = await (await site.Program(await site.Member(project), "work")).Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { });
        Assert.Equal("why", next.GetProperty("task").GetProperty("content").GetProperty("questions")[0].GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("""{"answers":{"good":"maybe"}}""", "has the answer 'maybe' to 'good', expected yes, no")]
    [InlineData("""{"answers":{"other":"yes"}}""", "has no answer to 'good'")]
    [InlineData("""{"answers":{"good":"yes","other":"yes"}}""", "has an answer to 'other', which is not asked")]
    [InlineData("""{"answers":{}}""", "says nothing")]
    [InlineData("""{"answers":{"good":"yes"},"cannotJudge":true}""", "expected one of them")]
    [InlineData("""{"step":1}""", "compares answers, expected answers")]
    [InlineData("""{"text":"yes"}""", "has text, which this task does not ask for")]
    public async Task Answers_that_do_not_fit_the_question_are_refused(string answer, string detail)
    {
        await using var site = await Site.Open();
        var project = await Questions(site, Decomposed);
        var visit = await site.Program(await site.Member(project), "work");
        using var reply = await visit.Json(HttpMethod.Post, "/api/v1/leases/submit", new { token = Token(await Next(visit, project)), answer = JsonSerializer.Deserialize<JsonElement>(answer) });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, reply.StatusCode);
        Assert.Contains(detail, JsonSerializer.Deserialize<JsonElement>(await reply.Content.ReadAsStringAsync()).GetProperty("detail").GetString());
        Assert.Empty(await site.Database.Judgments.ReadAsync(project.Id, new()));
    }

    [Fact]
    public async Task An_image_that_was_not_shown_is_an_answer_and_no_vote()
    {
        await using var site = await Site.Open();
        var project = await Questions(site, """{"kind":"question","id":"q","image":"data:image/png;base64,iVBORw0KGgo=","questions":[{"id":"a","text":"A cat?","type":"yes-no"}]}""");
        await Answer(await site.Program(await site.Member(project), "work"), project, new { cannotJudge = true, flags = new[] { "image-missing" }, seconds = 1 });
        var judgment = Assert.Single(await site.Database.Judgments.ReadAsync(project.Id, new()));
        Assert.Equal((Outcome.CannotJudge, "image-missing"), (judgment.Outcome, Assert.Single(judgment.Flags)));
        Assert.Null(TaskOutcome.Of(judgment));
    }

    [Fact]
    public async Task Bad_lines_are_all_named_and_nothing_is_added()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var visit = await site.Program(await site.Member(project, Role.Manager), "read", "write");
        const string Lines =
            """
            {"kind":"question","id":"a","questions":[{"id":"x","text":"Good?","type":"yes-no"}]}
            {"kind":"question","id":"b","questions":[]}
            {"kind":"question","id":"a","questions":[{"id":"x","text":"Good?","type":"yes-no"}]}
            {"kind":"question","id":"c","image":"https://example.org/a.png","questions":[{"id":"x","text":"?","type":"choice","options":[{"id":"1","text":"one"}]}]}
            {"kind":"riddle","prompt":"?"}
            {"kind":"write","promt":"Typo"}
            {"kind":"pair","id":"p","prompt":"Which?","answers":[{"source":"m","text":"one"}]}
            {"kind":"write","prompt":"Write.","purpose":"gold","overlap":0}
            {"kind":"write",
            """;
        using var reply = await visit.Json(HttpMethod.Post, $"/api/v1/projects/{project.Id}/tasks", raw: Lines);
        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        var text = await reply.Content.ReadAsStringAsync();
        foreach (var line in Enumerable.Range(2, 8))
            Assert.Contains($"line {line} ", text);
        Assert.DoesNotContain("line 1 ", text);
        Assert.Equal(0, (await site.Database.Tasks.ProgressAsync(project.Id)).Tasks);
    }

    [Fact]
    public async Task A_task_that_waits_for_nothing_known_or_for_no_answer_of_it_is_refused()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var visit = await site.Program(await site.Member(project, Role.Manager), "read", "write");
        var lines = Decomposed.Replace("\"dependsAnswer\":\"no\"", "\"dependsAnswer\":\"never\"").Replace("\"dependsOn\":\"q1\",\"dependsAnswer\":\"yes\"", "\"dependsOn\":\"q9\"");
        using var reply = await visit.Json(HttpMethod.Post, $"/api/v1/projects/{project.Id}/tasks", raw: lines);
        var text = await reply.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        Assert.Contains("q9", text);
        Assert.Contains("never", text);
        Assert.Equal(0, (await site.Database.Tasks.ProgressAsync(project.Id)).Tasks);
    }

    [Fact]
    public async Task A_file_of_every_kind_is_added_once()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var visit = await site.Program(await site.Member(project, Role.Manager), "read", "write");
        const string Lines =
            """
            {"kind":"pair","id":"p","prompt":"Which?","answers":[{"source":"m","text":"one"},{"source":"n","text":"two"}]}
            {"kind":"question","id":"q","questions":[{"id":"x","text":"Good?","type":"yes-no"}],"purpose":"golden","expected":{"answers":{"x":"yes"}},"overlap":50}
            {"kind":"write","id":"w","prompt":"Write a haiku.","language":"de","requiredSkill":"verse","requiredLevel":0.5}
            {"kind":"verify","id":"v","prompt":"Write a haiku.","text":"Old pond."}
            {"kind":"fix","id":"f","prompt":"Write a haiku.","text":"Old pond.","reasons":["too short"]}
            {"kind":"message","id":"m"}
            {"kind":"review","id":"r","thread":[{"role":"prompter","text":"Hello?"}]}
            """;
        foreach (var (added, known) in new[] { (7, 0), (0, 7) })
        {
            using var reply = await visit.Json(HttpMethod.Post, $"/api/v1/projects/{project.Id}/tasks", raw: Lines);
            var counts = JsonSerializer.Deserialize<JsonElement>(await reply.Content.ReadAsStringAsync());
            Assert.Equal((added, known), (counts.GetProperty("added").GetInt32(), counts.GetProperty("known").GetInt32()));
        }
        var tasks = (await site.Database.Tasks.ListAsync(project.Id, new(), new())).Items.ToDictionary(task => task.SubjectId);
        Assert.Equal((2, TaskKind.Pair), (tasks["p"].Choices, tasks["p"].Kind));
        Assert.Equal((TaskPurpose.Golden, "{\"answers\":{\"x\":\"yes\"},\"tolerance\":0}", 50), (tasks["q"].Purpose, tasks["q"].Expected, tasks["q"].Overlap));
        Assert.Equal(("de", "verse", 0.5), (tasks["w"].Language, tasks["w"].RequiredSkill, tasks["w"].RequiredLevel));
    }

    internal static async Task<Project> Questions(Site site, string lines, int overlap = 1, ChainSettings? chain = null)
    {
        var project = await site.Database.Projects.CreateAsync("Kinds", new() { Kind = TaskKind.Question, Overlap = overlap, MaximumOverlap = overlap, Chain = chain ?? new() }, null, seed: 7);
        await TaskImport.Parse("tasks.jsonl", Encoding.UTF8.GetBytes(lines)).AddAsync(site.Database, project, null, CancellationToken.None);
        return project;
    }

    internal static Task<JsonElement> Next(Visit visit, Project project) => visit.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { });

    internal static string Token(JsonElement next) => next.GetProperty("task").GetProperty("token").GetString()!;

    internal static async Task<JsonElement> Answer(Visit visit, Project project, object answer) =>
        await visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", new { token = Token(await Next(visit, project)), answer });
}
