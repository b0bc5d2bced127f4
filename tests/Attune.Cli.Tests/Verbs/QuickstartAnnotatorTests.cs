using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Attune.Evaluation;
using Attune.Feedback;
using Attune.Loop;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Training;
using Attune.Storage.Work;
using Attune.Tests;
using Attune.Tests.Loop;

namespace Attune.Cli.Tests.Verbs;

public sealed class QuickstartAnnotatorTests(SmallQuickstart small) : IClassFixture<SmallQuickstart>
{
    [Fact]
    public async Task The_crowds_judgments_are_in_the_database_of_the_folder_as_they_are_in_the_log()
    {
        var folder = new QuickstartFolder(small.Straight);
        await using var database = await Database.OpenAsync(folder.Database, new() { ReadOnly = true });
        var project = (await database.Projects.FindByNameAsync(RoundStore.ProjectName))!;

        var log = JudgmentLog.Read(folder.Judgments(1)).Judgments;
        var kept = await database.Judgments.ReadAsync(project.Id, new());
        Assert.Equal(log.Select(one => one.ToJson()).Order(StringComparer.Ordinal), kept.Select(one => one.ToJson()).Order(StringComparer.Ordinal));
        var progress = await database.Tasks.ProgressAsync(project.Id);
        Assert.Equal((log.Count, progress.Tasks), (progress.Accepted, progress.Complete)); // every task has exactly the answers it wanted
        Assert.Equal(progress.Wanted, progress.Accepted);
        Assert.Equal(ComparisonFile.Read(folder.Comparisons(1)).Count, progress.Tasks);
        var feedback = await ProjectReader.ReadAsync(database, project.Id);
        Assert.All(feedback.Judgments, judgment => Assert.Equal(JudgmentSource.Simulated, feedback.SourceOf(judgment)));
        var own = PreferenceExport.ReadPairs(folder.Preferences(1));
        var read = feedback.Preferences(Feedback.Aggregation.PreferenceAggregation.MajorityVote, Annotators.Load(folder.Annotators));
        Assert.Equal(own.Select(row => (row.Id, row.Chosen, row.PChosen, row.Judges)).Order(), read.Select(row => (row.Id, row.Chosen, row.PChosen, row.Judges)).Order());
    }

    [Fact]
    public async Task A_person_judges_in_a_browser_is_interrupted_goes_on_and_the_rest_follows_by_itself()
    {
        const int Pairs = 6;
        var folder = new QuickstartFolder(small.At("own"));
        string[] line = small.Line("own", "--annotator", "me", "--comparisons", $"{Pairs}");
        using (var program = ProgramProcess.StartAt(small.Home, line))
        {
            using var person = await Person.Of(program);
            Assert.Equal(HttpStatusCode.Gone, await Person.Status(person.Link)); // it works once
            await person.Judge(2);
            program.Interrupt();
            var stopped = await program.End();
            Assert.Equal(130, stopped.ExitCode);
            Assert.Contains("--annotator me --comparisons 6 --resume", stopped.Log);
        }
        Assert.False(folder.IsDone(QuickstartStage.Judge, 1));

        using var resumed = ProgramProcess.StartAt(small.Home, [.. line, "--resume"]);
        using (var person = await Person.Of(resumed))
        {
            await resumed.Until(() => resumed.HasLogged($"judge the {Pairs - 2} pairs that are left"), "the rest");
            await person.Judge(Pairs - 2);
        }
        var ended = await resumed.End();

        Assert.True(ended.ExitCode == 0, ended.Log);
        Assert.Contains($"your judgments  {Pairs}/{Pairs} pairs", ended.Log);
        var judgments = JudgmentLog.Read(folder.Judgments(1)).Judgments;
        var own = judgments.Where(judgment => judgment.AnnotatorId == CrowdFeedback.Person).ToArray();
        Assert.Equal((Pairs, JudgmentSource.Human), (own.Length, own[0].Source));
        var people = Annotators.Load(folder.Annotators);
        Assert.All(judgments.Except(own), judgment => Assert.Equal(AnnotatorGroup.HeldOut, people.GroupOf(judgment.AnnotatorId)));
        var learnt = PreferenceExport.ReadRankings(folder.Rankings(1));
        Assert.All(learnt, ranking => Assert.Single(ranking.Judgments.Intersect(own.Select(judgment => judgment.Id))));
        Assert.Equal(Pairs, learnt.Count);
        var report = ReportFile.Read(Path.Combine(folder.Evaluation(1), Evaluating.ReportName));
        Assert.Contains(report.Facts, fact => fact.Name == "Judgments that trained the reward model" && fact.Value == $"{Pairs} by one person (human)");
        Assert.Contains("by a simulated crowd that training never asked", report.Summary);
    }

    [Fact]
    public async Task Comparisons_without_a_person_and_fewer_than_one_are_refused()
    {
        var without = await Printed.By("quickstart", "--comparisons", "5", "--dry-run");
        var none = await Printed.By("quickstart", "--annotator", "me", "--comparisons", "0", "--dry-run");
        var plan = await Printed.By("quickstart", "--annotator", "me", "--budget", "small", "--dry-run");

        Assert.Equal([2, 2, 0], new[] { without.ExitCode, none.ExitCode, plan.ExitCode });
        Assert.Contains("stands without --annotator me", without.Log);
        Assert.Contains("is 0, expected at least 1", none.Log);
        Assert.Contains("50 comparisons of 2 answers by you, in a browser", plan.Result);
    }

    /// <summary>Somebody with a browser: opens the link, and sends what the page's script sends.</summary>
    private sealed class Person : IDisposable
    {
        private readonly HttpClient _http = new(new HttpClientHandler { CookieContainer = new(), AllowAutoRedirect = false });
        private Uri _root = null!;
        private string _project = "";

        public string Link { get; private init; } = "";

        public static async Task<Person> Of(ProgramProcess program)
        {
            await program.Until(() => Regex.IsMatch(program.Logged, @"http://127\.0\.0\.1:\d+/begin/\S+"), "the link");
            var person = new Person { Link = Regex.Match(program.Logged, @"http://127\.0\.0\.1:\d+/begin/\S+").Value };
            using var reply = await person._http.GetAsync(person.Link);
            Assert.Equal(HttpStatusCode.Redirect, reply.StatusCode);
            person._root = new(new Uri(person.Link).GetLeftPart(UriPartial.Authority));
            person._project = reply.Headers.Location!.OriginalString.Split('/')[^1];
            return person;
        }

        public static async Task<HttpStatusCode> Status(string link)
        {
            using var http = new HttpClient();
            using var reply = await http.GetAsync(link);
            return reply.StatusCode;
        }

        public async Task Judge(int count)
        {
            var page = await _http.GetStringAsync(new Uri(_root, $"/work/{_project}"));
            var token = Regex.Match(page, "__RequestVerificationToken\" value=\"([^\"]+)").Groups[1].Value;
            if (token.Length == 0)
                token = Regex.Match(await _http.GetStringAsync(_root), "__RequestVerificationToken\" value=\"([^\"]+)").Groups[1].Value;
            for (var i = 0; i < count; i++)
            {
                var task = (await Send($"/api/v1/projects/{_project}/next", new { }, token)).GetProperty("task");
                Assert.Equal(2, task.GetProperty("answers").GetArrayLength());
                await Send("/api/v1/leases/submit", new { token = task.GetProperty("token").GetString(), answer = new { step = 1 + i, seconds = 1 } }, token);
            }
        }

        public void Dispose() => _http.Dispose();

        private async Task<JsonElement> Send(string path, object body, string token)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_root, path)) { Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json") };
            request.Headers.Add("RequestVerificationToken", token);
            using var reply = await _http.SendAsync(request);
            var text = await reply.Content.ReadAsStringAsync();
            Assert.True(reply.IsSuccessStatusCode, $"{path}: {(int)reply.StatusCode} {text}");
            return JsonSerializer.Deserialize<JsonElement>(text);
        }
    }
}
