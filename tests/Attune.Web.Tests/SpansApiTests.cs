using System.Net;
using System.Text.Json;
using Attune.Feedback;
using Attune.Runs;
using Attune.Storage.Work;
using Attune.Web.Work;

namespace Attune.Web.Tests;

public sealed class SpansApiTests
{
    private const string Emoji = "Red 👩‍👩‍👧 is\r\nwarm.";

    private static readonly string Sourced = JsonSerializer.Serialize(new
    {
        kind = "spans",
        id = "s1",
        prompt = "Which colour is warm?",
        answers = new object[]
        {
            new { text = Emoji, source = "one", sources = new[] { new { id = "1", title = "On red", url = "https://example.org/red", excerpt = "Red is warm." } } },
            new { text = "Blue, as [2] says.", source = "two", sources = new[] { new { id = "1", title = "On blue" }, new { id = "2", title = "Colours" } } },
        },
    });

    [Fact]
    public async Task Marks_and_trust_are_kept_by_answer_whatever_the_order_shown()
    {
        await using var site = await Site.Open();
        var project = await Project(site, Sourced, new() { Overlap = 2, MaximumOverlap = 2 });
        for (var judge = 0; judge < 2; judge++)
        {
            var visit = await site.Program(await site.Member(project), "work");
            var task = await Next(visit, project);
            Assert.DoesNotContain("\"one\"", task.GetRawText()); // which model wrote what is not told
            var texts = task.GetProperty("content").GetProperty("answers").EnumerateArray().Select(answer => answer.GetProperty("text").GetString()!).ToArray();
            var (red, blue) = (Array.IndexOf(texts, Emoji), 1 - Array.IndexOf(texts, Emoji));
            var spans = new object[]
            {
                new { answer = blue, start = 0, length = 4, category = "core-claim", note = " Not so. " },
                new { answer = red, start = Emoji.IndexOf("warm"), length = 4, category = "strong-support" },
                new { answer = red, start = 4, length = 8, category = "no-support" },
            };
            var answers = new Dictionary<string, string> { [$"trust#{red}/1"] = "trustworthy", [$"trust#{blue}/2"] = "suspicious" };
            await visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", new { token = task.GetProperty("token").GetString(), answer = new { spans, answers } });
        }
        var log = await site.Database.Judgments.ReadAsync(project.Id, new());
        Assert.NotEqual(log[0].Order, log[1].Order);
        foreach (var judgment in log)
        {
            Assert.Equal(Outcome.Marked, judgment.Outcome);
            Assert.Equal([new(0, 4, 8, "no-support"), new(0, Emoji.IndexOf("warm"), 4, "strong-support"), new MarkedSpan(1, 0, 4, "core-claim", Note: "Not so.")], judgment.Spans);
            Assert.Equal(new Dictionary<string, string> { ["trust#0/1"] = "trustworthy", ["trust#1/2"] = "suspicious" }, judgment.Answers);
        }
    }

    [Theory]
    [InlineData("""{}""", "says nothing")]
    [InlineData("""{"spans":[],"cannotJudge":true}""", "one of them")]
    [InlineData("""{"spans":[{"answer":1,"start":0,"length":1,"category":"false","severity":1}]}""", "a place from 0 to 0")]
    [InlineData("""{"spans":[{"answer":0,"start":0,"length":0,"category":"false","severity":1}]}""", "expected a part of its 12")]
    [InlineData("""{"spans":[{"answer":0,"start":11,"length":2,"category":"false","severity":1}]}""", "expected a part of its 12")]
    [InlineData("""{"spans":[{"answer":0,"start":2147483647,"length":2147483647,"category":"false","severity":1}]}""", "expected a part of its 12")]
    [InlineData("""{"spans":[{"answer":0,"start":5,"length":2,"category":"false","severity":1}]}""", "parts a character")]
    [InlineData("""{"spans":[{"answer":0,"start":0,"length":3,"category":"core-claim","severity":1}]}""", "as 'core-claim'")]
    [InlineData("""{"spans":[{"answer":0,"start":0,"length":3,"category":"false"}]}""", "severity none, expected 1 to 2")]
    [InlineData("""{"spans":[{"answer":0,"start":0,"length":3,"category":"false","severity":3}]}""", "severity 3, expected 1 to 2")]
    [InlineData("""{"spans":[{"answer":0,"start":0,"length":3,"category":"false","severity":1},{"answer":0,"start":0,"length":3,"category":"false","severity":2}]}""", "twice")]
    [InlineData("""{"spans":[],"answers":{"trust#0/1":"neutral"}}""", "there is none")]
    [InlineData("""{"spans":[],"step":1}""", "compares answers")]
    [InlineData("""{"spans":[],"text":"x"}""", "has text")]
    public async Task Bad_marks_are_refused_with_what_was_expected(string answer, string says)
    {
        await using var site = await Site.Open();
        var project = await Project(site, """{"kind":"spans","id":"s","prompt":"p","answers":[{"text":"Red 👍 is it"}]}""", new());
        var visit = await site.Program(await site.Member(project), "work");
        var token = (await Next(visit, project)).GetProperty("token").GetString();
        using var reply = await visit.Json(HttpMethod.Post, "/api/v1/leases/submit", raw: $$"""{"token":"{{token}}","answer":{{answer}}}""");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, reply.StatusCode);
        Assert.Contains(says, JsonSerializer.Deserialize<JsonElement>(await reply.Content.ReadAsStringAsync()).GetProperty("detail").GetString());
        Assert.Empty(await site.Database.Judgments.ReadAsync(project.Id, new()));
    }

    [Fact]
    public void Payloads_and_settings_that_cannot_be_shown_are_refused()
    {
        foreach (var bad in new[]
        {
            """{"kind":"spans","id":"s","prompt":"p","answers":[]}""", """{"kind":"spans","id":"s","prompt":"p","answers":[{"text":""}]}""",
            """{"kind":"spans","id":"s","prompt":"p","answers":[{"text":"t","sources":[{"id":"1","title":"a"},{"id":"1","title":"b"}]}]}""",
            """{"kind":"spans","id":"s","prompt":"p","answers":[{"text":"t","score":1}]}""", """{"kind":"chat","id":"c","prompt":" "}""", """{"kind":"chat","id":"c","prompt":"p","model":"m"}""",
        })
            Assert.Throws<InputException>(() => TaskImport.Parse("test", System.Text.Encoding.UTF8.GetBytes(bad)));
        var problems = Assert.Throws<InputException>(() => ProjectSettings.FromJson("""
            {"chat":{"temperature":0,"topP":2,"maximumNewTokens":0,"maximumTurns":51,"minimumTurns":60,"messagesPerMinute":0},"spans":{"categories":[{"id":"a"},{"id":"a"}],"severities":["x","x"]}}
            """)).Problems;
        Assert.Equal(["chat.temperature", "chat.topP", "chat.maximumNewTokens", "chat.maximumTurns", "chat.minimumTurns", "chat.messagesPerMinute", "spans.categories", "spans.severities"], problems.Select(problem => problem.Key));
    }

    [Fact]
    public async Task OpenAssistants_labels_are_answers_and_scales_of_five_steps_by_answer()
    {
        await using var site = await Site.Open();
        var settings = new ProjectSettings { Kind = TaskKind.Rate, Overlap = 2, MaximumOverlap = 2, Labels = LabelScheme.OpenAssistant };
        var project = await site.Database.Projects.CreateAsync("Labels", settings, null, seed: 7);
        await ComparisonProject.AddAsync(site.Database, project, ComparisonProject.Parse("test", Site.Comparisons(1)), null, CancellationToken.None);
        var visit = await site.Program(await site.Member(project), "work");
        var task = await Next(visit, project);
        var token = task.GetProperty("token").GetString();
        var red = task.GetProperty("answers").EnumerateArray().ToList().FindIndex(answer => answer.GetProperty("text").GetString() == "red"); // answer 0
        string Key(string question, int place) => $"{question}#{place}";

        foreach (var bad in new object[]
        {
            new { answers = new Dictionary<string, string> { [Key("spam", red)] = "yes" } }, // nothing of the other
            new { answers = new Dictionary<string, string> { [Key("spam", red)] = "yes", [Key("spam", 1 - red)] = "no" } }, // no quality
            new { answers = new Dictionary<string, string> { [Key("spam", red)] = "yes", [Key("spam", 1 - red)] = "perhaps" } },
            new { answers = new Dictionary<string, string> { [Key("spam", red)] = "yes", [Key("spam", 1 - red)] = "yes", ["boring#0"] = "yes" } },
            new { answers = new Dictionary<string, string> { [Key("spam", red)] = "yes", [Key("spam", 1 - red)] = "yes" }, ratings = new[] { new { axis = "helpful", value = 7, steps = 7, answer = 0 } } },
        })
        {
            using var reply = await visit.Json(HttpMethod.Post, "/api/v1/leases/submit", new { token, answer = bad });
            Assert.Equal(HttpStatusCode.UnprocessableEntity, reply.StatusCode);
        }
        await visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", new
        {
            token,
            answer = new
            {
                answers = new Dictionary<string, string> { [Key("spam", red)] = "no", [Key("hate", red)] = "no", [Key("spam", 1 - red)] = "yes" },
                ratings = new[] { new { axis = "quality", value = 4, steps = 5, answer = red }, new { axis = "honest", value = 7, steps = 7, answer = red } },
            },
        });
        var judgment = Assert.Single(await site.Database.Judgments.ReadAsync(project.Id, new()));
        Assert.Equal(Outcome.Rated, judgment.Outcome);
        Assert.Equal(new Dictionary<string, string> { ["spam#0"] = "no", ["hate#0"] = "no", ["spam#1"] = "yes" }, judgment.Answers);
        Assert.Equal([new("quality", 4, 5, 0), new AxisRating("honest", 7, 7, 0)], judgment.Ratings);
        Assert.Equal(["overall", "honest"], settings.LikertAxes); // the others are asked as scales
    }

    private static async Task<JsonElement> Next(Visit visit, Project project) => (await visit.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task");

    private static async Task<Project> Project(Site site, string line, ProjectSettings settings)
    {
        var project = await site.Database.Projects.CreateAsync("Spans", settings with { Kind = TaskKind.Spans }, null, seed: 7);
        await TaskImport.Parse("test", System.Text.Encoding.UTF8.GetBytes(line)).AddAsync(site.Database, project, null, CancellationToken.None);
        return project;
    }
}
