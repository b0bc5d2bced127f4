using System.Net;
using System.Text.Json;
using Attune.Storage.People;
using Attune.Web.Work;

namespace Attune.Web.Tests;

public sealed class LiveTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Metrics_say_how_far_a_project_is_and_pay_is_for_who_runs_it()
    {
        await using var site = await Site.Open();
        var project = await site.Project(3);
        await site.Database.Pay.SetPlanAsync(project.Id, "currency: EUR\nprices: [{kind: pair, from: 0, to: 100, tasks: 1, price: 1.50}]", null);
        var worker = await site.Member(project);
        await Judge(site, worker, project.Id, 2);
        site.Clock.Advance(TimeSpan.FromHours(1));

        using var owner = await site.Client(await site.Person(Role.Owner), "read");
        var reply = await owner.MetricsAsync(project.Id, days: 2);
        Assert.Equal((6L, 2L), (reply.Metrics.Progress.Wanted, reply.Metrics.Progress.Accepted));
        Assert.Equal((2.0, reply.Metrics.At.AddHours(2)), (reply.Metrics.PerHour, reply.Metrics.ExpectedEnd));
        Assert.Equal((2, 2), (reply.Metrics.Days.Count, reply.Metrics.Days.Sum(day => day.Answers)));
        Assert.Equal((worker.Pseudonym, 2, 20.0), (reply.Metrics.Annotators.Single() is var row ? (row.AnnotatorId, row.Answers, row.ActiveSeconds) : default));
        Assert.Equal(("EUR", 3.00m), (reply.Pay!.Currency, reply.Pay.Total));

        using var viewer = await site.Client(await site.Member(project, Role.Viewer), "read");
        var seen = await viewer.MetricsAsync(project.Id);
        Assert.Equal((2L, null), (seen.Metrics.Progress.Accepted, seen.Pay));
    }

    [Fact]
    public async Task The_dashboard_draws_its_charts_with_tables_and_shows_pay_to_who_runs_the_project()
    {
        await using var site = await Site.Open();
        var project = await site.Project(3);
        await site.Database.Pay.SetPlanAsync(project.Id, "currency: EUR\nprices: [{kind: pair, from: 0, to: 100, tasks: 1, price: 1.50}]", null);
        var workers = new[] { await site.Member(project), await site.Member(project) };
        foreach (var worker in workers)
            await Judge(site, worker, project.Id, 3);
        await site.Database.Batches.CreateAsync(project.Id, "<week>", "{}", null);

        var page = await (await site.SignedIn(await site.Person(Role.Owner))).Page($"/projects/{project.Id}/dashboard");
        foreach (var id in new[] { "hours", "days", "agreement" })
            Assert.Contains($"aria-labelledby=\"{id}-title {id}-desc\"", page);
        Assert.Equal(3, page.Split("<svg").Length - 1);
        Assert.Contains("6 of 6", page);
        Assert.Contains(workers[0].Pseudonym, page);
        Assert.Contains("9.00 EUR", page);
        Assert.Contains("&lt;week&gt;", page);
        Assert.Contains($"href=\"/projects/{project.Id}/quality\"", page);
        Assert.DoesNotContain("style=\"", page);
        var asViewer = await (await site.SignedIn(await site.Member(project, Role.Viewer))).Page($"/projects/{project.Id}/dashboard");
        Assert.DoesNotContain("EUR", asViewer);
        Assert.Equal(HttpStatusCode.OK, (await site.Visit().Get(SiteAssets.Address("plot.css"))).StatusCode);
    }

    /// <summary>
    /// Three pairs for two people each, in two batches. Ann takes red twice; an hour later Ben takes red and blue; an hour after that somebody looks. So 4 of 6 answers in
    /// 2 hours are 2 an hour, and the last 2 take one more. Krippendorff's alpha: of four values three are red; one pair of two differs, so Do = 2·1/4 = ½, and
    /// De = 2·3·1/(4·3) = ½: 0, as chance would have it. At 1.50 a task both have 3.00.
    /// </summary>
    [Fact]
    public async Task The_dashboard_shows_a_small_log_as_it_is_worked_by_hand()
    {
        await using var site = await Site.Open();
        var project = await site.Project(0);
        await site.Database.Pay.SetPlanAsync(project.Id, "currency: EUR\nprices: [{kind: pair, from: 0, to: 100, tasks: 1, price: 1.50}]", null);
        foreach (var (name, tasks) in new[] { ("week 1", 2), ("week 2", 1) })
        {
            var batch = await site.Database.Batches.CreateAsync(project.Id, name, "{}", null);
            await ComparisonProject.AddAsync(site.Database, project, ComparisonProject.Parse("test", Site.Comparisons(tasks, name)), null, CancellationToken.None, batch.Id);
            if (name == "week 1")
                await site.Database.Batches.SetStateAsync(batch.Id, Storage.Work.BatchState.Open, null);
        }
        var (ann, ben) = (await site.Member(project), await site.Member(project));
        var began = site.Clock.GetUtcNow();
        await Choose(site, ann, project.Id, "red", "red");
        site.Clock.Advance(TimeSpan.FromHours(1));
        await Choose(site, ben, project.Id, "red", "blue");
        site.Clock.Advance(TimeSpan.FromHours(1));

        var owner = await site.Person(Role.Owner);
        using var client = await site.Client(owner, "read");
        var (metrics, pay) = await client.MetricsAsync(project.Id, days: 3) is var reply ? (reply.Metrics, reply.Pay!) : default;
        Assert.Equal((3L, 2L, 6L, 4L, 0L), (metrics.Progress.Tasks, metrics.Progress.Complete, metrics.Progress.Wanted, metrics.Progress.Accepted, metrics.Progress.Active));
        Assert.Equal((2.0, (DateTimeOffset?)began.AddHours(3)), (metrics.PerHour, metrics.ExpectedEnd));
        Assert.Equal([2, 2, 0], metrics.Hours.TakeLast(3).Select(hour => hour.Answers));
        Assert.Equal([0, 0, 4], metrics.Days.Select(day => day.Answers));
        var day = Assert.Single(metrics.Agreement);
        Assert.Equal((2, 4, 0.0), (day.Tasks, day.Answers, Math.Round(day.Alpha!.Value, 12)));
        Assert.Equal([(ann.Pseudonym, 2, began), (ben.Pseudonym, 2, began.AddHours(1))], metrics.Annotators.OrderBy(row => row.LastAt).Select(row => (row.AnnotatorId, row.Answers, row.LastAt)));
        Assert.Equal([("week 1", 2L, 4L, 4L), ("week 2", 0L, 0L, 2L)], metrics.Batches.Select(batch => (batch.Name, batch.Progress.Complete, batch.Progress.Accepted, batch.Progress.Wanted)));
        Assert.Equal((6.00m, 3.00m, 3.00m), (pay.Total, pay.Annotators[ann.Pseudonym], pay.Annotators[ben.Pseudonym]));

        var page = System.Text.RegularExpressions.Regex.Replace(await (await site.SignedIn(owner)).Page($"/projects/{project.Id}/dashboard"), @"\s+", " ");
        foreach (var shown in new[]
        {
            "<dd data-figure=\"accepted\">4 of 6</dd>", "<dd>2 of 3</dd>", "<dd>0</dd>", "<dd>2.0</dd>", $"<dd>{began.AddHours(3):yyyy-MM-dd HH:mm} UTC</dd>", "<dd>6.00 EUR</dd>",
            $"{ann.Pseudonym}</th><td>2</td><td>2</td><td>0 min 20 s</td><td>{began:yyyy-MM-dd HH:mm} UTC</td>", "<td>3.00 EUR</td>",
            "1. week 1</th><td>", "<td>2 of 2</td><td>4 of 4</td>", "2. week 2</th><td>", "<td>0 of 1</td><td>0 of 2</td>", "0.000",
        })
            Assert.True(page.Replace("> <", "><", StringComparison.Ordinal).Contains(shown, StringComparison.Ordinal), $"the page lacks {shown}");
    }

    [Fact]
    public async Task News_of_another_server_reach_the_stream_and_what_is_known_is_not_sent_again()
    {
        await using var site = await Site.Open();
        var project = await site.Project(3);
        var worker = await site.Member(project);
        var viewer = await site.Program(await site.Member(project, Role.Viewer), "read");
        var path = $"/api/v1/projects/{project.Id}/events";

        await using (var stream = await Events.Open(viewer, path))
        {
            var first = await stream.Next(Patience);
            Assert.Equal(0, Accepted(first.Data));
            await using var other = await site.Again(null); // a second server over the same database
            await Judge(site, worker, project.Id, 1);
            var second = await stream.Next(Patience);
            while (Accepted(second.Data) == 0)
                second = await stream.Next(Patience); // the lease is news as well
            Assert.Equal(1, Accepted(second.Data));
            Assert.NotEqual(first.Id, second.Id);

            await using var again = await Events.Open(viewer, $"{path}?after={Uri.EscapeDataString(second.Id)}");
            if (await again.NextOrNull(TimeSpan.FromSeconds(3)) is { } minute)
                Assert.NotEqual(second.Id, minute.Id); // a new minute, at most
        }
    }

    [Fact]
    public async Task A_person_has_few_streams_and_gets_one_back_for_each_that_is_closed()
    {
        await using var site = await Site.Open(new() { RequestsPerMinute = 1_000_000, StreamsPerPerson = 2 });
        var project = await site.Project(1);
        var viewer = await site.Program(await site.Member(project, Role.Viewer), "read");
        var path = $"/api/v1/projects/{project.Id}/events";
        var first = await Events.Open(viewer, path);
        await using var second = await Events.Open(viewer, path);
        using (var third = await viewer.Get(path))
            Assert.Equal(HttpStatusCode.TooManyRequests, third.StatusCode);
        await first.DisposeAsync();
        var until = TimeProvider.System.GetUtcNow() + Patience;
        for (var status = HttpStatusCode.TooManyRequests; status != HttpStatusCode.OK; await Task.Delay(100))
        {
            Assert.True(TimeProvider.System.GetUtcNow() < until, "a closed stream still counts");
            using var reply = await viewer.Get(path);
            status = reply.StatusCode;
        }
    }

    [Fact]
    public async Task Streams_end_when_the_server_stops()
    {
        await using var site = await Site.Open();
        var project = await site.Project(1);
        var viewer = await site.Program(await site.Member(project, Role.Viewer), "read");
        await using var other = await site.Again(null);
        await using var stream = await Events.Open(other.Visit, $"/api/v1/projects/{project.Id}/events");
        await stream.Next(Patience);
        var began = System.Diagnostics.Stopwatch.StartNew();
        await other.App.StopAsync();
        Assert.True(began.Elapsed < TimeSpan.FromSeconds(10), $"stopping took {began.Elapsed}");
        Assert.NotNull(viewer);
    }

    private static long Accepted(JsonElement data) => data.GetProperty("progress").GetProperty("accepted").GetInt64();

    /// <summary>Takes the answers with these texts, one task after the other by its subject's name.</summary>
    private static async Task Choose(Site site, Person person, string project, params string[] texts)
    {
        using var client = await site.Client(person, "work");
        foreach (var _ in texts)
        {
            var task = (await client.NextAsync(project)).Task!;
            var number = (await site.Database.Leases.FindByTokenAsync(task.Token))!.Task.SubjectId[^1] - '0';
            await client.SubmitAsync(task.Token, new() { Step = task.Answers[0].Text == texts[number] ? 1 : 8, Seconds = 12, ActiveSeconds = 10 });
        }
    }

    private static async Task Judge(Site site, Person person, string project, int count)
    {
        using var client = await site.Client(person, "work");
        for (var i = 0; i < count; i++)
        {
            var task = (await client.NextAsync(project)).Task!;
            await client.SubmitAsync(task.Token, new() { Step = 1, Seconds = 12, ActiveSeconds = 10 });
        }
    }
}

/// <summary>A stream of server-sent events.</summary>
internal sealed class Events(HttpResponseMessage reply, StreamReader lines) : IAsyncDisposable
{
    private Task<string?>? _line;

    public static async Task<Events> Open(Visit visit, string path)
    {
        var reply = await visit.Get(path);
        Assert.Equal((HttpStatusCode.OK, "text/event-stream"), (reply.StatusCode, reply.Content.Headers.ContentType?.MediaType));
        return new(reply, new StreamReader(await reply.Content.ReadAsStreamAsync()));
    }

    public async Task<(string Id, JsonElement Data)> Next(TimeSpan patience) => await NextOrNull(patience) ?? throw new TimeoutException("no event came");

    public async Task<(string Id, JsonElement Data)?> NextOrNull(TimeSpan patience)
    {
        var end = Task.Delay(patience);
        var id = "";
        while (true)
        {
            _line ??= lines.ReadLineAsync();
            if (await Task.WhenAny(_line, end) == end)
                return null;
            var line = await _line ?? throw new IOException("the stream has ended");
            _line = null;
            if (line.StartsWith("id: ", StringComparison.Ordinal))
                id = line[4..];
            if (line.StartsWith("data: ", StringComparison.Ordinal))
                return (id, JsonSerializer.Deserialize<JsonElement>(line[6..]));
        }
    }

    public ValueTask DisposeAsync()
    {
        reply.Dispose();
        lines.Dispose();
        return ValueTask.CompletedTask;
    }
}
