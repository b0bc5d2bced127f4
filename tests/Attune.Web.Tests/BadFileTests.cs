using System.Net;
using System.Text;
using Attune.Storage.People;
using Attune.Storage.Work;

namespace Attune.Web.Tests;

/// <summary>Bad files by every way in: file, line and reason are named, and nothing is changed.</summary>
public sealed class BadFileTests
{
    private const string FileName = "bad-file.jsonl";

    // What is wrong with the second line, and a part of what has to be said of it.
    private static readonly (string Name, byte[] Line, string Says)[] Comparisons =
    [
        ("cut off", "{\"id\":\"b\",\"prompt\""u8.ToArray(), "line 2"),
        ("no answers", """{"id":"b","prompt":"p"}"""u8.ToArray(), "line 2"),
        ("no object", "[1]"u8.ToArray(), "line 2"),
        ("a key twice", """{"id":"b","id":"c","prompt":"p","answers":[{"source":"a","text":"b"},{"source":"a","text":"c"}],"order":[0,1]}"""u8.ToArray(), "line 2"),
        ("an order of others", """{"id":"b","prompt":"p","answers":[{"source":"a","text":"b"},{"source":"a","text":"c"}],"order":[0,7]}"""u8.ToArray(), "line 2"),
        ("an id again", Encoding.UTF8.GetBytes(Good("one")), "line 2"),
        ("half a character", [.. "{\"id\":\"b\",\"prompt\":\""u8, 0xC3, 0x28, .. "\",\"answers\":[{\"source\":\"a\",\"text\":\"b\"},{\"source\":\"a\",\"text\":\"c\"}],\"order\":[0,1]}"u8], "line 2"),
        ("half a pair", """{"id":"b","prompt":"\ud800","answers":[{"source":"a","text":"b"},{"source":"a","text":"c"}],"order":[0,1]}"""u8.ToArray(), "line 2"),
        ("deep", Encoding.UTF8.GetBytes(new string('[', 5_000)), "line 2"),
    ];

    public static TheoryData<string> Ways => ["api tasks", "page tasks", "new project", "api batch", "page batch", "api golden", "page golden"];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_bad_line_is_named_with_its_file_and_nothing_is_changed(string way)
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var batch = await site.Database.Batches.CreateAsync(project.Id, "week", "{}", null);
        var visit = await site.SignedIn(await site.Person(Role.Owner));
        var audit = (await site.Database.Audit.ListAsync(null, new() { Size = 200 })).Items.Count;
        var faults = new List<string>();
        foreach (var (name, line, says) in Comparisons)
        {
            var isGolden = way.EndsWith("golden", StringComparison.Ordinal);
            byte[] file = [.. Encoding.UTF8.GetBytes(isGolden ? Golden(Good("one")) : Good("one")), (byte)'\n', .. isGolden ? Golden(line) : line, (byte)'\n'];
            using var reply = await SendAsync(visit, project.Id, batch.Id, way, file);
            var text = WebUtility.HtmlDecode(await reply.Content.ReadAsStringAsync());
            var isPage = !way.StartsWith("api", StringComparison.Ordinal);
            if (reply.StatusCode != (isPage ? HttpStatusCode.OK : HttpStatusCode.BadRequest) || !text.Contains(says, StringComparison.Ordinal) || !text.Contains("expected", StringComparison.Ordinal) || !text.Contains(isPage ? FileName : "The body", StringComparison.Ordinal))
            {
                var at = text.IndexOf("class=\"problem\"", StringComparison.Ordinal);
                faults.Add($"{name}: {(int)reply.StatusCode} {(at < 0 ? text[..Math.Min(300, text.Length)] : text.Substring(at, Math.Min(400, text.Length - at)))}");
            }
        }
        Assert.True(faults.Count == 0, string.Join('\n', faults));
        Assert.Equal(0, (await site.Database.Tasks.ProgressAsync(project.Id)).Tasks);
        Assert.Empty((await site.Database.Tasks.ListAsync(project.Id, new(), new())).Items);
        Assert.Equal(audit, (await site.Database.Audit.ListAsync(null, new() { Size = 200 })).Items.Count);
        Assert.Single((await site.Database.Projects.ListAsync(null, new())).Items);
    }

    [Theory]
    [InlineData("../../../../tmp/attune-evil.jsonl")]
    [InlineData("..\\..\\attune-evil.jsonl")]
    [InlineData("/etc/attune-evil.jsonl")]
    public async Task A_files_name_is_only_a_name(string name)
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        var visit = await site.SignedIn(await site.Person(Role.Owner));
        using var content = await Form(visit, $"/projects/{project.Id}", "import", "Import.File", Encoding.UTF8.GetBytes("""{"prompt":"p","chosen":"a","rejected":"b"}"""), name, ("Import.Shape", "trl"), ("Import.Unknown", "true"));
        using var reply = await visit.Send(HttpMethod.Post, $"/projects/{project.Id}", content);
        Assert.Contains("1 comparisons", (await reply.Content.ReadAsStringAsync()).Replace("1 rows", "", StringComparison.Ordinal));
        Assert.Equal("attune-evil.jsonl", Assert.Single(await Attune.Storage.Training.DataSets.ListAsync(site.Database, project.Id)).Name);
        Assert.False(File.Exists("/tmp/attune-evil.jsonl") || File.Exists("/etc/attune-evil.jsonl"));
        foreach (var path in new[] { "/assets/x/../../../etc/passwd", "/assets/x/%2e%2e/%2e%2e/etc/passwd", "/assets/x/..%2f..%2fetc%2fpasswd", "/assets/x/%00" })
            Assert.NotEqual(HttpStatusCode.OK, (await visit.Get(path)).StatusCode);
    }

    private static async Task<HttpResponseMessage> SendAsync(Visit visit, string project, string batch, string way, byte[] file)
    {
        if (way.StartsWith("api", StringComparison.Ordinal))
        {
            var path = way switch { "api tasks" => "tasks", "api golden" => "golden", _ => $"batches/{batch}/tasks" };
            return await visit.Send(HttpMethod.Post, $"/api/v1/projects/{project}/{path}", new ByteArrayContent(file), Visit.Token(await visit.Page("/")));
        }
        var (page, form, field) = way switch
        {
            "page tasks" => ($"/projects/{project}", "tasks", "File"),
            "page batch" => ($"/projects/{project}/batches", $"tasks-{batch}", "File"),
            "page golden" => ($"/projects/{project}/golden", "add", "File"),
            _ => ("/projects/new", "project", "Form.File"),
        };
        (string, string)[] fields = way == "new project" ? [("Form.Name", "New"), ("Form.Kind", "Pair"), ("Form.Overlap", "2")] : [];
        return await visit.Send(HttpMethod.Post, page, await Form(visit, page, form, field, file, FileName, fields));
    }

    private static async Task<MultipartFormDataContent> Form(Visit visit, string page, string form, string field, byte[] file, string name, params (string Name, string Value)[] fields)
    {
        var content = new MultipartFormDataContent { { new StringContent(form), "_handler" }, { new StringContent(Visit.Token(await visit.Page(page))), "__RequestVerificationToken" } };
        foreach (var (key, value) in fields)
            content.Add(new StringContent(value), key);
        content.Add(new ByteArrayContent(file), field, name);
        return content;
    }

    private static string Good(string id) => $$"""{"id":"{{id}}","prompt":"p","answers":[{"source":"a","text":"b"},{"source":"a","text":"c"}],"order":[0,1]}""";

    private static string Golden(string line) => line[..^1] + ",\"expected\":{\"best\":0}}";

    private static byte[] Golden(byte[] line) => line[^1] == (byte)'}' ? [.. line[..^1], .. ",\"expected\":{\"best\":0}}"u8] : line;
}
