using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Rollouts;
using Attune.Tests;
using Attune.Tests.Models;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

public sealed class SampleVerbTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama-gqa")]
    public Task Greedy_samples_are_those_of_transformers(string model) => CompareWithExpected(GoldenModel.Folder(model), 9);

    [FixtureFact]
    public Task Greedy_samples_from_shards_are_those_of_the_fixture() => CompareWithExpected(Fixtures.Path("fixtures/models/llama-gqa-sharded-bf16"), 9);

    [Fact]
    public async Task A_text_is_continued_with_text()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        var printed = await Printed.By("sample", model, "--text", "the cat", "--max-new", "6", "--end", "", "--json");
        var byInput = await Printed.By("the cat\n", ["sample", model, "--max-new", "6", "--end", "", "--json"]);

        var document = JsonDocument.Parse(printed.Result).RootElement;
        var sample = Assert.Single(document.GetProperty("samples").EnumerateArray());
        var ids = sample.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();
        Assert.Equal("the cat", document.GetProperty("prompt").GetProperty("text").GetString());
        Assert.Equal(Tokenizer.Load(model).Decode(ids, skipSpecial: true), sample.GetProperty("text").GetString());
        Assert.Equal((6, 6, "length"), (ids.Length, sample.GetProperty("logProbs").GetArrayLength(), sample.GetProperty("finish").GetString()));
        Assert.Equal(printed.Result, byInput.Result);
        Assert.Equal("sample  0/1 samples  0 %", printed.Log.Split('\n')[0]);
    }

    [Fact]
    public async Task Ids_that_the_tokenizer_has_no_piece_for_are_shown_as_replacement_characters()
    {
        var model = TinyTextModel.Write(_root.At("model"), embedding: 320);
        var path = Path.Combine(model, "tokenizer.json");
        var json = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = 299, ["content"] = "<x>" }); // 300 pieces, of which 264 to 298 are none
        await File.WriteAllTextAsync(path, json.ToJsonString());
        string[] line = ["sample", model, "--ids", "299 270 310", "--max-new", "20", "--n", "3", "--end", "", "--stop", "nowhere at all"];

        var printed = await Printed.By([.. line, "--json"]);
        var table = await Printed.By(line);

        Assert.Contains(Samples(printed), s => s.GetProperty("ids").EnumerateArray().Any(id => id.GetInt32() is > 263 and < 299));
        Assert.Contains(Samples(printed), s => s.GetProperty("ids").EnumerateArray().Any(id => id.GetInt32() > 299));
        Assert.All(Samples(printed), s => Assert.Contains('\uFFFD', s.GetProperty("text").GetString()!));
        Assert.Equal("<x>\uFFFD\uFFFD", JsonDocument.Parse(printed.Result).RootElement.GetProperty("prompt").GetProperty("text").GetString());
        Assert.Equal(0, table.ExitCode);
    }

    [Fact]
    public async Task With_ids_a_tokenizer_that_cannot_be_used_costs_the_text_alone()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        await File.WriteAllTextAsync(Path.Combine(model, "tokenizer.json"), "rubbish");

        var printed = await Printed.By("sample", model, "--ids", "5 17", "--max-new", "3", "--json");

        Assert.Equal(JsonValueKind.Null, Samples(printed)[0].GetProperty("text").ValueKind);
        Assert.Contains("tokenizer.json has 1 problem\n  is not JSON at line 1", printed.Log);
        Assert.Contains("\nSamples have no text, as the tokenizer cannot be used.\n", printed.Log);
        Assert.Equal(2, (await Printed.By("sample", model, "--ids", "5 17", "--max-new", "3", "--stop", "x")).ExitCode);
        Assert.Equal(2, (await Printed.By("sample", model, "--text", "the", "--max-new", "3")).ExitCode);
    }

    [Fact]
    public async Task Log_probs_agree_with_those_of_score()
    {
        var model = GoldenModel.Folder("llama-gqa");
        var sample = Samples(await Printed.By("sample", model, "--ids", "5 17 3", "--max-new", "8", "--json"))[0];
        var scored = JsonDocument.Parse((await Printed.By("score", model, "--ids", "5 17 3 " + Text(sample, "ids"), "--json")).Result).RootElement;

        var expected = scored.GetProperty("logProbs").EnumerateArray().Skip(3).Select(p => p.GetSingle()).ToArray();
        var actual = sample.GetProperty("logProbs").EnumerateArray().Select(p => p.GetSingle()).ToArray();
        Assert.Equal(8, actual.Length);
        for (var k = 0; k < 8; k++)
            Assert.Equal(expected[k], actual[k], 1e-5f); // decoding with a cache against one pass
    }

    [Fact]
    public async Task Draws_depend_on_the_seed_and_the_sample_but_not_on_the_batch()
    {
        string[] line = ["sample", GoldenModel.Folder("gpt2"), "--ids", "5 17 3", "--max-new", "8", "--n", "5", "--json"];
        var together = await Printed.By(line);
        var apart = await Printed.By([.. line, "--batch", "2"]);
        var other = await Printed.By([.. line, "--seed", "2"]);

        Assert.Equal(Samples(together).Select(s => Text(s, "ids")), Samples(apart).Select(s => Text(s, "ids")));
        Assert.Equal(5, Samples(together).Select(s => Text(s, "ids")).Distinct().Count());
        Assert.DoesNotContain(Text(Samples(together)[0], "ids"), Samples(other).Select(s => Text(s, "ids")));
    }

    [Fact]
    public async Task End_tokens_and_stop_texts_end_a_sample_and_a_minimum_holds_off_the_tokens_alone()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        async Task<(string?, int)> Finish(params string[] options)
        {
            var sample = Samples(await Printed.By(["sample", model, "--text", "the cat", "--max-new", "9", "--greedy", "--json", .. options]))[0];
            return (sample.GetProperty("finish").GetString(), sample.GetProperty("ids").GetArrayLength());
        }

        var free = Samples(await Printed.By("sample", model, "--text", "the cat", "--max-new", "9", "--greedy", "--end", "", "--json"))[0];
        var ids = free.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();
        var third = Array.IndexOf(ids, ids[2]) + 1; // where it first stands

        Assert.Equal(("length", 9), await Finish("--end", ""));
        Assert.Equal(("end-token", third), await Finish("--end", $"{ids[2]}"));
        Assert.Equal(9, (await Finish("--end", $"{ids[2]}", "--min-new", "9")).Item2);
        var tokenizer = Tokenizer.Load(model);
        var text = ids.Select(id => tokenizer.Decode([id])).First(t => !t.Contains('\uFFFD', StringComparison.Ordinal)); // whole characters
        var length = Enumerable.Range(1, ids.Length).First(n => tokenizer.Decode(ids.AsSpan(0, n)).Contains(text, StringComparison.Ordinal));
        Assert.Equal(("stop-string", length), await Finish("--end", "", "--stop", "nowhere at all", "--stop", text));
        Assert.Equal(("stop-string", length), await Finish("--end", "", "--stop", text, "--min-new", "9")); // as in transformers
    }

    [Fact]
    public async Task The_text_of_a_sample_is_without_the_token_that_ended_it_special_or_not()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        string[] line = ["sample", model, "--text", "the cat", "--max-new", "9", "--greedy", "--json", "--end"];
        var free = Samples(await Printed.By([.. line, ""]))[0].GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();

        var ended = Samples(await Printed.By([.. line, $"{free[2]}"]))[0];

        var words = free[..Array.IndexOf(free, free[2])];
        Assert.Equal([.. words, free[2]], ended.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal(Tokenizer.Load(model).Decode(words, skipSpecial: true), ended.GetProperty("text").GetString());
    }

    [Fact]
    public async Task Several_samples_are_set_apart_and_cannot_steer_the_terminal()
    {
        var printed = await Printed.By("sample", TinyTextModel.Write(_root.At("model")), "--text", "the", "--max-new", "12", "--n", "3");

        Assert.Equal(3, printed.Result.Split('\n').Count(line => line.StartsWith("--- sample ", StringComparison.Ordinal)));
        Assert.Matches(@"^--- sample 1 of 3: \d+ tokens, (full length|end token), log-prob -\d+\.\d\d ---\n", printed.Result);
        Assert.DoesNotContain(printed.Result, c => char.IsControl(c) && c is not ('\n' or '\t'));
    }

    [Fact]
    public async Task The_folders_settings_are_used_and_flags_win()
    {
        var model = GoldenModel.CopyTo(_root, "gpt2");
        new GenerationConfig { EndIds = [7], Samples = true, Temperature = 0.5, TopK = 9, TopP = 0.9, MinP = 0.01, RepetitionPenalty = 1.1, MaximumNewTokens = 5 }.Write(model);
        async Task<JsonElement> Options(params string[] flags) =>
            JsonDocument.Parse((await Printed.By(["sample", model, "--ids", "5 17 3", "--json", .. flags])).Result).RootElement.GetProperty("options");

        var usual = await Options();
        var flagged = await Options("--temperature", "2", "--top-k", "0", "--top-p", "1", "--min-p", "0", "--repetition-penalty", "1", "--max-new", "3", "--end", "8 9");
        var greedy = await Options("--greedy");

        const string Names = "isGreedy temperature topK topP minP repetitionPenalty maximumNewTokens endTokens";
        Assert.Equal("False 0.5 9 0.9 0.01 1.1 5 [7]", Values(usual, Names));
        Assert.Equal("False 2 0 1 0 1 3 [8,9]", Values(flagged, Names));
        Assert.Equal("True 1 0 1 0 1.1 5 [7]", Values(greedy, Names));
    }

    [Fact]
    public async Task An_author_who_does_not_sample_gets_the_likeliest_token_until_something_is_said_about_drawing()
    {
        var model = GoldenModel.CopyTo(_root, "gpt2");
        new GenerationConfig { Samples = false }.Write(model);
        async Task<bool> IsGreedy(params string[] flags) =>
            JsonDocument.Parse((await Printed.By(["sample", model, "--ids", "5", "--max-new", "2", "--json", .. flags])).Result).RootElement.GetProperty("options").GetProperty("isGreedy").GetBoolean();

        Assert.True(await IsGreedy());
        Assert.True(await IsGreedy("--seed", "4"));
        Assert.False(await IsGreedy("--temperature", "1"));
    }

    [Fact]
    public async Task All_that_the_folder_says_of_the_chain_is_used_and_flags_win()
    {
        var model = GoldenModel.CopyTo(_root, "gpt2");
        await File.WriteAllTextAsync(Path.Combine(model, GenerationConfig.FileName), """
            {"do_sample": true, "typical_p": 0.9, "epsilon_cutoff": 0.01, "eta_cutoff": 0.02, "no_repeat_ngram_size": 2, "bad_words_ids": [[5, 6]], "sequence_bias": [[[8], 1.5]],
             "remove_invalid_values": true, "min_length": 6, "max_length": 11, "transformers_version": "4.46.0"}
            """);
        async Task<JsonElement> Options(params string[] flags) =>
            JsonDocument.Parse((await Printed.By(["sample", model, "--ids", "5 17 3", "--json", .. flags])).Result).RootElement.GetProperty("options");

        const string Names = "typical epsilon eta noRepeatNgram badWords biases removeInvalid minimumNewTokens maximumNewTokens";
        var usual = await Options();
        Assert.Equal("0.9 0.01 0.02 2 [[5,6]]", Values(usual, "typical epsilon eta noRepeatNgram badWords"));
        Assert.Equal("True 3 8", Values(usual, "removeInvalid minimumNewTokens maximumNewTokens")); // of 6 and 11 with the prompt's 3
        Assert.Equal(1.5, usual.GetProperty("biases")[0].GetProperty("bias").GetDouble());
        Assert.Equal("1 0 0 3 [[7]] True 0 2", Values(await Options("--typical", "1", "--epsilon", "0", "--eta", "0", "--no-repeat-ngram", "3", "--bad-words", "7", "--min-new", "0", "--max-new", "2"), Names.Replace(" biases", "", StringComparison.Ordinal)));
        Assert.Equal("1 0 0 2 [[5,6]]", Values(await Options("--greedy"), "typical epsilon eta noRepeatNgram badWords")); // what shapes no draw counts there too
    }

    [Fact]
    public async Task What_the_folder_says_and_Attune_does_not_know_is_refused_by_name()
    {
        var model = GoldenModel.CopyTo(_root, "gpt2");
        await File.WriteAllTextAsync(Path.Combine(model, GenerationConfig.FileName), """{"penalty_alpha": 0.6, "forced_eos_token_id": 3, "use_cache": true, "typical_p": 7}""");
        var printed = await Printed.By("sample", model, "--ids", "5 17 3");

        Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
        var keys = printed.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(line => line.Trim().Split("  ")[0]).ToArray();
        Assert.Equal(["generation_config.json forced_eos_token_id", "generation_config.json penalty_alpha", "generation_config.json typical_p"], keys);
        Assert.Equal(0, (await Printed.By("score", model, "--ids", "5 17 3")).ExitCode); // nothing is sampled there
    }

    [Fact]
    public async Task An_author_who_searches_gets_a_search_until_something_is_said_about_draws()
    {
        var model = GoldenModel.CopyTo(_root, "gpt2");
        await File.WriteAllTextAsync(Path.Combine(model, GenerationConfig.FileName), """{"num_beams": 3, "length_penalty": 0.5, "early_stopping": true, "max_new_tokens": 6}""");
        async Task<JsonElement> Job(params string[] flags) => JsonDocument.Parse((await Printed.By(["sample", model, "--ids", "5 17 3", "--json", .. flags])).Result).RootElement;
        string Search(JsonElement job) => Values(job.GetProperty("beams"), "beams lengthPenalty earlyStopping");

        var usual = await Job();
        Assert.Equal("3 0.5 yes", Search(usual));
        Assert.Equal(3, usual.GetProperty("samples").GetArrayLength());
        Assert.Equal("2 1 never", Search(await Job("--beams", "2", "--length-penalty", "1", "--early-stopping", "never")));
        Assert.Equal("3 2 yes", Search(await Job("--length-penalty", "2")));
        Assert.Equal(JsonValueKind.Null, (await Job("--temperature", "1")).GetProperty("beams").ValueKind);
        Assert.Equal(JsonValueKind.Null, (await Job("--seed", "2")).GetProperty("beams").ValueKind);

        await File.WriteAllTextAsync(Path.Combine(model, GenerationConfig.FileName), """{"num_beams": 3, "do_sample": true}""");
        Assert.Contains("generation_config.json num_beams  is 3 beside do_sample true, expected one of the two", (await Printed.By("sample", model, "--ids", "5")).Log, StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(model, GenerationConfig.FileName), """{"num_beams": 99999}""");
        Assert.Contains("generation_config.json num_beams  is 99999, expected 1 to 1024", (await Printed.By("sample", model, "--ids", "5")).Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_number_a_sample_ends_where_the_positions_do()
    {
        var sample = Samples(await Printed.By("sample", GoldenModel.Folder("gpt2"), "--ids", string.Join(' ', Enumerable.Repeat(5, 60)), "--json"))[0];

        Assert.Equal(4, sample.GetProperty("ids").GetArrayLength());
    }

    [Fact]
    public async Task Everything_that_is_wrong_is_said_at_once()
    {
        var printed = await Printed.By("sample", GoldenModel.Folder("gpt2"), "--ids", "5 97", "--max-new", "80", "--top-k", "-1", "--top-p", "NaN", "--min-p", "2",
            "--repetition-penalty", "0", "--min-new", "90", "--stop", "x", "--end", "97", "--n", "0", "--batch", "0", "--temperature", "0");

        Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
        var keys = printed.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(line => line.Trim().Split("  ")[0]).ToArray();
        Assert.Equal(["--ids number 2", "--end number 1", "--temperature", "--top-k", "--top-p", "--min-p", "--repetition-penalty", "--min-new", "--max-new", "--stop", "--n", "--batch"], keys);
        Assert.All(printed.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1), line => Assert.Matches(" {2}(is|has) .+, expected .+; .+", line));
    }

    [Theory]
    [InlineData("--greedy --temperature 0.7", "--temperature  is 0.7 beside --greedy, expected one of the two, as the likeliest token needs no draw; leave one out")]
    [InlineData("--temperature 0", "--temperature  is 0, expected above 0; use greedy for the most likely token")]
    [InlineData("--temperature=-1", "--temperature  is -1, expected above 0; use greedy for the most likely token")]
    [InlineData("--temperature 0.00005", "--temperature  is 5E-05, expected at least 0.0001; use greedy for the most likely token")]
    [InlineData("--max-new 62", "--max-new  is 62, expected at most the 61 positions that the prompt leaves; ask for fewer, or shorten the prompt")]
    [InlineData("--max-new 0", "--max-new  is 0, expected at least 1; 64 is usual")]
    [InlineData("--weights nf4 --dtype bfloat16", "--weights  is nf4 beside --dtype bfloat16, expected float32, which rounded weights are computed in; leave one of the two out")]
    [InlineData("--stop x", "--stop  is given, expected a tokenizer in {0}, which has none; add the tokenizer, or end at tokens with --end")]
    public async Task A_bad_option_is_refused(string options, string problem)
    {
        var folder = GoldenModel.Folder("gpt2");
        var printed = await Printed.By(["sample", folder, "--ids", "5 17 3", .. options.Split(' ')]);

        Assert.Equal(new Printed(2, "", $"attune sample has 1 problem\n  {problem.Replace("{0}", folder, StringComparison.Ordinal)}\n"), printed);
    }

    [Theory]
    [InlineData(WeightForm.Int8)]
    [InlineData(WeightForm.Nf4)]
    public async Task Samples_of_rounded_weights_are_those_of_the_rounded_model(WeightForm form)
    {
        var folder = GoldenModel.Folder("gpt2");
        var printed = await Printed.By("sample", folder, "--ids", "5 17 3", "--greedy", "--max-new", "20", "--weights", form.ToString().ToLowerInvariant(), "--json");

        using var model = CausalLm.Load(folder, Compute.Cpu);
        model.Pack(form);
        var expected = new Sampler(model, new SamplingOptions { IsGreedy = true, MaximumNewTokens = 20 }).Sample([new([5, 17, 3], 0)], new Seed(1))[0];
        var sample = JsonDocument.Parse(printed.Result).RootElement.GetProperty("samples")[0];
        Assert.Equal(expected.Response, sample.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.All(expected.LogProbs.Zip(sample.GetProperty("logProbs").EnumerateArray()), pair => Assert.Equal(pair.First, pair.Second.GetSingle(), 1e-5f));
    }

    [Fact]
    public async Task A_prompt_that_leaves_no_room_or_holds_nothing_is_refused()
    {
        var folder = GoldenModel.Folder("gpt2");

        Assert.Equal(new Printed(2, "", "attune sample has 1 problem\n  --ids  has 64 tokens, expected at most 63 for a model of 64 positions; give fewer\n"),
            await Printed.By("sample", folder, "--ids", string.Join(' ', Enumerable.Repeat(5, 64))));
        Assert.Equal(new Printed(2, "", "attune sample has 1 problem\n  --ids  has no tokens, expected at least one; give some\n"), await Printed.By("sample", folder, "--ids", ""));
    }

    [Fact]
    public async Task A_bad_setting_of_the_author_is_named_by_its_file_and_a_flag_overrides_it()
    {
        var model = GoldenModel.CopyTo(_root, "gpt2");
        await File.WriteAllTextAsync(Path.Combine(model, "generation_config.json"), "{\"do_sample\": true, \"temperature\": 0}");

        Assert.Equal(new Printed(2, "", "attune sample has 1 problem\n  generation_config.json temperature  is 0, expected above 0; use greedy for the most likely token\n"),
            await Printed.By("sample", model, "--ids", "5"));
        Assert.Equal(0, (await Printed.By("sample", model, "--ids", "5", "--temperature", "1")).ExitCode);
        Assert.Equal(0, (await Printed.By("sample", model, "--ids", "5", "--greedy")).ExitCode);
    }

    [Fact]
    public async Task Ctrl_C_stops_without_a_result()
    {
        using var program = ProgramProcess.Start("sample", GoldenModel.Folder("gpt2"), "--ids", "5 17 3", "--max-new", "60", "--n", "1000000", "--json");
        await program.Until(() => program.HasLogged("sample  0/1000000"), "the first line of progress");
        program.Interrupt();

        var printed = await program.End();
        Assert.Equal((130, ""), (printed.ExitCode, printed.Result));
        Assert.EndsWith("Stopped.\n", printed.Log);
    }

    private static JsonElement[] Samples(Printed printed)
    {
        Assert.True(printed.ExitCode == 0, printed.Log);
        return [.. JsonDocument.Parse(printed.Result).RootElement.GetProperty("samples").EnumerateArray()];
    }

    private static string Text(JsonElement element, string key) => string.Join(' ', element.GetProperty(key).EnumerateArray());

    private static string Values(JsonElement options, string names) => string.Join(' ', names.Split(' ').Select(name => options.GetProperty(name).ToString()));

    private static async Task CompareWithExpected(string folder, int count)
    {
        using var expected = JsonDocument.Parse((await File.ReadAllTextAsync(Path.Combine(folder, "expected.json"))).Replace("NaN", "null", StringComparison.Ordinal));
        var runs = expected.RootElement.GetProperty("greedy").EnumerateArray().ToArray();
        Assert.Equal(count, runs.Length);
        foreach (var run in runs)
        {
            string[] flags = ["--end", run.GetProperty("eos_token_id") is { ValueKind: JsonValueKind.Number } id ? id.ToString() : ""];
            if (run.TryGetProperty("repetition_penalty", out var penalty))
                flags = [.. flags, "--repetition-penalty", penalty.ToString()];
            var prompt = run.GetProperty("input_ids");
            var sample = Samples(await Printed.By(["sample", folder, "--ids", string.Join(' ', prompt.EnumerateArray()), "--max-new", run.GetProperty("max_new_tokens").ToString(), "--greedy", "--json", .. flags]))[0];

            Assert.Equal(run.GetProperty("output_ids").EnumerateArray().Skip(prompt.GetArrayLength()).Select(i => i.GetInt32()), sample.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32()));
            Assert.Equal(JsonValueKind.Null, sample.GetProperty("text").ValueKind);
            if (!run.TryGetProperty("new_token_logprobs", out var wanted))
                continue;
            var actual = sample.GetProperty("logProbs").EnumerateArray().Select(p => p.GetDouble()).ToArray();
            Assert.Equal(wanted.GetArrayLength(), actual.Length);
            for (var k = 0; k < actual.Length; k++)
                Assert.Equal(wanted[k].GetDouble(), actual[k], 1e-5);
        }
    }
}
