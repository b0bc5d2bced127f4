using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Attune.Benchmarks.Web;
using Attune.Storage;
using Attune.Storage.Arena;
using Attune.Storage.People;
using Attune.Web.Client;
using Attune.Web.Work;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Attune.Cli.Tests.Web;

/// <summary>What the program keeps beside judgments when it is killed with -9: votes of the arena, and deliveries of webhooks.</summary>
public sealed class KilledServerTests : IDisposable
{
    private static readonly string[] Program = ["dotnet", Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll")];
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("attune-killed-");

    private string Url => Path.Combine(_folder.FullName, "attune.db");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Votes_of_the_arena_that_were_acknowledged_are_there_once()
    {
        const int Voters = 4, VotesEach = 10, Kills = 3;
        await using var model = await Beside.Open(request => Results.Json(new { choices = new[] { new { index = 0, message = new { role = "assistant", content = "Blue." } } } }));
        var arena = Path.Combine(_folder.FullName, "arena.yaml");
        await File.WriteAllTextAsync(arena, $$"""
            models:
              - { name: crane-one, url: "{{model.Address}}", model: c }
              - { name: finch-two, url: "{{model.Address}}", model: f }
            votesPerDay: 1000
            messagesPerMinute: 1000
            """);
        var keys = new List<string>();
        await using (var database = await Database.OpenAsync(Url))
        {
            for (var voter = 0; voter < Voters; voter++)
            {
                var person = await database.People.CreateAsync(new() { DisplayName = $"Voter {voter}" }, null);
                await database.Arena.ConsentAsync(person.Id, null, "1", pools: false);
                keys.Add((await database.Access.CreateKeyAsync(person.Id, "vote", ["work"], null, null)).Token);
            }
        }
        using var server = await ServerProcess.StartAsync(Program, Url, "--arena", arena);
        var acknowledged = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        var voting = Task.WhenAll(keys.Select(key => Task.Run(async () =>
        {
            using var client = new AttuneClient(server.Address, key) { Patience = Patience };
            for (var vote = 0; vote < VotesEach; vote++)
            {
                var talk = (await client.SendAsync<JsonElement>(HttpMethod.Post, "arena/talks", new { mode = "blind", token = $"{vote}" })).GetProperty("id").GetString()!;
                await client.SendAsync<JsonElement>(HttpMethod.Put, $"arena/talks/{talk}/turns/1", new { prompt = "Which colour has the sky?" });
                var choice = vote % 2 == 0 ? "a" : "both-bad";
                await client.SendAsync<JsonElement>(HttpMethod.Post, $"arena/talks/{talk}/vote", new { choice, token = "once" });
                Assert.True(acknowledged.TryAdd(talk, choice));
            }
        })));
        for (var kill = 1; kill <= Kills && !voting.IsCompleted; kill++)
        {
            await Until(() => Task.FromResult(acknowledged.Count >= kill * Voters * VotesEach / (Kills + 1) || voting.IsCompleted));
            server.Kill();
            await server.StartAsync();
        }
        await voting;
        server.Kill();

        await using var after = await Database.OpenAsync(Url);
        var votes = await after.ReadAsync(transaction => transaction.QueryAsync<ArenaBallot>("SELECT * FROM arena_votes"));
        Assert.Equal(Voters * VotesEach, acknowledged.Count);
        Assert.Equal(acknowledged.OrderBy(vote => vote.Key, StringComparer.Ordinal), votes.Select(vote => KeyValuePair.Create(vote.TalkId, vote.Choice)).OrderBy(vote => vote.Key, StringComparer.Ordinal));
        Assert.Equal(acknowledged.Count, (await ArenaVotes.CountedAsync(after)).Count);
    }

    [Fact]
    public async Task Events_on_their_way_to_a_webhook_come_again_under_the_same_id_and_none_is_missing()
    {
        const int Answers = 4;
        var calls = new ConcurrentQueue<(string Id, string Body)>();
        var isDeaf = true; // it takes the first event and never says so
        await using var receiver = await Beside.Open(async request =>
        {
            using var reader = new StreamReader(request.Body);
            calls.Enqueue((request.Headers["Attune-Event-Id"].ToString(), await reader.ReadToEndAsync()));
            while (Volatile.Read(ref isDeaf))
                await Task.Delay(20, request.HttpContext.RequestAborted);
            return Results.Ok();
        });
        string projectId, key;
        await using (var database = await Database.OpenAsync(Url))
        {
            var project = await database.Projects.CreateAsync("Colours", new() { Overlap = 1, MaximumOverlap = 1 }, null, seed: 7);
            var pairs = string.Concat(Enumerable.Range(0, Answers).Select(i => $$"""{"id":"c{{i}}","prompt":"Name a colour.","answers":[{"source":"a","text":"red"},{"source":"b","text":"blue"}],"order":[0,1]}""" + "\n"));
            await ComparisonProject.AddAsync(database, project, ComparisonProject.Parse("pairs", Encoding.UTF8.GetBytes(pairs)), null, CancellationToken.None);
            var person = await database.People.CreateAsync(new() { DisplayName = "Ann" }, null);
            await database.Projects.SetMemberAsync(project.Id, person.Id, Role.Annotator, null);
            await database.Webhooks.CreateAsync(project.Id, receiver.Address, ["judgment.created"], null);
            (projectId, key) = (project.Id, (await database.Access.CreateKeyAsync(person.Id, "work", ["work"], null, null)).Token);
        }
        using var server = await ServerProcess.StartAsync(Program, Url);
        var given = new List<string>();
        using (var client = new AttuneClient(server.Address, key) { Patience = Patience })
        {
            for (var task = (await client.NextAsync(projectId)).Task; task is not null;)
            {
                var reply = await client.SubmitAsync(task.Token, new() { Step = 1 }, next: true);
                given.Add(reply.JudgmentId);
                task = reply.Next!.Task;
            }
        }
        await Until(() => Task.FromResult(!calls.IsEmpty));
        server.Kill();
        Volatile.Write(ref isDeaf, false);
        await using (var database = await Database.OpenAsync(Url))
            await database.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE webhooks SET claimed_until = 0")); // the half minute is over for which the killed program holds it
        await server.StartAsync();
        await using var beside = await Database.OpenAsync(Url, new() { ReadOnly = true });
        await Until(async () => await beside.ReadAsync(transaction => transaction.CountAsync("SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'delivered'")) == Answers);
        server.Kill();

        Assert.Equal(Answers, given.Count);
        var all = calls.ToArray();
        Assert.Equal(Answers + 1, all.Length);
        Assert.Equal(all[0], all[1]); // what was under way: the same id, the same body
        Assert.Equal(given, all.Skip(1).Select(call => Of(call.Body).GetProperty("data").GetProperty("judgmentId").GetString()));
        Assert.All(all, call => Assert.Equal(call.Id, Of(call.Body).GetProperty("id").GetString()));
        Assert.Equal(Answers, all.Select(call => call.Id).Distinct().Count());
    }

    private static JsonElement Of(string body) => JsonSerializer.Deserialize<JsonElement>(body);

    private static async Task Until(Func<Task<bool>> isTrue)
    {
        var began = System.Diagnostics.Stopwatch.StartNew();
        while (!await isTrue())
        {
            Assert.True(began.Elapsed < Patience, "what was waited for did not come");
            await Task.Delay(20);
        }
    }

    /// <summary>A program beside the server that answers every request in one way.</summary>
    private sealed class Beside : IAsyncDisposable
    {
        private readonly WebApplication _app;

        private Beside(WebApplication app) => _app = app;

        public string Address => _app.Urls.First();

        public static Task<Beside> Open(Func<HttpRequest, IResult> answer) => Open(request => Task.FromResult(answer(request)));

        public static async Task<Beside> Open(Func<HttpRequest, Task<IResult>> answer)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Logging.ClearProviders();
            var app = builder.Build();
            app.MapPost("/{**path}", answer);
            await app.StartAsync();
            return new(app);
        }

        public async ValueTask DisposeAsync()
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }
    }
}
