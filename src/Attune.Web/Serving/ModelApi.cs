using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Rollouts;
using Microsoft.AspNetCore.Routing;

namespace Attune.Web.Serving;

/// <summary>The addresses.</summary>
internal static class ModelApi
{
    private static readonly string[] Routes = ["/v1/models", "/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize", "/health", "/metrics"];

    /// <summary>A request's address as metrics count it: strangers' paths are one.</summary>
    public static string RouteOf(HttpContext http) => Routes.FirstOrDefault(route => http.Request.Path == route) ?? "other";

    public static void MapModelApi(this IEndpointRouteBuilder app)
    {
        app.MapPost("/v1/completions", (HttpContext http, Generation generation, ServedModel model, ServeOptions options) => GenerateAsync(http, generation, new CompletionBodies(model, options).ReadCompletion));
        app.MapPost("/v1/chat/completions", (HttpContext http, Generation generation, ServedModel model, ServeOptions options) => GenerateAsync(http, generation, new CompletionBodies(model, options).ReadChat));
        app.MapGet("/v1/models", (HttpContext http, ServedModel model, ServeOptions options) => ReplyAsync(http, new() { ["object"] = "list", ["data"] = new JsonArray(Describe(model, options)) }));
        app.MapGet("/v1/models/{name}", (HttpContext http, string name, ServedModel model, ServeOptions options) => name == options.ModelName
            ? ReplyAsync(http, Describe(model, options))
            : throw new ServeException(StatusCodes.Status404NotFound, "model_not_found", "model", $"The model is \"{name}\", expected \"{options.ModelName}\"; GET /v1/models names what is served"));
        app.MapPost("/tokenize", TokenizeAsync);
        app.MapPost("/detokenize", DetokenizeAsync);
        app.MapGet("/health", (HttpContext http, Generation generation) =>
        {
            if (generation.IsDraining)
                http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return ReplyAsync(http, new() { ["status"] = generation.IsDraining ? "draining" : "ok" });
        });
        app.MapGet("/metrics", async (HttpContext http, ServeMetrics metrics, ServedModel model) =>
        {
            metrics.CountRequest(RouteOf(http), StatusCodes.Status200OK);
            http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
            await http.Response.WriteAsync(metrics.Print(model.Active, model.Waiting), http.RequestAborted).ConfigureAwait(false);
        });
    }

    private static async Task GenerateAsync(HttpContext http, Generation generation, Func<JsonElement, GenerationRequest> read) =>
        await generation.AnswerAsync(http, read(await ModelServer.ReadBodyAsync(http).ConfigureAwait(false))).ConfigureAwait(false);

    private static async Task TokenizeAsync(HttpContext http, ServedModel model)
    {
        var reader = Reader(await ModelServer.ReadBodyAsync(http).ConfigureAwait(false));
        var (content, withPieces) = (reader.Text("content"), reader.Flag("with_pieces"));
        if (content is null && reader.Problems.Count == 0)
            reader.Problems.Add(Runs.Problem.Of("content", "is missing", "a text", "give one"));
        Check(reader);
        var ids = model.Tokenizer.Encode(content!);
        http.RequestServices.GetRequiredService<ServeMetrics>().CountRequest(RouteOf(http), http.Response.StatusCode);
        http.Response.ContentType = "application/json; charset=utf-8";
        await using var writer = new Utf8JsonWriter(http.Response.Body, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }); // a tree of millions of tokens would take a hundred times the memory
        writer.WriteStartObject();
        writer.WriteStartArray("tokens");
        for (var k = 0; k < ids.Length; k++)
        {
            if (withPieces)
            {
                writer.WriteStartObject();
                writer.WriteNumber("id", ids[k]);
                writer.WriteString("piece", model.Tokenizer.Decode([ids[k]]));
                writer.WriteEndObject();
            }
            else
            {
                writer.WriteNumberValue(ids[k]);
            }

            if (k % 4096 == 4095)
                await writer.FlushAsync(http.RequestAborted).ConfigureAwait(false);
        }

        writer.WriteEndArray();
        writer.WriteNumber("count", ids.Length);
        writer.WriteEndObject();
        await writer.FlushAsync(http.RequestAborted).ConfigureAwait(false);
    }

    private static async Task DetokenizeAsync(HttpContext http, ServedModel model)
    {
        var reader = Reader(await ModelServer.ReadBodyAsync(http).ConfigureAwait(false));
        var ids = new List<int>();
        if (reader.Find("tokens") is not { ValueKind: JsonValueKind.Array } tokens)
        {
            reader.Problems.Add(Runs.Problem.Of("tokens", reader.Has("tokens") ? "is no list" : "is missing", "a list of token ids", "give one"));
        }
        else
        {
            var pieces = model.Tokenizer.VocabularySize;
            foreach (var item in tokens.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var id) && id >= 0 && id < pieces)
                    ids.Add(id);
                else if (reader.Problems.Count == 0)
                    reader.Note("tokens", item, $"ids from 0 to {pieces - 1}", "correct it");
            }
        }

        Check(reader);
        await ReplyAsync(http, new() { ["content"] = model.Tokenizer.Decode([.. ids]) }).ConfigureAwait(false);
    }

    private static RequestReader Reader(JsonElement body) => body.ValueKind == JsonValueKind.Object
        ? new(body)
        : throw ServeException.Bad("The body", $"is {RequestReader.Shortened(body)}", "a JSON object", "see the documentation of the address");

    private static void Check(RequestReader reader)
    {
        reader.RefuseUnknown();
        if (reader.Problems.Count > 0)
            throw ServeException.Bad(reader.Problems);
    }

    private static JsonObject Describe(ServedModel model, ServeOptions options) => new()
    {
        ["id"] = options.ModelName,
        ["object"] = "model",
        ["created"] = new DateTimeOffset(Directory.GetLastWriteTimeUtc(model.Files.Folder), TimeSpan.Zero).ToUnixTimeSeconds(),
        ["owned_by"] = "attune",
        ["max_model_len"] = model.Files.Config.MaximumPositions,
        ["vocabulary_size"] = model.Files.Config.VocabularySize,
    };

    internal static async Task ReplyAsync(HttpContext http, JsonObject body)
    {
        http.RequestServices.GetRequiredService<ServeMetrics>().CountRequest(RouteOf(http), http.Response.StatusCode);
        http.Response.ContentType = "application/json; charset=utf-8";
        await http.Response.WriteAsync(Replies.Text(body), http.RequestAborted).ConfigureAwait(false);
    }
}
