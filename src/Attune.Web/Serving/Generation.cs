using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Runs;
using Attune.Tokens;
using Microsoft.Extensions.Hosting;

namespace Attune.Web.Serving;

/// <summary>From a request to its reply, whole or as a stream of events; whoever goes away, takes too long or comes too late gives its places back.</summary>
internal sealed class Generation(ServedModel model, ServeOptions options, ServeMetrics metrics, IHostApplicationLifetime life, TimeProvider clock)
{
    /// <summary>Whether the server is to stop: answers that are being written end, new ones do not begin.</summary>
    public bool IsDraining => life.ApplicationStopping.IsCancellationRequested;

    /// <summary>Replies to a request.</summary>
    /// <exception cref="ServeException">There is no room, no time, or no more server.</exception>
    public async Task AnswerAsync(HttpContext http, GenerationRequest request)
    {
        if (IsDraining)
            throw new ServeException(StatusCodes.Status503ServiceUnavailable, "draining", null, "The server is about to stop, expected requests before that; ask another one, or again when it is back");
        if (!model.TryReserve(request.Answers))
            throw new ServeException(StatusCodes.Status429TooManyRequests, "queue_full", null, $"{model.Active + model.Waiting} answers are under way, expected at most {options.MaximumRows + options.MaximumWaiting} with the {request.Answers} asked for; try again in a moment");
        var began = Stopwatch.GetTimestamp();
        using var time = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        using var drain = life.ApplicationStopping.Register(() => time.CancelAfter(options.DrainTime));
        time.CancelAfter(options.RequestTime);
        try
        {
            metrics.CountPrompt(request.Prompts.Sum(p => p.Length));
            var prompts = request.Echoes && request.TopLogProbs is { } top
                ? await model.ComputeAsync(lm => TokenScoring.Score(lm, request.Prompts, top), time.Token).ConfigureAwait(false)
                : [.. request.Prompts.Select(p => p.Select(id => new ScoredToken(id, null, [])).ToArray())];
            var replies = new Replies(request, options, model.Tokenizer, clock.GetUtcNow());
            if (request.Streams)
                await StreamAsync(http, request, replies, prompts, began, time.Token).ConfigureAwait(false);
            else
                await WholeAsync(http, request, replies, prompts, began, time.Token).ConfigureAwait(false);
            metrics.NoteWhole(Stopwatch.GetElapsedTime(began));
        }
        catch (OperationCanceledException) when (time.IsCancellationRequested)
        {
            if (http.RequestAborted.IsCancellationRequested)
                throw;
            var late = IsDraining
                ? new ServeException(StatusCodes.Status503ServiceUnavailable, "draining", null, $"The server had to stop before the answer ended, expected at most {options.DrainTime.TotalSeconds:0} seconds; ask again when it is back")
                : new ServeException(StatusCodes.Status504GatewayTimeout, "timeout", null, $"The request took longer than {options.RequestTime.TotalSeconds:0} seconds, the most that this server gives one; ask for fewer or shorter answers");
            await FailAsync(http, late).ConfigureAwait(false);
        }
        catch (RunFailedException e)
        {
            await FailAsync(http, ModelServer.Plain(StatusCodes.Status500InternalServerError, e.Message)).ConfigureAwait(false);
        }
        finally
        {
            if (time.IsCancellationRequested)
                metrics.CountCancelled();
            model.Release(request.Answers);
        }
    }

    /// <summary>Says what went wrong: as the reply, or as the last event of a stream that has begun.</summary>
    private static async Task FailAsync(HttpContext http, ServeException problem)
    {
        if (!http.Response.HasStarted)
            throw problem;
        await SendAsync(http, problem.Body(), CancellationToken.None).ConfigureAwait(false);
    }

    private async Task WholeAsync(HttpContext http, GenerationRequest request, Replies replies, ScoredToken[][] prompts, long began, CancellationToken stop)
    {
        var texts = new StringBuilder[request.Answers];
        var tokens = new List<ScoredToken>[request.Answers];
        var finishes = new string[request.Answers];
        for (var k = 0; k < texts.Length; k++)
        {
            var prompt = prompts[k / request.Choices];
            texts[k] = new(request.Echoes ? TextOf(prompt) : "");
            tokens[k] = request.Echoes ? [.. prompt] : [];
            finishes[k] = "length";
        }

        var written = 0;
        await foreach (var part in PartsAsync(request, began, stop).ConfigureAwait(false))
        {
            texts[part.Index].Append(part.Text);
            tokens[part.Index].AddRange(part.Tokens);
            written += part.Tokens.Count;
            finishes[part.Index] = part.Finish ?? finishes[part.Index];
        }

        var reply = replies.Whole([.. texts.Select(t => t.ToString())], tokens, finishes, written);
        await ModelApi.ReplyAsync(http, reply).ConfigureAwait(false);
    }

    private async Task StreamAsync(HttpContext http, GenerationRequest request, Replies replies, ScoredToken[][] prompts, long began, CancellationToken stop)
    {
        metrics.CountRequest(ModelApi.RouteOf(http), StatusCodes.Status200OK);
        http.Response.ContentType = "text/event-stream; charset=utf-8";
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.Headers["X-Accel-Buffering"] = "no"; // a proxy that gathers events shows none until the end
        var offsets = new int[request.Answers];
        for (var k = 0; k < request.Answers; k++)
        {
            if (request.IsChat)
                await SendAsync(http, replies.Opening(k), stop).ConfigureAwait(false);
            if (!request.Echoes)
                continue;
            var prompt = prompts[k / request.Choices];
            var echo = new AnswerPart(k, TextOf(prompt), prompt, request.WritesNothing ? "length" : null);
            await SendAsync(http, replies.Part(echo, 0), stop).ConfigureAwait(false);
            offsets[k] = echo.Text.Length;
        }

        var written = 0;
        await foreach (var part in PartsAsync(request, began, stop).ConfigureAwait(false))
        {
            written += part.Tokens.Count;
            await SendAsync(http, replies.Part(part, offsets[part.Index]), stop).ConfigureAwait(false);
            offsets[part.Index] += part.Text.Length;
        }

        if (request.StreamsUsage)
            await SendAsync(http, replies.UsageEvent(written), stop).ConfigureAwait(false);
        await http.Response.WriteAsync("data: [DONE]\n\n", stop).ConfigureAwait(false);
    }

    /// <summary>The parts of the answers, counted.</summary>
    private async IAsyncEnumerable<AnswerPart> PartsAsync(GenerationRequest request, long began, [EnumeratorCancellation] CancellationToken stop)
    {
        if (request.WritesNothing)
            yield break;
        var isFirst = true;
        await foreach (var part in model.AnswerAsync(request, stop).ConfigureAwait(false))
        {
            if (isFirst)
                metrics.NoteFirst(Stopwatch.GetElapsedTime(began));
            isFirst = false;
            metrics.CountNew(part.Tokens.Count);
            yield return part;
        }
    }

    /// <summary>A prompt as text: what was put before it, special tokens, is none of it.</summary>
    private string TextOf(ScoredToken[] tokens)
    {
        var decoder = new StreamingDecoder(model.Tokenizer, skipSpecial: true);
        return string.Concat(tokens.Select(token => decoder.Add(token.Id))) + decoder.Finish();
    }

    private static async Task SendAsync(HttpContext http, JsonObject body, CancellationToken stop)
    {
        await http.Response.WriteAsync($"data: {Replies.Text(body)}\n\n", stop).ConfigureAwait(false);
        await http.Response.Body.FlushAsync(stop).ConfigureAwait(false);
    }
}
