using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Tests;
using Attune.Tests.Models;

namespace Attune.Cli.Tests.Verbs;

/// <summary><c>attune sample</c> with beams, presets, a second model, or a reward.</summary>
public sealed class SampleDecodingTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama-gqa")]
    public async Task Beams_are_those_of_transformers(string name)
    {
        var folder = GoldenModel.Folder(name);
        using var expected = JsonDocument.Parse((await File.ReadAllTextAsync(Path.Combine(folder, "expected.json"))).Replace("NaN", "null", StringComparison.Ordinal));
        var runs = expected.RootElement.GetProperty("beam").EnumerateArray().Take(5).ToArray(); // one of each kind; all of them are run in BeamSearchTests
        Assert.Equal(5, runs.Length);
        foreach (var run in runs)
        {
            var prompt = Numbers<int>(run.GetProperty("input_ids"));
            var end = run.GetProperty("eos_token_id") is { ValueKind: JsonValueKind.Number } id ? id.ToString() : "";
            var samples = Samples(await Printed.By("sample", folder, "--ids", string.Join(' ', prompt), "--max-new", run.GetProperty("max_new_tokens").ToString(), "--end", end,
                "--beams", run.GetProperty("num_beams").ToString(), "--length-penalty", run.GetProperty("length_penalty").ToString(),
                "--early-stopping", run.GetProperty("early_stopping").GetBoolean() ? "true" : "false", "--json"));

            var sequences = run.GetProperty("output_ids").EnumerateArray().Select(Numbers<int>).ToArray();
            Assert.Equal(sequences.Length, samples.Length);
            for (var k = 0; k < samples.Length; k++)
            {
                var ids = Numbers<int>(samples[k].GetProperty("ids"));
                Assert.Equal(sequences[k][prompt.Length..], ids.Concat(Enumerable.Repeat(0, sequences[k].Length - prompt.Length - ids.Length)));
                var score = run.GetProperty("sequences_scores")[k].GetDouble();
                Assert.Equal(score, samples[k].GetProperty("score").GetDouble(), 1e-5 * Math.Max(1, Math.Abs(score)));
                Assert.Equal(ids.Length, samples[k].GetProperty("logProbs").GetArrayLength());
            }
        }
    }

    [Fact]
    public async Task A_search_prints_as_many_as_asked_for_and_their_scores()
    {
        var folder = GoldenModel.Folder("gpt2");
        var all = Samples(await Printed.By("sample", folder, "--ids", "5 17", "--beams", "3", "--max-new", "6", "--json"));
        var best = Samples(await Printed.By("sample", folder, "--ids", "5 17", "--beams", "3", "--n-best", "1", "--max-new", "6", "--json"));
        var cold = Samples(await Printed.By("sample", folder, "--ids", "5 17", "--beams", "3", "--n-best", "1", "--temperature", "0.5", "--max-new", "6", "--json"));
        var table = await Printed.By("sample", folder, "--ids", "5 17", "--beams", "3", "--max-new", "6");

        Assert.Equal(3, all.Length);
        Assert.Equal(all[0].GetRawText(), Assert.Single(best).GetRawText());
        Assert.True(cold[0].GetProperty("score").GetDouble() > best[0].GetProperty("score").GetDouble()); // sharper, so the best is likelier
        Assert.Equal(all[0].GetProperty("logProbs").EnumerateArray().Sum(p => p.GetDouble()) / 6, all[0].GetProperty("score").GetDouble(), 1e-5);
        Assert.Matches(@"^--- sample 1 of 3: 6 tokens, full length, log-prob -\d+\.\d\d, score -\d\.\d{4} ---\n", table.Result);
    }

    [Theory]
    [InlineData("--beams 4 --top-k 5", "--top-k  is given beside --beams, expected one of the two, as a search draws nothing and ends at end tokens alone; leave one out")]
    [InlineData("--beams 4 --greedy", "--greedy  is given beside --beams, expected one of the two, as a search draws nothing and ends at end tokens alone; leave one out")]
    [InlineData("--beams 4 --preset llama.cpp", "--preset  is given beside --beams, expected one of the two, as a search draws nothing and ends at end tokens alone; leave one out")]
    [InlineData("--beams 4 --n 2", "--n  is given beside --beams, expected one of the two, as a search draws nothing and ends at end tokens alone; leave one out")]
    [InlineData("--beams 4 --seed 2", "--seed  is given beside --beams, expected one of the two, as a search draws nothing and ends at end tokens alone; leave one out")]
    [InlineData("--beams 4 --temperature 0", "--temperature  is 0, expected above 0; use greedy for the most likely token")]
    [InlineData("--beams 0", "--beams  is 0, expected 1 to 1024; 4 is usual")]
    [InlineData("--beams 4 --n-best 5", "--n-best  is 5, expected 1 to --beams (4); ask for fewer, or search with more beams")]
    [InlineData("--beams 4 --length-penalty NaN", "--length-penalty  is NaN, expected -100 to 100; 1 is usual")]
    [InlineData("--beams 4 --early-stopping soon", "--early-stopping  is soon, expected one of false, true, never; choose one, or leave it out")]
    [InlineData("--length-penalty 2", "--length-penalty  is given without --beams, expected both, as nothing is searched for without beams; add --beams 4, or leave it out")]
    [InlineData("--early-stopping true", "--early-stopping  is given without --beams, expected both, as nothing is searched for without beams; add --beams 4, or leave it out")]
    [InlineData("--preset gpt4all", "--preset  is gpt4all, expected one of transformers, llama.cpp; choose one, or leave it out")]
    [InlineData("--xtc-threshold 0.2", "--xtc-threshold  is 0.2 without --xtc-probability, expected both, as nothing is dropped without it; add --xtc-probability 0.5")]
    [InlineData("--greedy --typical 0.9", "--typical  is 0.9 beside --greedy, expected one of the two, as the likeliest token needs no draw; leave one out")]
    [InlineData("--bias 5", "--bias  is \"5\", expected ids, = and a number; write it like \"5=2.5\" or \"5 17=-100\"")]
    [InlineData("--bias 97=1", "--bias number 1  is 97, expected a whole number from 0 to 96; give ids with spaces between, as attune tokenizer encode prints them")]
    [InlineData("--bad-words ,", "--bad-words  has a sequence of no tokens, expected at least one; leave it out")]
    [InlineData("--epsilon 2", "--epsilon  is 2, expected 0 (off) or more, and below 1; 0.0003 to 0.0009 is usual")]
    [InlineData("--alpha 2", "--alpha  is 2 without --contrast and --anti, expected a model to steer by; name one, or leave it out")]
    [InlineData("--best-of 4", "--best-of  is given without --reward, expected a reward to choose by; add --reward FOLDER")]
    public async Task What_is_contradictory_or_out_of_range_is_refused(string options, string problem) =>
        Assert.Equal(new Printed(2, "", $"attune sample has 1 problem\n  {problem}\n"), await Printed.By(["sample", GoldenModel.Folder("gpt2"), "--ids", "5 17 3", "--max-new", "4", .. Words(options)]));

    [Fact]
    public async Task An_authors_settings_for_drawing_do_not_disturb_a_search()
    {
        var model = GoldenModel.CopyTo(_root, "gpt2");
        string[] line = ["sample", model, "--ids", "5 17", "--beams", "2", "--max-new", "6", "--json"];
        var before = Samples(await Printed.By(line)).Select(s => s.GetRawText());
        new GenerationConfig { Samples = true, Temperature = 0.5, TopK = 9, TopP = 0.9 }.Write(model);

        Assert.Equal(before, Samples(await Printed.By(line)).Select(s => s.GetRawText()));
    }

    [Fact]
    public async Task A_preset_sets_order_and_values_and_flags_win()
    {
        async Task<string> Options(params string[] flags)
        {
            var options = JsonDocument.Parse((await Printed.By(["sample", GoldenModel.Folder("gpt2"), "--ids", "5", "--max-new", "2", "--json", .. flags])).Result).RootElement.GetProperty("options");
            return string.Join(' ', "chain temperature topK topP minP penaltyWindow".Split(' ').Select(name => options.GetProperty(name).ToString()));
        }

        Assert.Equal("transformers 1 0 1 0 0", await Options());
        Assert.Equal("transformers 1 0 1 0 0", await Options("--preset", "transformers"));
        Assert.Equal("llama-cpp 0.8 40 0.95 0.05 64", await Options("--preset", "llama.cpp"));
        Assert.Equal("llama-cpp 0 7 0.95 0.05 64", await Options("--preset", "llama.cpp", "--temperature", "0", "--top-k", "7"));
    }

    [Fact]
    public async Task Bans_and_biases_reach_the_draws()
    {
        string[] line = ["sample", GoldenModel.Folder("gpt2"), "--ids", "5 17", "--max-new", "8", "--greedy", "--end", "", "--json"];
        var free = Numbers<int>(Samples(await Printed.By(line))[0].GetProperty("ids"));
        var banned = Numbers<int>(Samples(await Printed.By([.. line, "--bad-words", $"{free[0]}", "--bad-words", "1 2"]))[0].GetProperty("ids"));
        var biased = Numbers<int>(Samples(await Printed.By([.. line, "--bias", "9=500", "--bias", "9 9=-1000"]))[0].GetProperty("ids"));
        var once = Numbers<int>(Samples(await Printed.By([.. line, "--no-repeat-ngram", "1"]))[0].GetProperty("ids"));

        Assert.DoesNotContain(free[0], banned);
        Assert.Equal([9, 9, 9, 9], biased.Where((_, place) => place % 2 == 0)); // every time but right after itself
        Assert.DoesNotContain(biased.Where((_, place) => place % 2 == 1), id => id == 9);
        Assert.Equal(10, once.Append(5).Append(17).Distinct().Count());
    }

    [Fact]
    public async Task A_second_model_steers_the_draws()
    {
        var (model, other) = (GoldenModel.Folder("gpt2"), GoldenModel.Folder("llama-gqa"));
        string[] line = ["sample", model, "--ids", "5 17", "--max-new", "6", "--json"];
        var plain = Samples(await Printed.By(line))[0].GetRawText();
        var steered = await Printed.By([.. line, "--contrast", other, "--anti", model, "--alpha", "1"]);
        var others = Samples(await Printed.By(["sample", other, "--ids", "5 17", "--max-new", "6", "--json"]))[0];

        // z + (z⁺ − z) is z⁺
        Assert.Equal(Numbers<int>(others.GetProperty("ids")), Numbers<int>(Samples(steered)[0].GetProperty("ids")));
        Assert.NotEqual(plain, Samples(steered)[0].GetRawText());
        Assert.Equal(plain, Samples(await Printed.By([.. line, "--anti", model, "--alpha", "3"]))[0].GetRawText()); // against itself
        Assert.Equal(other, JsonDocument.Parse(steered.Result).RootElement.GetProperty("contrast").GetProperty("expert").GetString());
    }

    [Fact]
    public async Task A_second_model_of_other_tokens_is_refused()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        var more = TinyTextModel.Write(_root.At("more"), vocabulary: 270);
        var other = TinyTextModel.Write(_root.At("other"));
        var json = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(other, "tokenizer.json")))!;
        var vocabulary = json["model"]!["vocab"]!.AsObject();
        var (a, b) = ((int)vocabulary["a"]!, (int)vocabulary["b"]!);
        (vocabulary["a"], vocabulary["b"]) = (b, a);
        await File.WriteAllTextAsync(Path.Combine(other, "tokenizer.json"), json.ToJsonString());
        async Task<string> Refused(params string[] flags)
        {
            var printed = await Printed.By(["sample", model, "--text", "the", "--max-new", "4", .. flags]);
            Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
            return printed.Log;
        }

        Assert.Matches(@"--contrast  is .+, which has \d+ tokens, expected the \d+ of .+, as logits are added token by token; take a model of the same family", await Refused("--contrast", more));
        Assert.Contains($"--anti  is {other}, which has another tokenizer, expected that of {model}, as logits are added token by token; take a model of the same family", await Refused("--anti", other));
        Assert.Contains("--alpha  is NaN, expected -100 to 100; 1 is usual", await Refused("--anti", model, "--alpha", "NaN"));
        Assert.Contains("does not exist", await Refused("--anti", _root.At("none")));
    }

    [Fact]
    public async Task The_best_of_n_by_any_reward()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        var reward = _root.At("reward.yaml");
        await File.WriteAllTextAsync(reward, "rewards:\n  - function: length-target\n    length: 3\n  - function: repetition\n    weight: 0.01\n");
        string[] line = ["sample", model, "--text", "the", "--max-new", "12", "--end", string.Join(' ', Enumerable.Range(0, 60)), "--json", "--reward", reward];
        var scored = await Printed.By([.. line, "--n", "8"]);
        var best = await Printed.By([.. line, "--n", "2", "--best-of", "4"]);
        var kept = await Printed.By([.. line, "--n", "8", "--rejection", "0.000001"]);

        var rewards = Samples(scored).Select(Reward).ToArray();
        Assert.Equal(8, rewards.Length);
        Assert.Equal([rewards[..4].Max(), rewards[4..].Max()], Samples(best).Select(Reward));
        Assert.All(Samples(kept), s => Assert.Equal(rewards.Max(), Reward(s)));
        Assert.Equal(8, JsonDocument.Parse(best.Result).RootElement.GetProperty("selection").GetProperty("drawn").GetInt32());
        Assert.True(rewards.Distinct().Count() > 1);

        static double Reward(JsonElement sample) => sample.GetProperty("reward").GetDouble();
    }

    [Fact]
    public async Task A_reward_that_cannot_be_used_is_refused()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        await File.WriteAllTextAsync(_root.At("bad.yaml"), "rewards:\n  - function: politeness\n");
        await File.WriteAllTextAsync(_root.At("empty.yaml"), "rewards: []\n");
        async Task<string> Refused(params string[] flags)
        {
            var printed = await Printed.By(["sample", model, "--text", "the", "--max-new", "4", "--reward", .. flags]);
            Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
            return printed.Log;
        }

        Assert.Contains("--reward  is nowhere, which does not exist, expected a reward model's folder, or a YAML file with the list rewards; check the path", await Refused("nowhere"));
        Assert.Contains("expected one of length-target, lexicon, repetition", await Refused(_root.At("bad.yaml")));
        Assert.Contains("rewards  is empty, expected at least one part", await Refused(_root.At("empty.yaml")));
        Assert.Contains("--rejection  is given beside --best-of, expected one of the two; leave one out", await Refused(_root.At("bad.yaml"), "--best-of", "2", "--rejection", "1"));
        Assert.Contains("--rejection  is 0, expected above 0", await Refused(_root.At("bad.yaml"), "--rejection", "0"));
        Assert.Contains("--best-of  is 0, expected at least 1", await Refused(_root.At("bad.yaml"), "--best-of", "0"));
        Assert.Contains("a tokenizer in", (await Printed.By("sample", GoldenModel.Folder("gpt2"), "--ids", "5", "--max-new", "4", "--reward", _root.At("bad.yaml"))).Log);
        Assert.StartsWith("attune sample has 1 problem\n  --reward  ", await Refused(model), StringComparison.Ordinal); // a language model is no reward model
    }

    [Fact]
    public async Task Repetition_rates_are_reported()
    {
        string[] line = ["sample", GoldenModel.Folder("gpt2"), "--ids", "5 17", "--max-new", "5", "--greedy", "--end", "", "--bias", "9=500"]; // 9 9 9 9 9
        var rates = Samples(await Printed.By([.. line, "--json"]))[0].GetProperty("repetition").EnumerateArray().Select(r => r.GetDouble());

        Assert.Equal([0.8, 0.75, 2 / 3.0, 0.5], rates.Select(r => Math.Round(r, 12)), (a, b) => Math.Abs(a - b) < 1e-9);
        Assert.EndsWith("\nRepetition, the share of n-grams of tokens that stood before, mean over samples: rep-1 0.800, rep-2 0.750, rep-3 0.667, rep-4 0.500\n", (await Printed.By(line)).Result);
    }

    private static string[] Words(string options) => options.Split(' ');

    private static JsonElement[] Samples(Printed printed)
    {
        Assert.True(printed.ExitCode == 0, printed.Log);
        return [.. JsonDocument.Parse(printed.Result).RootElement.GetProperty("samples").EnumerateArray()];
    }

    private static T[] Numbers<T>(JsonElement array) => [.. array.EnumerateArray().Select(e => e.Deserialize<T>()!)];
}
