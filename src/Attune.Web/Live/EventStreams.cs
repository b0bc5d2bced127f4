using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Attune.Storage;
using Attune.Web.Access;
using Attune.Web.Client;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;

namespace Attune.Web.Live;

/// <summary>Something that changed.</summary>
/// <param name="Id">Stays the same until it changes again; without line breaks.</param>
/// <param name="Data">What is sent, as JSON.</param>
internal sealed record News(string Id, object Data);

/// <summary>
/// Server-sent events: looks once a second whether there is news, so that what other server processes write is seen too, and sends it. A comment every 15 seconds
/// keeps proxies from closing the stream; then the right to read is looked up again. Streams end with the server, and after a quarter of an hour, when the
/// browser begins a new one and signs in anew. Each person has a few at a time.
/// </summary>
internal sealed class EventStreams(WebOptions options, IHostApplicationLifetime life)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1), HeartbeatEvery = TimeSpan.FromSeconds(15), Longest = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<string, int> _open = new(StringComparer.Ordinal);

    /// <summary>Sends news until the stream ends; 429 where a person has too many streams.</summary>
    /// <param name="context">The request.</param>
    /// <param name="name">The events' name.</param>
    /// <param name="look">What there is now; null for nothing yet. Gets the id of what the browser has.</param>
    /// <param name="may">Whether they may still read.</param>
    public async Task<IResult> RunAsync(HttpContext context, string name, Func<string?, CancellationToken, Task<News?>> look, Func<Task<bool>> may)
    {
        var person = context.User.PersonId();
        if (_open.AddOrUpdate(person, 1, (_, count) => count + 1) > options.StreamsPerPerson)
        {
            Leave(person);
            return Results.Problem($"You have {options.StreamsPerPerson} streams open already; close a page.", statusCode: StatusCodes.Status429TooManyRequests);
        }
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, life.ApplicationStopping);
        try
        {
            await SendAsync(context, name, look, may, end.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (end.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            // the browser went away, or the server stops
        }
        finally
        {
            Leave(person);
        }
        return Results.Empty;
    }

    private static async Task SendAsync(HttpContext context, string name, Func<string?, CancellationToken, Task<News?>> look, Func<Task<bool>> may, CancellationToken stop)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers["X-Accel-Buffering"] = "no"; // what nginx keeps back otherwise
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await response.WriteAsync("retry: 3000\n\n", stop).ConfigureAwait(false);
        await response.Body.FlushAsync(stop).ConfigureAwait(false);
        var last = context.Request.Headers["Last-Event-ID"].FirstOrDefault() ?? context.Request.Query["after"].FirstOrDefault();
        var (began, said) = (Stopwatch.GetTimestamp(), Stopwatch.GetTimestamp());
        while (Stopwatch.GetElapsedTime(began) < Longest)
        {
            var text = "";
            try
            {
                if (await look(last, stop).ConfigureAwait(false) is { } news && news.Id != last)
                    (text, last) = ($"id: {news.Id}\nevent: {name}\ndata: {JsonSerializer.Serialize(news.Data, AttuneClient.Json)}\n\n", news.Id);
                if (text.Length == 0 && Stopwatch.GetElapsedTime(said) >= HeartbeatEvery)
                {
                    if (!await may().ConfigureAwait(false))
                        return;
                    text = ":\n\n";
                }
            }
            catch (StorageException) when (!stop.IsCancellationRequested)
            {
                text = ": the database does not answer; trying again\n\n";
            }
            if (text.Length > 0)
            {
                await response.WriteAsync(text, stop).ConfigureAwait(false);
                await response.Body.FlushAsync(stop).ConfigureAwait(false);
                said = Stopwatch.GetTimestamp();
            }
            await Task.Delay(Every, stop).ConfigureAwait(false);
        }
    }

    private void Leave(string person)
    {
        if (_open.AddOrUpdate(person, 0, (_, count) => count - 1) <= 0)
            _open.TryRemove(KeyValuePair.Create(person, 0));
    }
}
