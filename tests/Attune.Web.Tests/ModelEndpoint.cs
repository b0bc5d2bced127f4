using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Attune.Web.Tests;

/// <summary>A small server that speaks OpenAI's chat completions. Answers are numbered: "1: an answer to …".</summary>
internal sealed class ModelEndpoint : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _answers;

    private ModelEndpoint(WebApplication app) => _app = app;

    public Uri Address => new($"{_app.Urls.First()}/v1");

    /// <summary>Everything that was asked, as it came, with the key.</summary>
    public ConcurrentQueue<(string? Key, JsonElement Body)> Asked { get; } = new();

    /// <summary>What it says instead: a status for a request; 200 answers.</summary>
    public Func<JsonElement, int> Status { get; set; } = _ => 200;

    /// <summary>How many answers it gives for a request; those of a server that knows no n.</summary>
    public Func<int, int> Gives { get; set; } = n => n;

    public TimeSpan Takes { get; set; }

    public static async Task<ModelEndpoint> Open()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseSetting("urls", "http://127.0.0.1:0");
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        var endpoint = new ModelEndpoint(builder.Build());
        endpoint._app.MapPost("/v1/chat/completions", endpoint.AnswerAsync);
        await endpoint._app.StartAsync();
        return endpoint;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task<IResult> AnswerAsync(HttpRequest request)
    {
        var body = await JsonSerializer.DeserializeAsync<JsonElement>(request.Body);
        Asked.Enqueue((request.Headers.Authorization.ToString() is { Length: > 0 } key ? key : null, body));
        await Task.Delay(Takes);
        var status = Status(body);
        if (status is >= 300 and < 400)
            request.HttpContext.Response.Headers.Location = "/elsewhere";
        if (status != 200)
            return Results.Json(new { error = new { message = $"no; your key was {request.Headers.Authorization}" } }, statusCode: status);
        var last = body.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString();
        return Results.Json(new
        {
            choices = Enumerable.Range(0, Gives(body.GetProperty("n").GetInt32())).Select(index => new { index, message = new { role = "assistant", content = $"{Interlocked.Increment(ref _answers)}: an answer to {last}" } }),
        });
    }
}
