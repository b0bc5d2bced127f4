using System.Net;
using Attune.Runs;
using Attune.Storage.People;
using Attune.Updates;

namespace Attune.Web.Tests;

public sealed class RunsTests : IDisposable
{
    private readonly DirectoryInfo _outside = Directory.CreateTempSubdirectory("attune-runs-");
    private readonly string _runs;

    public RunsTests()
    {
        _runs = Path.Combine(_outside.FullName, "runs");
        Directory.CreateDirectory(Path.Combine(_runs, "quick", "ppo"));
        File.WriteAllText(Path.Combine(_runs, "quick", "recipe.yaml"), "seed: 1\n");
        Metrics(Path.Combine(_runs, "quick", "ppo"), 0, 3);
        foreach (var step in new[] { 0, 25 })
            RolloutRecords.Write(Path.Combine(_runs, "quick", "ppo"), step, [Record(step)], 10);
        Metrics(_outside.FullName, 0, 1); // a run that lies outside
        Directory.CreateSymbolicLink(Path.Combine(_runs, "link"), _outside.FullName);
        Directory.CreateDirectory(Path.Combine(_runs, "linked"));
        File.CreateSymbolicLink(Path.Combine(_runs, "linked", "result.json"), "/etc/hostname");
    }

    public void Dispose() => _outside.Delete(recursive: true);

    [Fact]
    public async Task Runs_below_the_folder_are_listed_with_stages_and_metrics_and_nothing_outside_is()
    {
        await using var site = await Site.Open(new() { RequestsPerMinute = 1_000_000, Runs = _runs });
        var owner = await site.Program(await site.Person(Role.Owner), "read");
        var names = (await owner.Ok(HttpMethod.Get, "/api/v1/runs")).GetProperty("items").EnumerateArray().Select(run => run.GetProperty("name").GetString());
        Assert.Equal(["quick", "quick/ppo"], names);
        var rows = await owner.Ok(HttpMethod.Get, "/api/v1/runs/metrics?name=quick%2Fppo&after=0");
        Assert.Equal([1, 2], rows.GetProperty("items").EnumerateArray().Select(row => row.GetProperty("step").GetInt32()));
        Assert.Equal(0.5, rows.GetProperty("items")[0].GetProperty("values").GetProperty("loss").GetDouble());

        var page = await (await site.SignedIn(await site.Person(Role.Manager))).Page("/runs/run?name=quick");
        Assert.Contains("href=\"/runs/run?name=quick%2Fppo\"", page);
        page = await (await site.SignedIn(await site.Person(Role.Owner))).Page("/runs/run?name=quick%2Fppo");
        Assert.Contains("<svg", page);
        Assert.DoesNotContain("style=\"", page);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("../")]
    [InlineData("quick/../..")]
    [InlineData("quick/ppo/../../..")]
    [InlineData("/")]
    [InlineData("/etc")]
    [InlineData("link")]
    [InlineData("linked")]
    [InlineData("quick\\ppo")]
    [InlineData("quick/ppo/rollouts")]
    [InlineData("quick%2Fppo")]
    [InlineData("quick\0")]
    [InlineData("")]
    public async Task No_name_leaves_the_folder(string name)
    {
        await using var site = await Site.Open(new() { RequestsPerMinute = 1_000_000, Runs = _runs });
        var owner = await site.Person(Role.Owner);
        var (program, browser) = (await site.Program(owner, "read"), await site.SignedIn(owner));
        foreach (var path in new[] { "run", "metrics", "rollouts", "events" })
        {
            using var reply = await program.Get($"/api/v1/runs/{path}?step=0&name={Uri.EscapeDataString(name)}");
            Assert.Equal(HttpStatusCode.NotFound, reply.StatusCode);
        }
        foreach (var path in new[] { "run", "rollouts" })
        {
            using var reply = await browser.Get($"/runs/{path}?step=0&name={Uri.EscapeDataString(name)}");
            Assert.Equal(HttpStatusCode.NotFound, reply.StatusCode);
        }
    }

    [Fact]
    public async Task Rollouts_are_shown_token_by_token_and_two_steps_are_compared_word_by_word()
    {
        await using var site = await Site.Open(new() { RequestsPerMinute = 1_000_000, Runs = _runs });
        var owner = await site.Person(Role.Owner);
        var program = await site.Program(owner, "read");
        var records = await program.Ok(HttpMethod.Get, "/api/v1/runs/rollouts?name=quick%2Fppo&step=25");
        Assert.Equal([0.5, -0.25], records[0].GetProperty("advantages").EnumerateArray().Select(value => value.GetDouble()));
        Assert.Equal(HttpStatusCode.NotFound, (await program.Get("/api/v1/runs/rollouts?name=quick%2Fppo&step=7")).StatusCode);

        var page = await (await site.SignedIn(owner)).Page("/runs/rollouts?name=quick%2Fppo&step=25&against=0&colour=advantage");
        Assert.Contains("<span class=\"high3\">good</span><span class=\"low2\"> &lt;b&gt;25</span>", page);
        Assert.Matches("<del>[^<]*0</del><ins>[^<]*25</ins>", page);
        Assert.Contains("<td class=\"number\">-0.250</td>", page);
    }

    [Fact]
    public async Task A_run_that_goes_on_is_news_and_a_broken_file_is_said()
    {
        await using var site = await Site.Open(new() { RequestsPerMinute = 1_000_000, Runs = _runs });
        var owner = await site.Person(Role.Owner);
        var program = await site.Program(owner, "read");
        await using (var stream = await Events.Open(program, "/api/v1/runs/events?name=quick%2Fppo"))
        {
            var first = await stream.Next(TimeSpan.FromSeconds(10));
            Metrics(Path.Combine(_runs, "quick", "ppo"), 3, 4);
            Assert.NotEqual(first.Id, (await stream.Next(TimeSpan.FromSeconds(10))).Id);
        }
        File.WriteAllText(Path.Combine(_runs, "quick", "ppo", "metrics.jsonl"), "{}\nno line\n{}\n");
        Assert.Contains("is not a line of metrics", await (await site.SignedIn(owner)).Page("/runs/run?name=quick%2Fppo"));
    }

    private static void Metrics(string folder, int from, int to)
    {
        using var log = new MetricsLog(Path.Combine(folder, "metrics.jsonl"), from);
        for (var step = from; step < to; step++)
            log.Append(step, new Dictionary<string, double> { ["loss"] = 1.0 / (step + 1), ["objective/kl"] = step });
    }

    private static RolloutRecord Record(int step) => new()
    {
        Step = step,
        Row = 3,
        Prompt = "Is it good?",
        Answer = $"good <b>{step}",
        Score = 1,
        Finish = "length",
        Tokens = ["good", $" <b>{step}"],
        LogProbs = [-1, -2],
        Kl = [0.1, 0.2],
        Values = [0, 0.5],
        Rewards = [0, 1],
        Advantages = [0.5, -0.25],
    };
}
