using System.Net;
using System.Text.Json;
using Attune.Feedback;
using Attune.Storage.Work;
using Attune.Web.Chat;
using Microsoft.AspNetCore.Builder;

namespace Attune.Web.Tests;

public sealed class ChatApiTests
{
    [Fact]
    public async Task Each_turn_has_two_answers_and_the_chosen_one_goes_on_into_the_judgment()
    {
        await using var talk = await Talk.Open(new() { AskStrength = true, SystemPrompt = "Be brief." });
        var first = await talk.Say(1, "Hello.");
        var shown = Texts(first);
        Assert.Equal(["1: an answer to Hello.", "2: an answer to Hello."], shown.Order());
        await talk.Choose(1, place: 1, strength: 3);
        var second = await talk.Say(2, "And *now*?");
        await talk.Choose(2, place: 0, strength: 0);
        await talk.Choose(2, place: 0, strength: 2); // until the next message it may be chosen otherwise

        var asked = talk.Endpoint.Asked.Last().Body.GetProperty("messages").EnumerateArray().Select(message => message.GetProperty("content").GetString());
        Assert.Equal(["Be brief.", "Hello.", shown[1], "And *now*?"], asked);
        var conversation = await talk.Visit.Ok(HttpMethod.Get, talk.Path());
        foreach (var reply in new[] { first, second, conversation, talk.Task })
            Assert.DoesNotContain("secret-name", reply.GetRawText());
        Assert.DoesNotContain("Be brief.", talk.Task.GetRawText());

        await talk.Refused(422, HttpMethod.Post, "/api/v1/leases/submit", new { token = talk.Token, answer = new { } }); // no verdict
        await talk.Refused(400, HttpMethod.Post, "/api/v1/leases/submit", new { token = talk.Token, answer = new { answers = new { conversation = "good" }, turns = new[] { new { prompt = "forged" } } } });
        var answer = new { token = talk.Token, answer = new { answers = new { conversation = "good" }, comment = "Went well." } };
        await talk.Visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", answer);
        Assert.True((await talk.Visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", answer)).GetProperty("repeat").GetBoolean());

        var judgment = Assert.Single(await talk.Site.Database.Judgments.ReadAsync(talk.Project.Id, new()));
        Assert.Null(judgment.Fault());
        Assert.Equal((Outcome.Conversed, "good", "Went well."), (judgment.Outcome, judgment.Answers!["conversation"], judgment.Comment));
        Assert.Equal(["Hello.", "And *now*?"], judgment.Turns!.Select(turn => turn.Prompt));
        Assert.Equal([3, 2], judgment.Turns!.Select(turn => turn.Strength!.Value));
        Assert.Equal(shown, judgment.Turns![0].Order.Select(index => judgment.Turns[0].Answers[index].Text));
        Assert.Equal([shown[1], Texts(second)[0]], judgment.Turns!.Select(turn => turn.Answers[turn.Chosen].Text));
        Assert.All(judgment.Turns![0].Answers, sampled => Assert.Equal(("secret-name", 0.8), (sampled.Source, sampled.Features["temperature"])));
        var manager = await talk.Site.SignedIn(await talk.Site.Member(talk.Project, Attune.Storage.People.Role.Manager));
        var pairs = (await manager.Page($"/api/v1/projects/{talk.Project.Id}/export/data.jsonl?shape=trl")).TrimEnd().Split('\n').Select(line => JsonSerializer.Deserialize<JsonElement>(line)).ToList();
        Assert.Equal(["Hello.", $"\n\nHuman: Hello.\n\nAssistant: {shown[1]}\n\nHuman: And *now*?\n\nAssistant:"], pairs.Select(pair => pair.GetProperty("prompt").GetString()));
        Assert.Equal([shown[1], $" {Texts(second)[0]}"], pairs.Select(pair => pair.GetProperty("chosen").GetString()));
        await talk.Refused(410, HttpMethod.Put, talk.Path(3), new { prompt = "More." });
        await talk.Refused(410, HttpMethod.Put, talk.Path(2) + "/choice", new { place = 1, strength = 1 });
    }

    [Fact]
    public async Task The_order_of_the_answers_is_drawn_for_each_turn_and_recorded()
    {
        await using var talk = await Talk.Open(new() { MaximumTurns = 12 });
        for (var turn = 1; turn <= 12; turn++)
        {
            await talk.Say(turn, "Go on.");
            await talk.Choose(turn, 0);
        }
        await talk.Visit.Ok(HttpMethod.Post, "/api/v1/leases/submit", new { token = talk.Token, answer = new { answers = new { conversation = "bad" } } });
        var turns = Assert.Single(await talk.Site.Database.Judgments.ReadAsync(talk.Project.Id, new())).Turns!;
        Assert.Equal([0, 1], turns.Select(turn => turn.Order[0]).Distinct().Order()); // the chance of one side in all of twelve: 1 in 2,048, and the seed is fixed
        Assert.All(turns, turn => Assert.Equal(turn.Order[0], turn.Chosen));
    }

    [Fact]
    public async Task However_often_a_turn_is_sent_its_answers_are_sampled_once_also_by_another_server()
    {
        await using var talk = await Talk.Open(new());
        talk.Endpoint.Takes = TimeSpan.FromMilliseconds(300);
        var all = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => talk.Say(1, "Hello.")));
        Assert.Single(all.Select(reply => reply.GetRawText()).Distinct());
        Assert.Single(talk.Endpoint.Asked);
        await talk.Choose(1, 1);

        await using var next = await talk.Site.Again(talk.Model); // the first one was killed, say
        var conversation = await next.Visit.Ok(HttpMethod.Get, talk.Path());
        Assert.Equal(1, conversation.GetProperty("turns")[0].GetProperty("chosen").GetInt32());
        Assert.Equal(all[0].GetProperty("answers").GetRawText(), (await next.Visit.Ok(HttpMethod.Put, talk.Path(1), new { prompt = "Hello." })).GetProperty("answers").GetRawText());
        Assert.Single(talk.Endpoint.Asked);
    }

    [Fact]
    public async Task A_model_that_fails_costs_nothing_and_may_be_asked_again_also_something_else()
    {
        await using var talk = await Talk.Open(new());
        talk.Endpoint.Status = _ => 401;
        var details = await talk.Refused(502, HttpMethod.Put, talk.Path(1), new { prompt = "Hello." });
        Assert.Contains("key (401)", details);
        Assert.DoesNotContain("sk-secret", details);
        var turn = Assert.Single((await talk.Visit.Ok(HttpMethod.Get, talk.Path())).GetProperty("turns").EnumerateArray());
        Assert.Equal(("Hello.", JsonValueKind.Null), (turn.GetProperty("prompt").GetString(), turn.GetProperty("answers").ValueKind));

        talk.Endpoint.Status = _ => 200;
        Assert.Contains("an answer to Hello, you.", Texts(await talk.Say(1, "Hello, you."))[0]);
        await talk.Refused(409, HttpMethod.Put, talk.Path(1), new { prompt = "Hello." });
    }

    [Fact]
    public async Task Steps_out_of_order_and_bad_ones_are_refused_and_change_nothing()
    {
        await using var talk = await Talk.Open(new() { MaximumTurns = 2, MinimumTurns = 2, AskStrength = true });
        await talk.Refused(409, HttpMethod.Put, talk.Path(2), new { prompt = "Too early." });
        await talk.Refused(409, HttpMethod.Put, talk.Path(1) + "/choice", new { place = 0, strength = 1 });
        foreach (var prompt in new[] { "", "  ", new string('x', 16_001) })
            await talk.Refused(422, HttpMethod.Put, talk.Path(1), new { prompt });
        await talk.Refused(400, HttpMethod.Put, talk.Path(1), new { });
        await talk.Say(1, "Hello.");
        await talk.Refused(409, HttpMethod.Put, talk.Path(2), new { prompt = "Before a choice." });
        foreach (var choice in new object[] { new { place = 2, strength = 1 }, new { place = -1, strength = 1 }, new { place = 0 }, new { place = 0, strength = 5 } })
            await talk.Refused(422, HttpMethod.Put, talk.Path(1) + "/choice", choice);
        var end = new { token = talk.Token, answer = new { answers = new { conversation = "good" } } };
        Assert.Contains("turn 1 has no choice", await talk.Refused(422, HttpMethod.Post, "/api/v1/leases/submit", end));
        await talk.Choose(1, 0, 1);
        Assert.Contains("expected at least 2", await talk.Refused(422, HttpMethod.Post, "/api/v1/leases/submit", end));
        await talk.Say(2, "Go on.");
        await talk.Refused(409, HttpMethod.Put, talk.Path(1) + "/choice", new { place = 1, strength = 1 }); // it went on with the other
        await talk.Choose(2, 1, 4);
        await talk.Refused(422, HttpMethod.Put, talk.Path(3), new { prompt = "One too many." });
        Assert.Empty(await talk.Site.Database.Judgments.ReadAsync(talk.Project.Id, new()));
    }

    [Fact]
    public async Task A_conversation_is_its_persons_alone()
    {
        await using var talk = await Talk.Open(new());
        await talk.Say(1, "Hello.");
        var other = await talk.Site.SignedIn(await talk.Site.Member(talk.Project));
        foreach (var (method, path, body) in new (HttpMethod, string, object?)[] { (HttpMethod.Get, talk.Path(), null), (HttpMethod.Put, talk.Path(2), new { prompt = "Hello." }), (HttpMethod.Put, talk.Path(1) + "/choice", new { place = 0 }) })
        {
            using var reply = await other.Json(method, path, body);
            Assert.Equal(HttpStatusCode.NotFound, reply.StatusCode);
        }
        var pairs = await talk.Site.Project(name: "Pairs");
        var person = await talk.Site.Member(pairs);
        var visit = await talk.Site.SignedIn(person);
        var lease = (await visit.Ok(HttpMethod.Post, $"/api/v1/projects/{pairs.Id}/next", new { })).GetProperty("task").GetProperty("leaseId").GetString();
        using var noChat = await visit.Json(HttpMethod.Put, $"/api/v1/leases/{lease}/chat/1", new { prompt = "Hello." });
        Assert.Equal(HttpStatusCode.NotFound, noChat.StatusCode);
    }

    [Fact]
    public async Task Whoever_writes_too_fast_waits_and_a_server_without_a_model_says_so()
    {
        await using var talk = await Talk.Open(new() { MessagesPerMinute = 2 });
        await talk.Say(1, "One.");
        await talk.Choose(1, 0);
        await talk.Say(2, "Two.");
        await talk.Choose(2, 0);
        await talk.Refused(429, HttpMethod.Put, talk.Path(3), new { prompt = "Three." });
        Assert.Contains("an answer to Two.", Texts(await talk.Say(2, "Two."))[0]); // what is there is always given

        await using var without = await talk.Site.Again(null);
        using var reply = await without.Visit.Json(HttpMethod.Put, talk.Path(3), new { prompt = "Three." });
        Assert.Equal(HttpStatusCode.BadGateway, reply.StatusCode);
        Assert.Contains("There is no model", await reply.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Who_comes_back_after_the_lease_ran_out_goes_on_where_they_were()
    {
        await using var talk = await Talk.Open(new());
        await talk.Say(1, "Hello.");
        talk.Site.Clock.Advance(TimeSpan.FromHours(2));
        await talk.Choose(1, 1); // the page still stood open: late, not lost
        var next = (await talk.Visit.Ok(HttpMethod.Post, $"/api/v1/projects/{talk.Project.Id}/next", new { })).GetProperty("task");
        var lease = next.GetProperty("leaseId").GetString();
        Assert.NotEqual(talk.Lease, lease);

        var turn = Assert.Single((await talk.Visit.Ok(HttpMethod.Get, $"/api/v1/leases/{lease}/chat")).GetProperty("turns").EnumerateArray());

        Assert.Equal(("Hello.", 1), (turn.GetProperty("prompt").GetString(), turn.GetProperty("chosen").GetInt32()));
    }

    private static string[] Texts(JsonElement turn) => [.. turn.GetProperty("answers").EnumerateArray().Select(answer => answer.GetProperty("text").GetString()!)];

    /// <summary>Somebody at a conversation.</summary>
    private sealed record Talk(Site Site, ModelEndpoint Endpoint, EndpointChatModel Model, Project Project, Visit Visit, JsonElement Task) : IAsyncDisposable
    {
        public string Lease => Task.GetProperty("leaseId").GetString()!;

        public string Token => Task.GetProperty("token").GetString()!;

        public static async Task<Talk> Open(ChatSettings settings)
        {
            var endpoint = await ModelEndpoint.Open();
            var model = new EndpointChatModel(endpoint.Address, "secret-name", "sk-secret") { FirstPause = TimeSpan.FromMilliseconds(1) };
            var site = await Site.Open(new() { RequestsPerMinute = 1_000_000, ChatModel = model });
            var project = await site.Database.Projects.CreateAsync("Talks", new() { Kind = TaskKind.Chat, Overlap = 1, MaximumOverlap = 1, Chat = settings with { Temperature = 0.8, MessagesPerMinute = settings.MessagesPerMinute == 10 ? 600 : settings.MessagesPerMinute } }, null, seed: 7);
            await site.Database.Tasks.AddAsync(project.Id, [new() { Payload = """{"prompt":"Ask it about *colours*."}""", Choices = 0 }], null);
            var visit = await site.Program(await site.Member(project), "work");
            return new(site, endpoint, model, project, visit, (await visit.Ok(HttpMethod.Post, $"/api/v1/projects/{project.Id}/next", new { })).GetProperty("task"));
        }

        public string Path(int? turn = null) => $"/api/v1/leases/{Lease}/chat{(turn is null ? "" : $"/{turn}")}";

        public Task<JsonElement> Say(int turn, string prompt) => Visit.Ok(HttpMethod.Put, Path(turn), new { prompt });

        public Task<JsonElement> Choose(int turn, int place, int? strength = null) => Visit.Ok(HttpMethod.Put, Path(turn) + "/choice", new { place, strength });

        public async Task<string> Refused(int status, HttpMethod method, string path, object body)
        {
            using var reply = await Visit.Json(method, path, body);
            var text = await reply.Content.ReadAsStringAsync();
            Assert.True(status == (int)reply.StatusCode, $"{method} {path}: {(int)reply.StatusCode}, expected {status}: {text}");
            Assert.Equal("application/problem+json", reply.Content.Headers.ContentType?.MediaType);
            return text;
        }

        public async ValueTask DisposeAsync()
        {
            await Site.DisposeAsync();
            Model.Dispose();
            await Endpoint.DisposeAsync();
        }
    }
}
