using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using Attune.Text;
using Attune.Web.Texts;

namespace Attune.Web.Chat;

/// <summary>
/// A model behind any endpoint that speaks OpenAI's chat completions: <c>POST {address}/chat/completions</c>. Asks for all answers at once and, of servers
/// that give fewer or know no <c>n</c>, one after the other. What passes (no connection, 408, 429, 5xx) is tried again with growing pauses. Redirects are not
/// followed, so that the key goes nowhere else. Not here: streaming, tools.
/// </summary>
public sealed class EndpointChatModel : IChatModel, IDisposable
{
    private const int Tries = 3;
    private const long LargestReply = 8 << 20;
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http;
    private readonly Uri _address;

    /// <summary>A model of an endpoint.</summary>
    /// <param name="address">Such as <c>https://models.example.org/v1</c>.</param>
    /// <param name="name">The model's name there.</param>
    /// <param name="key">Sent as a bearer token; null for none.</param>
    /// <param name="timeout">Of one try; null for two minutes.</param>
    public EndpointChatModel(Uri address, string name, string? key, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        (Name, _address) = (name, new Uri(address.AbsoluteUri.TrimEnd('/') + "/chat/completions"));
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(10) })
        {
            Timeout = timeout ?? TimeSpan.FromMinutes(2),
            MaxResponseContentBufferSize = LargestReply,
        };
        if (key is not null)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>The pause before the second try; each further one is twice as long.</summary>
    internal TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> SampleAsync(ChatRequest request, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(request);
        var texts = new List<string>();
        var atOnce = request.Answers;
        while (texts.Count < request.Answers)
        {
            var wanted = Math.Min(atOnce, request.Answers - texts.Count);
            var (status, some) = await AskAsync(request, wanted, texts.Count, stop).ConfigureAwait(false);
            if (some is null && wanted > 1 && status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity or HttpStatusCode.NotImplemented)
                atOnce = 1; // a server that knows no n
            else if (some is null)
                throw new ChatModelException(Refused(status));
            else if (some.Count == 0)
                throw new ChatModelException(new("model.empty"));
            texts.AddRange((some ?? []).Take(wanted));
        }
        return texts;
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<(HttpStatusCode Status, IReadOnlyList<string>? Texts)> AskAsync(ChatRequest request, int answers, int before, CancellationToken stop)
    {
        var pause = FirstPause;
        for (var trial = 1; ; trial++)
        {
            try
            {
                using var reply = await _http.PostAsJsonAsync(_address, Body(request, answers, before), stop).ConfigureAwait(false);
                if (reply.IsSuccessStatusCode)
                    return (reply.StatusCode, await TextsAsync(reply, stop).ConfigureAwait(false));
                if (trial == Tries || !Passes(reply.StatusCode))
                    return (reply.StatusCode, null);
                if (reply.Headers.RetryAfter?.Delta is { } asked && asked > pause)
                    pause = asked;
            }
            catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !stop.IsCancellationRequested))
            {
                if (trial == Tries)
                    throw new ChatModelException(e is OperationCanceledException ? new("model.slow", (int)_http.Timeout.TotalSeconds) : new("model.unreachable"), e);
            }
            await Task.Delay(pause > LongestPause ? LongestPause : pause, stop).ConfigureAwait(false);
            pause *= 2;
        }
    }

    private CompletionBody Body(ChatRequest request, int answers, int before) => new(
        Name,
        [.. request.Conversation.Messages.Select(message => new CompletionMessage(message.Role switch { Role.System => "system", Role.User => "user", _ => "assistant" }, message.Content))],
        answers,
        request.Temperature,
        request.TopP,
        request.MaximumNewTokens,
        (int)(request.Seed.For(before).Value >> 33)); // of servers that draw by a seed, the second answer must not be the first again

    private static async Task<IReadOnlyList<string>> TextsAsync(HttpResponseMessage reply, CancellationToken stop)
    {
        try
        {
            var completion = await reply.Content.ReadFromJsonAsync<Completion>(stop).ConfigureAwait(false);
            return [.. (completion?.Choices ?? []).Select(choice => choice.Message?.Content ?? "").Where(text => !string.IsNullOrWhiteSpace(text))];
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new ChatModelException(new("model.odd"), e);
        }
    }

    private static bool Passes(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)status >= 500;

    private static Phrase Refused(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new("model.key", (int)status),
        HttpStatusCode.NotFound => new("model.missing"),
        HttpStatusCode.TooManyRequests => new("model.busy"),
        _ => new("model.status", (int)status),
    };

    private sealed record CompletionBody(
        [property: JsonPropertyName("model")] string Model,
        [property: JsonPropertyName("messages")] IReadOnlyList<CompletionMessage> Messages,
        [property: JsonPropertyName("n")] int Answers,
        [property: JsonPropertyName("temperature")] double Temperature,
        [property: JsonPropertyName("top_p")] double TopP,
        [property: JsonPropertyName("max_tokens")] int MaximumTokens,
        [property: JsonPropertyName("seed")] int Seed);

    private sealed record CompletionMessage([property: JsonPropertyName("role")] string Role, [property: JsonPropertyName("content")] string? Content);

    private sealed record Completion([property: JsonPropertyName("choices")] IReadOnlyList<CompletionChoice>? Choices);

    private sealed record CompletionChoice([property: JsonPropertyName("message")] CompletionMessage? Message);
}
