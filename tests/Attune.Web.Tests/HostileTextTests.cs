using System.Net;
using System.Text.Json;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web.Work;

namespace Attune.Web.Tests;

/// <summary>Scripts in whatever people and models write: on no page do they become more than text.</summary>
public sealed class HostileTextTests
{
    private const string Script = "\"'><script>alert(1)</script><img src=x onerror=alert(1)><a href=\"javascript:alert(1)\">[x](javascript:alert(1))</a>";

    public static TheoryData<string> Tasks => [.. new object[]
    {
        new { kind = "pair", id = "a", prompt = Script, answers = new[] { new { source = Script, text = Script }, new { source = "b", text = "y" } } },
        new { kind = "rank", id = "a", prompt = Script, answers = new[] { new { source = Script, text = Script }, new { source = "b", text = "y" }, new { source = "c", text = "z" } } },
        new { kind = "rate", id = "a", prompt = Script, answers = new[] { new { source = Script, text = Script } } },
        new { kind = "question", id = "a", prompt = Script, questions = new[] { new { id = "q", text = Script, type = "choice", options = new[] { new { id = "o", text = Script }, new { id = "p", text = "y" } } } } },
        new { kind = "write", id = "a", prompt = Script },
        new { kind = "verify", id = "a", prompt = Script, text = Script, round = 0 },
        new { kind = "fix", id = "a", prompt = Script, text = Script, round = 0, reasons = new[] { Script } },
        new { kind = "message", id = "a", topic = Script },
        new { kind = "review", id = "a", thread = new[] { new { role = "prompter", text = Script }, new { role = "assistant", text = Script } } },
        new { kind = "spans", id = "a", prompt = Script, answers = new[] { new { text = Script, source = Script, sources = new[] { new { id = "1", title = Script, url = "javascript:alert(1)", excerpt = Script } } } } },
        new { kind = "chat", id = "a", prompt = Script },
    }.Select(task => JsonSerializer.Serialize(task))];

    [Theory]
    [MemberData(nameof(Tasks))]
    public async Task Scripts_in_tasks_instructions_drafts_and_settings_stay_text(string line)
    {
        await using var site = await Site.Open();
        var kind = Enum.Parse<TaskKind>(JsonSerializer.Deserialize<JsonElement>(line).GetProperty("kind").GetString()!, ignoreCase: true);
        var settings = TaskImport.Usual(kind) with
        {
            ShowModelNames = true,
            Axes = ["overall", Script],
            Spans = new() { Categories = [new() { Id = "c", Text = Script }] },
        };
        var project = await site.Database.Projects.CreateAsync(Script, settings, null);
        await site.Database.Projects.AddInstructionAsync(project.Id, $"{Script}\n\n:::good\n{Script}\n:::", null);
        await TaskImport.Parse("test", System.Text.Encoding.UTF8.GetBytes(line)).AddAsync(site.Database, project, null, CancellationToken.None);
        var person = await site.Member(project);
        var visit = await site.SignedIn(person);
        Harmless(await visit.Page($"/work/{project.Id}"));

        var lease = (await site.Database.Leases.RecentAsync(project.Id, person.Id, 1))[0];
        await site.Database.Drafts.SaveAsync(lease.Id, person.Id, JsonSerializer.Serialize(new { at = 1, values = new { comment = Script } }));
        if (kind == TaskKind.Chat)
            await site.Database.Chats.AskAsync(lease.Id, person.Id, 1, Script);
        Harmless(await visit.Page($"/work/{project.Id}"));
    }

    [Fact]
    public async Task Scripts_in_names_notes_and_reasons_stay_text_on_pages_of_those_who_run_things()
    {
        await using var site = await Site.Open();
        var project = await site.Database.Projects.CreateAsync(Script, new() { ConsentText = Script, ContentWarning = Script, Overlap = 1, MaximumOverlap = 1 }, null);
        await ComparisonProject.AddAsync(site.Database, project, ComparisonProject.Parse("test", Site.Comparisons(2, "<b>")), null, CancellationToken.None);
        await site.Database.Projects.AddInstructionAsync(project.Id, Script, null);
        var batch = await site.Database.Batches.CreateAsync(project.Id, Script, JsonSerializer.Serialize(new { note = Script }), null);
        var person = await site.Database.People.CreateAsync(new() { DisplayName = Script, Email = "<script>@example.org" }, null);
        await site.Database.Projects.SetMemberAsync(project.Id, person.Id, Role.Annotator, null);
        var annotator = await site.SignedIn(person);
        Harmless(await annotator.Page($"/work/{project.Id}")); // consent
        await site.Database.Access.CreateKeyAsync(person.Id, Script, ["read"], null, null);
        await site.Database.Access.InviteAsync(Role.Viewer, project.Id, "<script>@example.org", TimeSpan.FromDays(1), null);
        var owner = await site.SignedIn(await site.Person(Role.Owner));
        string[] pages = ["/", "/people", $"/people/{person.Id}", "/audit", "/keys", .. new[] { "", "/members", "/batches", "/golden", "/quality", "/rules", "/pay", "/settings", "/audit", "/contributions" }.Select(page => $"/projects/{project.Id}{page}")];
        foreach (var page in pages)
            Harmless(await owner.Page(page));
        Harmless(await annotator.Page("/keys"));
        Harmless(await annotator.Page($"/mine/{project.Id}"));

        // What is wrong is said with what was typed.
        foreach (var (page, form, fields) in new (string, string, (string, string)[])[]
        {
            ("/projects/new", "project", [("Form.Name", Script), ("Form.Kind", "Pair"), ("Form.Overlap", "0")]),
            ($"/projects/{project.Id}/settings", "settings", [("Form.Fields[overlap]", Script), ("Form.Fields[consentText]", Script), ("Form.Rest", Script)]),
            ($"/projects/{project.Id}/rules", "rules", [("Yaml", Script)]),
            ($"/projects/{project.Id}/batches", "plan", [("Name", Script), ("Details", Script)]),
            ($"/projects/{project.Id}/batches", $"step-{batch.Id}", [("Step", Script)]),
        })
        {
            using var reply = await owner.Post(page, form, fields);
            Harmless(await reply.Content.ReadAsStringAsync());
        }
        using var nowhere = await owner.Get($"/{Uri.EscapeDataString(Script)}?x={Uri.EscapeDataString(Script)}");
        Assert.Equal(HttpStatusCode.NotFound, nowhere.StatusCode);
        Harmless(await nowhere.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("ok-then-very-deep", 20_000, ">")]
    [InlineData("lists", 20_000, "- ")]
    [InlineData("brackets", 20_000, "[")]
    [InlineData("emphasis", 20_000, "*_")]
    [InlineData("tables", 5_000, "|a")]
    [InlineData("one word", 200_000, "a")]
    [InlineData("combining marks", 20_000, "\u0301")]
    [InlineData("right to left", 20_000, "שלום ")]
    [InlineData("emoji", 20_000, "👩‍👩‍👧")]
    public async Task Extreme_texts_are_shown_in_reasonable_time(string what, int times, string piece)
    {
        Assert.NotNull(what);
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var text = string.Concat(Enumerable.Repeat(piece, times));
        var line = JsonSerializer.Serialize(new { id = "a", prompt = text, answers = new[] { new { source = "a", text }, new { source = "b", text = "y" } }, order = new[] { 0, 1 } });
        await ComparisonProject.AddAsync(site.Database, project, ComparisonProject.Parse("test", System.Text.Encoding.UTF8.GetBytes(line)), null, CancellationToken.None);
        var visit = await site.SignedIn(await site.Member(project));
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        Assert.Contains("data-work", await visit.Page($"/work/{project.Id}"));
        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(began).TotalSeconds, 0, 20);
    }

    private static void Harmless(string page)
    {
        foreach (var live in new[] { "<script>alert", "<img src=x", "href=\"javascript:", "onerror=alert(1)>" })
        {
            var at = page.IndexOf(live, StringComparison.OrdinalIgnoreCase);
            Assert.True(at < 0, at < 0 ? "" : page[Math.Max(0, at - 200)..Math.Min(page.Length, at + 80)]);
        }
    }
}
