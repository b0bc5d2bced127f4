using System.ClientModel;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Attune.Runs;
using Attune.Web.Serving;
using OpenAI;
using OpenAI.Chat;

namespace Attune.Web.Tests.Serving;

public sealed class ServingTests
{
    private const string Key = "a-key-that-is-long-enough";

    [Fact]
    public async Task The_official_client_asks_streams_and_reads_log_probs()
    {
        await using var site = await ServedSite.StartAsync(o => o with { Keys = [Key] });
        var client = new ChatClient("tiny", new ApiKeyCredential(Key), new OpenAIClientOptions { Endpoint = new Uri(site.Http.BaseAddress!, "/v1") });
#pragma warning disable OPENAI001 // seeds are marked as experimental there
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 16, Temperature = 0.8f, Seed = 11, IncludeLogProbabilities = true, TopLogProbabilityCount = 2 };
#pragma warning restore OPENAI001
        ChatMessage[] messages = [new SystemChatMessage("Be kind."), new UserChatMessage("How was the film?")];

        ChatCompletion whole = await client.CompleteChatAsync(messages, options);
        var streamed = "";
        await foreach (var update in client.CompleteChatStreamingAsync(messages, options))
            streamed += string.Concat(update.ContentUpdate.Select(p => p.Text));

        Assert.Equal(whole.Content[0].Text, streamed);
        Assert.NotEmpty(streamed);
        Assert.Equal(whole.Usage.OutputTokenCount, whole.ContentTokenLogProbabilities.Count);
        Assert.All(whole.ContentTokenLogProbabilities, token => Assert.Equal(2, token.TopLogProbabilities.Count));
        var refusal = await Assert.ThrowsAsync<ClientResultException>(async () => await new ChatClient("other", new ApiKeyCredential(Key), new OpenAIClientOptions { Endpoint = new Uri(site.Http.BaseAddress!, "/v1") }).CompleteChatAsync(messages));
        Assert.Equal(404, refusal.Status);
    }

    [Fact]
    public async Task Keys_are_asked_for_where_there_are_some()
    {
        await using var site = await ServedSite.StartAsync(o => o with { Keys = ["another-key-of-someone", Key] });
        await site.PostAsync("/v1/completions", new { prompt = "a" }, status: 401);
        foreach (var path in (string[])["/v1/models", "/metrics"])
        {
            using var refused = await site.Http.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        Assert.Contains("ok", await site.GetAsync("/health"), StringComparison.Ordinal);
        site.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        await site.PostAsync("/v1/completions", new { prompt = "a", max_tokens = 2 });
        Assert.Contains("\"tiny\"", await site.GetAsync("/v1/models"), StringComparison.Ordinal);
        site.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key + "x");
        await site.PostAsync("/v1/completions", new { prompt = "a" }, status: 401);
    }

    [Fact]
    public async Task Whoever_goes_away_gives_their_place_back()
    {
        await using var site = await ServedSite.StartAsync(o => o with { MaximumRows = 1, MaximumWaiting = 0 }, positions: 100_000);
        using var gone = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = JsonContent.Create(new { prompt = "Once", max_tokens = 99_000, stream = true, logit_bias = Unending(site) }) };
        using (var reply = await site.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, gone.Token))
        {
            await using var stream = await reply.Content.ReadAsStreamAsync();
            Assert.True(await stream.ReadAsync(new byte[20]) > 0);
            await site.PostAsync("/v1/completions", new { prompt = "a" }, status: 429);
            await gone.CancelAsync();
        }

        for (var tries = 0; ; tries++)
        {
            using var next = await site.Http.PostAsJsonAsync("/v1/completions", new { prompt = "a", max_tokens = 2 });
            if (next.IsSuccessStatusCode)
                break;
            Assert.True(tries < 100, "the place of who went away is never free");
            await Task.Delay(100);
        }

        Assert.Contains("attune_cancelled_requests_total 1", await site.GetAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_takes_too_long_is_ended_and_said_so()
    {
        await using var site = await ServedSite.StartAsync(o => o with { RequestTime = TimeSpan.FromMilliseconds(300) }, positions: 16_384);
        var reply = await site.PostAsync("/v1/completions", new { prompt = "Once", max_tokens = 16_000, logit_bias = Unending(site) }, status: 504);
        Assert.Contains("longer than", (string)reply["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_stops_lets_answers_end_and_takes_no_new_ones()
    {
        await using var site = await ServedSite.StartAsync(positions: 1024);
        var open = site.StreamAsync("/v1/completions", new { prompt = "Once", max_tokens = 600, stream = true, seed = 4, logit_bias = Unending(site) });
        while (site.Model.Active == 0)
            await Task.Delay(5);
        var stopping = site.App.StopAsync();
        var events = await open;
        await stopping;

        Assert.Equal("length", (string)events[^1]["choices"]![0]!["finish_reason"]!);
        await Assert.ThrowsAsync<HttpRequestException>(() => site.PostAsync("/v1/completions", new { prompt = "a" }));
    }

    [Fact]
    public async Task Metrics_count_what_happened()
    {
        await using var site = await ServedSite.StartAsync();
        await site.PostAsync("/v1/completions", new { prompt = "Once", max_tokens = 7, logit_bias = Unending(site) });
        await site.PostAsync("/v1/completions", new { }, status: 400);

        var metrics = await site.GetAsync("/metrics");

        Assert.Contains("attune_requests_total{route=\"/v1/completions\",status=\"200\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("attune_requests_total{route=\"/v1/completions\",status=\"400\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("attune_generated_tokens_total 7\n", metrics, StringComparison.Ordinal);
        Assert.Contains("attune_request_seconds_bucket{le=\"+Inf\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("attune_active_answers 0\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public void Nobody_outside_reaches_a_server_without_keys()
    {
        var options = new ServeOptions { ModelName = "m", Listen = "http://0.0.0.0:8500" };
        var refusal = Assert.Throws<InputException>(options.ThrowIfBad);
        Assert.Contains("--keys FILE", refusal.Message, StringComparison.Ordinal);
        (options with { Keys = [Key] }).ThrowIfBad();
        Assert.Equal(4, Assert.Throws<InputException>(new ServeOptions { ModelName = "m", Listen = "ftp://x", MaximumRows = 0, MaximumWaiting = -1, RequestTime = TimeSpan.Zero }.ThrowIfBad).Problems.Count);
    }

    [Fact]
    public async Task The_page_asks_for_no_script_of_others()
    {
        await using var site = await ServedSite.StartAsync();
        using var reply = await site.Http.GetAsync(new Uri("/", UriKind.Relative));
        var page = await reply.Content.ReadAsStringAsync();
        Assert.Contains("Talk with tiny", page, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", reply.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
    }

    /// <summary>No end token ends it.</summary>
    private static Dictionary<string, int> Unending(ServedSite site) => site.Model.Files.EndIds.ToDictionary(id => $"{id}", _ => -100);
}
