using System.Net;
using System.Text;
using Attune.Feedback.Tasks;
using Attune.Storage.People;
using Attune.Storage.Work;

namespace Attune.Web.Tests;

/// <summary>Pictures that come along with a file of tasks.</summary>
public sealed class PictureTests
{
    private static readonly byte[] Png = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2];
    private const string Line = """{"kind":"question","id":"q","image":"cat.png","imageText":"A \"cat\"","questions":[{"id":"a","text":"A cat?","type":"yes-no"}]}""";

    [Theory]
    [InlineData("/projects/{0}", "tasks", "")]
    [InlineData("/projects/new", "project", "Form.")]
    public async Task They_are_sent_beside_the_file_on_a_page_and_shown_out_of_the_task(string page, string form, string prefix)
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var owner = await site.SignedIn(await site.Person(Role.Owner));
        using var bad = await Send(owner, string.Format(null, page, project.Id), form, prefix, ("cat.png", "<svg onload=alert(1)>"u8.ToArray()));
        Assert.Contains("which begins as none of PNG, JPEG, GIF and WebP", WebUtility.HtmlDecode(await bad.Content.ReadAsStringAsync()));
        using var none = await Send(owner, string.Format(null, page, project.Id), form, prefix, ("dog.png", Png));
        Assert.Contains("has the image 'cat.png', which is not there", WebUtility.HtmlDecode(await none.Content.ReadAsStringAsync()));
        Assert.Single((await site.Database.Projects.ListAsync(null, new())).Items);
        using var sent = await Send(owner, string.Format(null, page, project.Id), form, prefix, ("dog.png", Png), ("cat.png", Png));

        var made = (await site.Database.Projects.ListAsync(null, new())).Items[^1];
        var task = Assert.Single((await site.Database.Tasks.ListAsync(made.Id, new(), new())).Items);
        var picture = $"data:image/png;base64,{Convert.ToBase64String(Png)}";
        Assert.Equal(picture, TaskPayload.Read<QuestionTask>(task.Payload).Image);
        using var shown = await (await site.SignedIn(await site.Member(made))).Get($"/work/{made.Id}");
        Assert.Contains($"<img src=\"{picture}\"", await shown.Content.ReadAsStringAsync());
        Assert.Contains("img-src 'self' data:;", Assert.Single(shown.Headers.GetValues("Content-Security-Policy")));
    }

    [Theory]
    [InlineData("tasks", "/etc/hostname")]
    [InlineData("tasks", "https://example.org/cat.png")]
    [InlineData("golden", "cat.png")]
    public async Task A_body_of_the_api_has_no_files_beside_it_and_says_what_it_takes(string path, string image)
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var line = Line.Replace("cat.png", image, StringComparison.Ordinal).Replace("\"id\":\"q\"", "\"id\":\"q\",\"purpose\":\"golden\",\"expected\":{\"answer\":\"yes\"}", StringComparison.Ordinal);
        using var reply = await (await site.SignedIn(await site.Person(Role.Owner))).Json(HttpMethod.Post, $"/api/v1/projects/{project.Id}/{path}", raw: line);
        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
        var problem = (await reply.Content.ReadAsStringAsync()).Replace("\\u0027", "'", StringComparison.Ordinal);
        Assert.Contains("line 1", problem);
        Assert.Contains($"has the image '{image}', expected data:image/png;base64, (or jpeg, gif, webp) and base64 of at most 4194304 bytes, as no files come along with these lines", problem);
        Assert.Empty((await site.Database.Tasks.ListAsync(project.Id, new(), new())).Items);
    }

    [Fact]
    public async Task What_a_new_project_could_not_take_makes_none()
    {
        await using var site = await Site.Open();
        var owner = await site.SignedIn(await site.Person(Role.Owner));
        const string Unfit = """{"kind":"rate","id":"r","prompt":"p","answers":[{"source":"m","text":"a"}],"purpose":"golden","expected":{"ratings":[{"axis":"beauty","value":3}]}}""";
        using var reply = await Send(owner, "/projects/new", "project", "Form.", Unfit);
        Assert.Contains("expects 3 on 'beauty', but the project asks for overall (1 to 7)", WebUtility.HtmlDecode(await reply.Content.ReadAsStringAsync()));
        Assert.Empty((await site.Database.Projects.ListAsync(null, new())).Items);
    }

    private static Task<HttpResponseMessage> Send(Visit visit, string page, string form, string prefix, params (string Name, byte[] Bytes)[] pictures) => Send(visit, page, form, prefix, Line, pictures);

    private static async Task<HttpResponseMessage> Send(Visit visit, string page, string form, string prefix, string lines, params (string Name, byte[] Bytes)[] pictures)
    {
        var content = new MultipartFormDataContent
        {
            { new StringContent(form), "_handler" }, { new StringContent(Visit.Token(await visit.Page(page))), "__RequestVerificationToken" },
            { new ByteArrayContent(Encoding.UTF8.GetBytes(lines)), $"{prefix}File", "tasks.jsonl" },
        };
        foreach (var (name, bytes) in pictures)
            content.Add(new ByteArrayContent(bytes), $"{prefix}Images", name);
        foreach (var (key, value) in prefix.Length == 0 ? [] : new[] { ("Name", "New"), ("Kind", $"{TaskKind.Question}"), ("Overlap", "2") })
            content.Add(new StringContent(value), prefix + key);
        return await visit.Send(HttpMethod.Post, page, content);
    }
}
