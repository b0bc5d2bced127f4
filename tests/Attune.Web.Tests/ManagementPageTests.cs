using System.Net;
using System.Text.RegularExpressions;
using Attune.Storage.People;
using Attune.Storage.Work;
using Attune.Web.Texts;

namespace Attune.Web.Tests;

public sealed class ManagementPageTests
{
    [Fact]
    public async Task A_project_is_made_from_a_file_and_run_by_forms_alone()
    {
        await using var site = await Site.Open();
        var visit = await site.SignedIn(await site.Person(Role.Manager));
        using var made = await visit.Send(HttpMethod.Post, "/projects/new", await Upload(visit, "/projects/new", "project", "Form.File", Site.Comparisons(3), ("Form.Name", "<b>Reviews</b>"), ("Form.Kind", "Pair"), ("Form.Overlap", "2")));
        Assert.Equal(HttpStatusCode.Redirect, made.StatusCode);
        var project = (await site.Database.Projects.FindByNameAsync("<b>Reviews</b>"))!;
        var path = $"/projects/{project.Id}";
        Assert.Equal((3L, 6L), ((await site.Database.Tasks.ProgressAsync(project.Id)).Tasks, (await site.Database.Tasks.ProgressAsync(project.Id)).Wanted));
        Assert.DoesNotContain("<b>", await visit.Page(path));

        await visit.Post(path, "instructions", ("Markdown", "Choose the better one."));
        await visit.Post(path, "state", ("State", "Paused"));
        await visit.Post($"{path}/settings", "settings", ("Form.Fields[overlap]", "4"), ("Form.Fields[maximumOverlap]", "5"));
        var now = (await site.Database.Projects.FindAsync(project.Id))!;
        Assert.Equal((ProjectState.Paused, 4), (now.State, now.Settings.Overlap));
        Assert.Equal("Choose the better one.", (await site.Database.Projects.InstructionAsync(project.Id))!.Markdown);
        using var refused = await visit.Post($"{path}/settings", "settings", ("Form.Fields[overlap]", "0"));
        Assert.Contains("expected at least 1", await refused.Content.ReadAsStringAsync());
        using var added = await visit.Send(HttpMethod.Post, path, await Upload(visit, path, "tasks", "File", Site.Comparisons(5)));
        Assert.Contains("2 tasks added, 3 were there", await added.Content.ReadAsStringAsync());
        using var broken = await visit.Send(HttpMethod.Post, path, await Upload(visit, path, "tasks", "File", "{"u8.ToArray()));
        Assert.Contains("line 1", await broken.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_viewer_sees_the_overview_and_cannot_send_its_forms()
    {
        await using var site = await Site.Open();
        var project = await site.Project();
        var visit = await site.SignedIn(await site.Member(project, Role.Viewer));
        Assert.Equal(HttpStatusCode.NotFound, (await visit.Get($"/projects/{project.Id}/settings")).StatusCode);
        using var reply = await visit.Post($"/projects/{project.Id}", "state", ("State", "Archived"));
        Assert.NotEqual(HttpStatusCode.Redirect, reply.StatusCode);
        Assert.Equal(ProjectState.Active, (await site.Database.Projects.FindAsync(project.Id))!.State);
    }

    [Fact]
    public async Task People_are_invited_paused_given_a_role_and_erased_only_with_a_confirmation()
    {
        await using var site = await Site.Open();
        var visit = await site.SignedIn(await site.Person(Role.Owner));
        using (var invited = await visit.Post("/people", "invite", ("Form.Role", "Viewer"), ("Form.Email", "")))
            Assert.Contains("Welcome", await site.Visit().Page(new Uri(Regex.Match(await invited.Content.ReadAsStringAsync(), "<code>([^<]+/invitation/[^<]+)").Groups[1].Value).AbsolutePath));

        var person = await site.Person(email: "ada@example.org");
        var path = $"/people/{person.Id}";
        Assert.Contains("ada@example.org", await visit.Page("/people"));
        await visit.Post(path, "pause");
        await visit.Post(path, "role", ("NewRole", "Manager"));
        var changed = (await site.Database.People.FindAsync(person.Id))!;
        Assert.Equal((PersonState.Paused, Role.Manager), (changed.State, changed.Role));
        using (var reset = await visit.Post(path, "reset"))
            Assert.Matches("/reset/[A-Za-z0-9_-]{43}", await reset.Content.ReadAsStringAsync());
        await visit.Post(path, "erase", ("Confirmed", "yes"));
        Assert.NotNull(await site.Database.People.IdentityAsync(person.Id));
        await visit.Post(path, "erase", ("Confirmed", person.Pseudonym));
        Assert.Null(await site.Database.People.IdentityAsync(person.Id));
        Assert.Contains("person.erase", await visit.Page("/audit"));
    }

    [Fact]
    public async Task A_key_is_made_shown_once_and_taken_back()
    {
        await using var site = await Site.Open();
        var person = await site.Person();
        var visit = await site.SignedIn(person);
        using var made = await visit.Post("/keys", "key", ("Form.Name", "training"), ("Form.Scopes", "read"), ("Form.Days", ""));
        var program = site.Visit();
        program.Key = Regex.Match(await made.Content.ReadAsStringAsync(), "<code>([^<]+)").Groups[1].Value;
        await program.Ok(HttpMethod.Get, "/api/v1/me");
        Assert.DoesNotContain(program.Key, await visit.Page("/keys"));
        await visit.Post("/keys", $"revoke-{(await site.Database.Access.KeysAsync(person.Id))[0].Id}");
        Assert.Equal(HttpStatusCode.Unauthorized, (await program.Get("/api/v1/me")).StatusCode);
    }

    [Fact]
    public void Every_language_has_the_same_texts()
    {
        foreach (var language in Wording.All)
            Assert.Equal(Wording.Keys("en").Order(StringComparer.Ordinal), Wording.Keys(language).Order(StringComparer.Ordinal));
    }

    private static async Task<MultipartFormDataContent> Upload(Visit visit, string page, string form, string field, byte[] file, params (string Name, string Value)[] fields)
    {
        var content = new MultipartFormDataContent { { new StringContent(form), "_handler" }, { new StringContent(Visit.Token(await visit.Page(page))), "__RequestVerificationToken" } };
        foreach (var (name, value) in fields)
            content.Add(new StringContent(value), name);
        content.Add(new ByteArrayContent(file), field, "comparisons.jsonl");
        return content;
    }
}
