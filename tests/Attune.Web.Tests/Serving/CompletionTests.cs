using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Torch;

namespace Attune.Web.Tests.Serving;

public sealed class CompletionTests
{
    [Fact]
    public async Task The_same_seed_gives_the_same_text_whole_and_streamed_alone_and_among_sixty_four()
    {
        await using var site = await ServedSite.StartAsync();
        object Body(int k, bool stream) => new { model = "tiny", prompt = $"Question number {k}", max_tokens = 12 + (k % 9), seed = 100 + k, temperature = 0.9, stream };
        var alone = new string[64];
        for (var k = 0; k < alone.Length; k++)
            alone[k] = (string)(await site.PostAsync("/v1/completions", Body(k, stream: false)))["choices"]![0]!["text"]!;

        var streamed = await Task.WhenAll(Enumerable.Range(0, alone.Length).Select(k => site.StreamAsync("/v1/completions", Body(k, stream: true))));

        Assert.True(alone.Distinct().Count() > 60, "all the same text shows nothing");
        for (var k = 0; k < alone.Length; k++)
            Assert.Equal(alone[k], string.Concat(streamed[k].Select(e => (string)e["choices"]![0]!["text"]!)));
        Assert.Equal((0, 0), (site.Model.Active, site.Model.Waiting));
    }

    [Fact]
    public async Task Prompts_come_back_with_their_log_probs()
    {
        await using var site = await ServedSite.StartAsync();
        var ids = site.Model.Tokenizer.Encode("The film was good.");

        var reply = await site.PostAsync("/v1/completions", new { prompt = ids, max_tokens = 0, echo = true, logprobs = 2 });

        var choice = reply["choices"]![0]!;
        Assert.Equal("The film was good.", (string)choice["text"]!);
        Assert.Equal("length", (string)choice["finish_reason"]!);
        var found = choice["logprobs"]!["token_logprobs"]!.AsArray();
        Assert.Equal(ids.Length, found.Count);
        Assert.Null(found[0]);
        var expected = await site.Model.ComputeAsync(model => TokenScoring.LogProbs(model, [ids])[0], CancellationToken.None);
        for (var k = 1; k < ids.Length; k++)
            Assert.Equal(expected[k - 1], (double)found[k]!, 1e-5);
        var top = choice["logprobs"]!["top_logprobs"]![1]!.AsObject();
        Assert.Equal(2, top.Count);
        Assert.All(top, other => Assert.True((double)other.Value! >= (double)found[1]! - 1e-6 || top.Count(o => (double)o.Value! >= (double)found[1]!) == 2));
        Assert.Equal((string)choice["logprobs"]!["tokens"]![0]!, site.Model.Tokenizer.Decode([ids[0]]));
        Assert.Equal(0, (int)choice["logprobs"]!["text_offset"]![0]!);
        Assert.Equal(site.Model.Tokenizer.Decode([ids[0]]).Length, (int)choice["logprobs"]!["text_offset"]![1]!);
        Assert.Equal(0, (int)reply["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task A_text_is_opened_as_in_training_once_and_echoed_without_it()
    {
        await using var site = await ServedSite.StartAsync(prepare: folder =>
        {
            var path = Path.Combine(folder, "tokenizer.json");
            var json = JsonNode.Parse(File.ReadAllText(path))!;
            json["post_processor"] = JsonNode.Parse("""
                {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                 "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                 "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}}
                """);
            File.WriteAllText(path, json.ToJsonString());
        });
        int[] ids = [0, .. site.Model.Tokenizer.Encode("The cat sat")];

        var text = await site.PostAsync("/v1/completions", new { prompt = "The cat sat", echo = true, logprobs = 1, max_tokens = 0 });
        var tokens = await site.PostAsync("/v1/completions", new { prompt = ids, echo = true, logprobs = 1, max_tokens = 0 });

        Assert.Equal(ids.Length, (int)text["usage"]!["prompt_tokens"]!);
        Assert.Equal("The cat sat", (string)text["choices"]![0]!["text"]!);
        Assert.Equal(text["choices"]!.ToJsonString(), tokens["choices"]!.ToJsonString()); // ids are taken as they are, and nothing stands twice
        Assert.Equal("[0,0,", text["choices"]![0]!["logprobs"]!["text_offset"]!.ToJsonString()[..5]);
    }

    [Fact]
    public async Task How_many_log_probs_a_reply_holds_has_an_end()
    {
        await using var site = await ServedSite.StartAsync();
        int[][] prompts = [.. Enumerable.Repeat(Enumerable.Repeat(1, 200).ToArray(), 64)];

        var few = await site.PostAsync("/v1/completions", new { prompt = prompts, max_tokens = 0, echo = true, logprobs = 1 });
        var many = await site.PostAsync("/v1/completions", new { prompt = prompts, max_tokens = 0, echo = true, logprobs = 20 }, status: 400);

        Assert.Equal(64, few["choices"]!.AsArray().Count);
        Assert.Contains("logprobs is 20 for up to 12800 tokens, expected at most 262144", (string)many["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_prompts_and_answers_keep_their_order_and_are_counted()
    {
        await using var site = await ServedSite.StartAsync();
        var reply = await site.PostAsync("/v1/completions", new { prompt = new[] { "One", "Two" }, n = 2, max_tokens = 5, seed = 7, echo = true, temperature = 1 });

        var texts = reply["choices"]!.AsArray().Select(c => (string)c!["text"]!).ToArray();
        Assert.Equal([0, 1, 2, 3], reply["choices"]!.AsArray().Select(c => (int)c!["index"]!));
        Assert.All(texts[..2], text => Assert.StartsWith("One", text, StringComparison.Ordinal));
        Assert.All(texts[2..], text => Assert.StartsWith("Two", text, StringComparison.Ordinal));
        Assert.NotEqual(texts[0], texts[1]);
        Assert.Equal((int)reply["usage"]!["prompt_tokens"]! + (int)reply["usage"]!["completion_tokens"]!, (int)reply["usage"]!["total_tokens"]!);
        Assert.InRange((int)reply["usage"]!["completion_tokens"]!, 4, 20);
    }

    [Fact]
    public async Task A_stop_text_ends_an_answer_before_it_whole_and_streamed()
    {
        await using var site = await ServedSite.StartAsync();
        var whole = (string)(await site.PostAsync("/v1/completions", new { prompt = "Once", max_tokens = 40, seed = 3 }))["choices"]![0]!["text"]!;
        var stop = whole.Substring(whole.Length / 2, 3);
        var expected = whole[..whole.IndexOf(stop, StringComparison.Ordinal)];

        var stopped = (await site.PostAsync("/v1/completions", new { prompt = "Once", max_tokens = 40, seed = 3, stop }))["choices"]![0]!;
        var events = await site.StreamAsync("/v1/completions", new { prompt = "Once", max_tokens = 40, seed = 3, stop = new[] { "\u0001never", stop }, stream = true });

        Assert.Equal((expected, "stop"), ((string)stopped["text"]!, (string)stopped["finish_reason"]!));
        Assert.Equal(expected, string.Concat(events.Select(e => (string)e["choices"]![0]!["text"]!)));
        Assert.Equal("stop", (string)events[^1]["choices"]![0]!["finish_reason"]!);
    }

    [Fact]
    public async Task A_bias_forces_a_token_and_temperature_zero_takes_the_likeliest()
    {
        await using var site = await ServedSite.StartAsync();
        var id = site.Model.Tokenizer.Encode("x")[0];
        var forced = await site.PostAsync("/v1/completions", new { prompt = "Once", max_tokens = 3, logit_bias = new Dictionary<string, int> { [$"{id}"] = 100 }, temperature = 0 });
        Assert.Equal("xxx", (string)forced["choices"]![0]!["text"]!);

        var first = await site.PostAsync("/v1/completions", new { prompt = "Once", max_tokens = 8, temperature = 0, logprobs = 1 });
        var again = await site.PostAsync("/v1/completions", new { prompt = "Once", max_tokens = 8, temperature = 0, seed = 12345 });
        Assert.Equal((string)first["choices"]![0]!["text"]!, (string)again["choices"]![0]!["text"]!);
        foreach (var (own, top) in first["choices"]![0]!["logprobs"]!["token_logprobs"]!.AsArray().Zip(first["choices"]![0]!["logprobs"]!["top_logprobs"]!.AsArray()))
            Assert.Equal((double)own!, top!.AsObject().Max(t => (double)t.Value!), 1e-6);
    }

    [Fact]
    public async Task Other_models_addresses_and_kinds_of_bodies_are_refused()
    {
        await using var site = await ServedSite.StartAsync(o => o with { LargestBody = 2000 });
        Assert.Equal("model_not_found", (string)(await site.PostAsync("/v1/completions", new { model = "gpt-9", prompt = "a" }, status: 404))["error"]!["code"]!);
        await site.PostAsync("/v1/embeddings", new { input = "a" }, status: 404);
        await site.PostAsync("/v1/completions", new { prompt = new string('a', 5000) }, status: 413);
        using var text = new StringContent("{}");
        using var reply = await site.Http.PostAsync(new Uri("/v1/completions", UriKind.Relative), text);
        Assert.Equal(415, (int)reply.StatusCode);
    }

    [Fact]
    public async Task Text_becomes_tokens_and_text_again()
    {
        await using var site = await ServedSite.StartAsync();
        var tokens = await site.PostAsync("/tokenize", new { content = "Good films, ünloved" });
        var back = await site.PostAsync("/detokenize", new { tokens = tokens["tokens"] });
        Assert.Equal("Good films, ünloved", (string)back["content"]!);
        Assert.Equal(tokens["tokens"]!.AsArray().Count, (int)tokens["count"]!);
    }
}
