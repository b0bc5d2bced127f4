using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Runs;
using Attune.Tests;
using Attune.Tokens;
using Attune.Torch;
using Attune.Web.Serving;
using Microsoft.AspNetCore.Builder;

namespace Attune.Web.Tests.Serving;

/// <summary>A small model of random weights with the tokenizer of models/base, served on a free port of this machine.</summary>
internal sealed class ServedSite : IAsyncDisposable
{
    private ServedSite()
    {
    }

    public required ServedModel Model { get; init; }

    public required WebApplication App { get; init; }

    public required HttpClient Http { get; init; }

    public static async Task<ServedSite> StartAsync(Func<ServeOptions, ServeOptions>? change = null, int positions = 256, Action<string>? prepare = null)
    {
        var folder = Directory.CreateTempSubdirectory("attune-served-");
        Save(folder.FullName, positions);
        prepare?.Invoke(folder.FullName);
        var files = ModelDescription.Read(folder.FullName, TokenizerUse.Needed);
        var options = new ServeOptions { ModelName = "tiny", Listen = "http://127.0.0.1:0" };
        options = change?.Invoke(options) ?? options;
        var model = new ServedModel(files, files.Load(Compute.Cpu), threads: 1, options.MaximumRows, options.MaximumWaiting);
        folder.Delete(recursive: true);
        var app = ModelServer.Build(model, options);
        await app.StartAsync();
        return new() { Model = model, App = app, Http = new() { BaseAddress = new(app.Urls.First()), Timeout = TimeSpan.FromMinutes(2) } };
    }

    public async Task<JsonNode> PostAsync(string path, object body, int status = 200)
    {
        using var reply = await Http.PostAsJsonAsync(path, body);
        var text = await reply.Content.ReadAsStringAsync();
        Assert.True((int)reply.StatusCode == status, $"{path} gave {(int)reply.StatusCode}, expected {status}: {text}");
        return JsonNode.Parse(text)!;
    }

    /// <summary>The events of a streamed reply, without the last, which says that it is one.</summary>
    public async Task<List<JsonNode>> StreamAsync(string path, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        using var reply = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", reply.Content.Headers.ContentType!.MediaType);
        var lines = (await reply.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, line => Assert.StartsWith("data: ", line, StringComparison.Ordinal));
        Assert.Equal("data: [DONE]", lines[^1]);
        return [.. lines[..^1].Select(line => JsonNode.Parse(line["data: ".Length..])!)];
    }

    public async Task<string> GetAsync(string path) => await Http.GetStringAsync(new Uri(path, UriKind.Relative));

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await App.DisposeAsync();
        Model.Dispose();
    }

    private static void Save(string folder, int positions)
    {
        var tokenizer = Tokenizer.Load(Path.Combine(Repository.Root, "models", "base"));
        var config = new TransformerConfig
        {
            VocabularySize = tokenizer.VocabularySize,
            Width = 16,
            Layers = 1,
            Heads = 2,
            KeyValueHeads = 2,
            HeadWidth = 8,
            InnerWidth = 32,
            MaximumPositions = positions,
            InitializerRange = 0.3,
            TiedEmbeddings = true,
        };
        using var model = new TextModel(CausalLm.Create(config, new Seed(1), Compute.Cpu), tokenizer);
        model.Save(folder);
    }
}
