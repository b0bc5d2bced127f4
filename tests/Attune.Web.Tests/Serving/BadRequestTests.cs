using System.Text.Json.Nodes;

namespace Attune.Web.Tests.Serving;

public sealed class BadRequestTests(BadRequestTests.Shared shared) : IClassFixture<BadRequestTests.Shared>
{
    private readonly ServedSite _site = shared.Site;

    public static TheoryData<string, string, string> Bad => new()
    {
        { "/v1/completions", "{}", "prompt" },
        { "/v1/completions", """{"prompt":"a","temperature":3}""", "temperature is 3, expected a number from 0 to 2" },
        { "/v1/completions", """{"prompt":"a","n":"two"}""", "n is \"two\"" },
        { "/v1/completions", """{"prompt":"a","best_of":4}""", "best_of" },
        { "/v1/completions", """{"prompt":"a","suffix":"b"}""", "suffix" },
        { "/v1/completions", """{"prompt":"a","colour":"red"}""", "colour is a key that this server does not know" },
        { "/v1/completions", """{"prompt":[1,99999999]}""", "prompt" },
        { "/v1/completions", """{"prompt":[]}""", "prompt" },
        { "/v1/completions", """{"prompt":"a","max_tokens":100000}""", "positions" },
        { "/v1/completions", """{"prompt":"a","max_tokens":0}""", "max_tokens" },
        { "/v1/completions", """{"prompt":"a","logit_bias":{"x":1}}""", "logit_bias.x" },
        { "/v1/completions", """{"prompt":"a","stop":""}""", "stop" },
        { "/v1/completions", """{"prompt":"a","stream_options":{"include_usage":true}}""", "stream_options" },
        { "/v1/completions", """{"prompt":"a","prompt":"b"}""", "no JSON" },
        { "/v1/completions", """[1]""", "expected a JSON object" },
        { "/v1/completions", """{"prompt":""", "no JSON" },
        { "/v1/chat/completions", """{"messages":[]}""", "messages" },
        { "/v1/chat/completions", """{"messages":[{"role":"wizard","content":"a"}]}""", "messages[0]" },
        { "/v1/chat/completions", """{"messages":[{"role":"user"}]}""", "messages[0].content" },
        { "/v1/chat/completions", """{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}""", "reads text only" },
        { "/v1/chat/completions", """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}""", "messages[1].role" },
        { "/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{}}}""", "no JSON mode and no JSON schemas" },
        { "/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function"}]}""", "calls no tools" },
        { "/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}],"top_logprobs":3}""", "top_logprobs" },
        { "/tokenize", "{}", "content" },
        { "/detokenize", """{"tokens":[-1]}""", "tokens" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task A_bad_body_is_told_what_is_wrong(string path, string body, string expected)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var reply = await _site.Http.PostAsync(new Uri(path, UriKind.Relative), content);
        var text = JsonNode.Parse(await reply.Content.ReadAsStringAsync())!;

        Assert.Equal(400, (int)reply.StatusCode);
        Assert.Equal("application/problem+json", reply.Content.Headers.ContentType!.MediaType);
        Assert.Contains(expected, (string)text["detail"]!, StringComparison.Ordinal);
        Assert.Equal((string)text["detail"]!, (string)text["error"]!["message"]!);
        Assert.Contains("expected", (string)text["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_that_is_wrong_is_told_at_once()
    {
        var reply = await _site.PostAsync("/v1/completions", new { prompt = "a", temperature = -1, top_p = 2, n = 0, colour = 1 }, status: 400);
        foreach (var key in (string[])["temperature", "top_p", "n", "colour"])
            Assert.Contains($"{key} is ", (string)reply["detail"]!, StringComparison.Ordinal);
    }

    /// <summary>One server for all of them: none changes it.</summary>
    public sealed class Shared : IAsyncLifetime
    {
        internal ServedSite Site { get; private set; } = null!;

        public async Task InitializeAsync() => Site = await ServedSite.StartAsync();

        public async Task DisposeAsync() => await Site.DisposeAsync();
    }
}
