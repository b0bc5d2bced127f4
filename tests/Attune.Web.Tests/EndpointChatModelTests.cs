using Attune.Text;
using Attune.Torch;
using Attune.Web.Chat;

namespace Attune.Web.Tests;

public sealed class EndpointChatModelTests
{
    private const string Key = "sk-a-secret";

    [Fact]
    public async Task It_asks_for_two_answers_at_once_with_the_conversation_the_settings_and_the_key()
    {
        await using var endpoint = await ModelEndpoint.Open();
        using var model = Model(endpoint);

        var texts = await model.SampleAsync(Request(), CancellationToken.None);

        Assert.Equal(["1: an answer to And now?", "2: an answer to And now?"], texts);
        var (key, body) = Assert.Single(endpoint.Asked);
        Assert.Equal($"Bearer {Key}", key);
        Assert.Equal(("small", 2, 0.7, 0.9, 40), (body.GetProperty("model").GetString(), body.GetProperty("n").GetInt32(), body.GetProperty("temperature").GetDouble(), body.GetProperty("top_p").GetDouble(), body.GetProperty("max_tokens").GetInt32()));
        Assert.Equal(["system", "user", "assistant", "user"], body.GetProperty("messages").EnumerateArray().Select(message => message.GetProperty("role").GetString()));
    }

    [Theory]
    [InlineData(true)] // refuses n
    [InlineData(false)] // passes over n
    public async Task Servers_that_give_one_answer_at_a_time_are_asked_twice(bool refuses)
    {
        await using var endpoint = await ModelEndpoint.Open();
        endpoint.Status = body => refuses && body.GetProperty("n").GetInt32() > 1 ? 400 : 200;
        endpoint.Gives = _ => 1;
        using var model = Model(endpoint);

        Assert.Equal(2, (await model.SampleAsync(Request(), CancellationToken.None)).Distinct().Count());

        var seeds = endpoint.Asked.TakeLast(2).Select(asked => asked.Body.GetProperty("seed").GetInt32()).ToArray();
        Assert.NotEqual(seeds[0], seeds[1]); // or a server that draws by the seed would say the same twice
    }

    [Fact]
    public async Task What_passes_is_tried_again_and_what_stays_is_said_without_key_and_name()
    {
        await using var endpoint = await ModelEndpoint.Open();
        using var model = Model(endpoint);
        endpoint.Status = _ => endpoint.Asked.Count < 3 ? 503 : 200;
        Assert.Equal(2, (await model.SampleAsync(Request(), CancellationToken.None)).Count);
        Assert.Equal(3, endpoint.Asked.Count);

        foreach (var (status, tries) in new[] { (429, 3), (500, 3), (401, 1), (404, 1), (302, 1) })
        {
            endpoint.Asked.Clear();
            endpoint.Status = _ => status;
            var failure = await Assert.ThrowsAsync<ChatModelException>(() => model.SampleAsync(Request(), CancellationToken.None));
            Assert.Contains($"{status}", failure.Message);
            Assert.DoesNotContain(Key, failure.ToString());
            Assert.DoesNotContain("small", failure.Message);
            Assert.Equal(tries, endpoint.Asked.Count);
        }
    }

    [Fact]
    public async Task A_server_that_is_silent_or_gone_is_said_to_be()
    {
        var endpoint = await ModelEndpoint.Open();
        endpoint.Takes = TimeSpan.FromSeconds(5);
        using var model = Model(endpoint, TimeSpan.FromMilliseconds(100));
        Assert.Contains("did not answer", (await Assert.ThrowsAsync<ChatModelException>(() => model.SampleAsync(Request(), CancellationToken.None))).Message);
        await endpoint.DisposeAsync();
        Assert.Contains("cannot be reached", (await Assert.ThrowsAsync<ChatModelException>(() => model.SampleAsync(Request(), CancellationToken.None))).Message);
    }

    private static EndpointChatModel Model(ModelEndpoint endpoint, TimeSpan? timeout = null) => new(endpoint.Address, "small", Key, timeout) { FirstPause = TimeSpan.FromMilliseconds(5) };

    private static ChatRequest Request() => new()
    {
        Conversation = new([new(Role.System, "Be brief."), new(Role.User, "Hello."), new(Role.Assistant, "Hi."), new(Role.User, "And now?")]),
        Answers = 2,
        Temperature = 0.7,
        TopP = 0.9,
        MaximumNewTokens = 40,
        Seed = new Seed(3),
    };
}
