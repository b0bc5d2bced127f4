using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Attune.Feedback;
using Attune.Web.Api;
using Attune.Web.Work;

namespace Attune.Web.Client;

/// <summary>
/// The HTTP API for programs in C#. What the server or the network cannot do at the moment (no connection, 429, 5xx) is tried again until
/// <see cref="Patience"/> is over; that is safe, as every call that is retried means the same when it arrives twice. Safe for any number of callers at once.
/// </summary>
public sealed partial class AttuneClient : IDisposable
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(50), LongestWait = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;
    private readonly bool _isOwn;
    private readonly AuthenticationHeaderValue _key;

    /// <summary>A client of a server.</summary>
    /// <param name="address">Where it is, such as <c>http://127.0.0.1:8400</c>.</param>
    /// <param name="key">An API key.</param>
    public AttuneClient(Uri address, string key)
        : this(new HttpClient { BaseAddress = address }, key) => _isOwn = true;

    /// <summary>The same over connections that the caller owns; <see cref="HttpClient.BaseAddress"/> says where the server is.</summary>
    public AttuneClient(HttpClient http, string key)
    {
        ArgumentNullException.ThrowIfNull(http);
        _http = http;
        _key = new("Bearer", key);
    }

    /// <summary>JSON as the API reads and writes it.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) } };

    /// <summary>How long a call goes on trying; zero for once.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The next task for the key's person, or why there is none.</summary>
    /// <param name="projectId">Of this project.</param>
    /// <param name="known">Leases that they have and go on with.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="AttuneApiException">The server refuses.</exception>
    public Task<NextReply> NextAsync(string projectId, IReadOnlyList<string>? known = null, CancellationToken stop = default) =>
        SendAsync<NextReply>(HttpMethod.Post, $"projects/{Uri.EscapeDataString(projectId)}/next", new NextRequest(known), stop);

    /// <summary>Sends an answer. Sent again, it is the same answer.</summary>
    /// <param name="token">The lease's.</param>
    /// <param name="answer">What was decided.</param>
    /// <param name="next">Whether to be given the next task in the same change.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="AttuneApiException">404: no such lease; 409: another answer is there; 422: the answer is wrong in itself.</exception>
    public Task<SubmitReply> SubmitAsync(string token, GivenAnswer answer, bool next = false, CancellationToken stop = default) =>
        SendAsync<SubmitReply>(HttpMethod.Post, "leases/submit", new SubmitRequest(token, answer, next), stop);

    /// <summary>Keeps a task for its person. Gives until when; null where the lease has ended.</summary>
    public async Task<DateTimeOffset?> HeartbeatAsync(string token, CancellationToken stop = default)
    {
        using var reply = await CallAsync(HttpMethod.Post, "leases/heartbeat", new LeaseRequestBody(token), HttpStatusCode.Gone, stop).ConfigureAwait(false);
        return reply.StatusCode == HttpStatusCode.Gone ? null : (await reply.Content.ReadFromJsonAsync<HeartbeatReply>(Json, stop).ConfigureAwait(false))!.ExpiresAt;
    }

    /// <summary>Gives a task back. Whether it was still theirs.</summary>
    public async Task<bool> ReleaseAsync(string token, string? reason = null, CancellationToken stop = default)
    {
        using var reply = await CallAsync(HttpMethod.Post, "leases/release", new LeaseRequestBody(token, reason), HttpStatusCode.Gone, stop).ConfigureAwait(false);
        return reply.StatusCode != HttpStatusCode.Gone;
    }

    /// <summary>Takes an answer back; gives the task again, or null where the time for it is over.</summary>
    public async Task<TaskView?> UndoAsync(string leaseId, CancellationToken stop = default)
    {
        using var reply = await CallAsync(HttpMethod.Post, $"leases/{Uri.EscapeDataString(leaseId)}/undo", new { }, HttpStatusCode.Conflict, stop).ConfigureAwait(false);
        return reply.StatusCode == HttpStatusCode.Conflict ? null : (await reply.Content.ReadFromJsonAsync<NextReply>(Json, stop).ConfigureAwait(false))!.Task;
    }

    /// <summary>Keeps a draft.</summary>
    public async Task SaveDraftAsync(string leaseId, string content, CancellationToken stop = default)
    {
        using var reply = await CallAsync(HttpMethod.Put, $"leases/{Uri.EscapeDataString(leaseId)}/draft", new DraftBody(content), null, stop).ConfigureAwait(false);
    }

    /// <summary>A project's log, a judgment after the other, as the server reads it.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="inForce">Leaves out what was superseded or taken back.</param>
    /// <param name="stop">Gives up.</param>
    public async IAsyncEnumerable<Judgment> JudgmentsAsync(string projectId, bool inForce = false, [EnumeratorCancellation] CancellationToken stop = default)
    {
        await foreach (var line in ExportAsync(projectId, $"judgments.jsonl?inForce={(inForce ? "true" : "false")}", stop).ConfigureAwait(false))
            yield return Judgment.FromJson(line);
    }

    /// <summary>Any other call of docs/web-api.md.</summary>
    /// <param name="method">GET, POST, …</param>
    /// <param name="path">Below <c>/api/v1/</c>.</param>
    /// <param name="body">What to send as JSON; null for nothing.</param>
    /// <param name="stop">Gives up.</param>
    /// <exception cref="AttuneApiException">The server refuses.</exception>
    public async Task<T> SendAsync<T>(HttpMethod method, string path, object? body = null, CancellationToken stop = default)
    {
        using var reply = await CallAsync(method, path, body, null, stop).ConfigureAwait(false);
        return (await reply.Content.ReadFromJsonAsync<T>(Json, stop).ConfigureAwait(false))!;
    }

    /// <summary>Closes the connections, where they are its own.</summary>
    public void Dispose()
    {
        if (_isOwn)
            _http.Dispose();
    }

    /// <summary>Calls until there is a reply, whole unless <paramref name="until"/> asks for its head alone: what breaks off is tried again.</summary>
    private async Task<HttpResponseMessage> CallAsync(HttpMethod method, string path, object? body, HttpStatusCode? expected, CancellationToken stop, HttpCompletionOption until = HttpCompletionOption.ResponseContentRead)
    {
        var end = TimeProvider.System.GetTimestamp() + (long)(Patience.TotalSeconds * TimeProvider.System.TimestampFrequency);
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            var mayTryAgain = TimeProvider.System.GetTimestamp() < end;
            try
            {
                using var request = new HttpRequestMessage(method, $"api/v1/{path}") { Content = Content(body) };
                request.Headers.Authorization = _key;
                var reply = await _http.SendAsync(request, until, stop).ConfigureAwait(false);
                if (reply.IsSuccessStatusCode || reply.StatusCode == expected)
                    return reply;
                using (reply)
                {
                    if (!mayTryAgain || !IsPassing(reply.StatusCode))
                        throw await RefusedAsync(reply, stop).ConfigureAwait(false);
                }
            }
            catch (Exception e) when (mayTryAgain && (e is HttpRequestException or IOException || (e is OperationCanceledException && !stop.IsCancellationRequested)))
            {
                // no network, no answer in time, or the server was stopped with the answer on its way
            }
            await Task.Delay(wait, stop).ConfigureAwait(false);
        }
    }

    private static HttpContent? Content(object? body) => body switch
    {
        null => null,
        byte[] bytes => new ByteArrayContent(bytes), // a file as it is
        _ => JsonContent.Create(body, body.GetType(), options: Json),
    };

    private static bool IsPassing(HttpStatusCode status) => status is HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError;

    private static async Task<AttuneApiException> RefusedAsync(HttpResponseMessage reply, CancellationToken stop)
    {
        var text = await reply.Content.ReadAsStringAsync(stop).ConfigureAwait(false);
        string? detail = null;
        try
        {
            var problem = JsonSerializer.Deserialize<JsonElement>(text);
            detail = problem.TryGetProperty("detail", out var said) ? said.GetString() : problem.TryGetProperty("title", out var title) ? title.GetString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // a proxy's page, say
        }
        return new(reply.StatusCode, detail ?? $"The server said {(int)reply.StatusCode}.");
    }
}

/// <summary>The server refuses what was asked; its words are the message.</summary>
public sealed class AttuneApiException : Exception
{
    /// <summary>A refusal.</summary>
    public AttuneApiException(HttpStatusCode status, string message)
        : base(message) => Status = status;

    /// <summary>404, 409, 422, …</summary>
    public HttpStatusCode Status { get; }
}
