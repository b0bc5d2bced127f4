using System.Text;
using System.Text.Json;
using Attune.Models;
using Attune.Rollouts;
using Attune.Tests;
using Attune.Tests.Models;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

public sealed class ScoreVerbTests : IDisposable
{
    private const double Tolerance = 1e-5; // of the goldens; see PROVENANCE.md beside them

    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama-gqa")]
    public Task Log_probs_are_those_of_transformers(string model) => CompareWithExpected(GoldenModel.Folder(model));

    [FixtureTheory]
    [InlineData("gpt2")]
    [InlineData("llama-gqa")]
    [InlineData("llama-gqa-sharded-bf16")]
    public Task Log_probs_are_those_of_the_fixtures(string model) => CompareWithExpected(Fixtures.Path($"fixtures/models/{model}"));

    [Fact]
    public async Task Numbers_read_back_to_the_same_bits_and_the_sums_are_theirs()
    {
        var printed = await Printed.By("score", GoldenModel.Folder("gpt2"), "--ids", "5, 17 3\t90", "--json");

        using var model = CausalLm.Load(GoldenModel.Folder("gpt2"), Compute.Cpu);
        var exact = TokenScoring.LogProbs(model, [[5, 17, 3, 90]])[0];
        var read = JsonDocument.Parse(printed.Result).RootElement;
        Assert.Equal(exact, read.GetProperty("logProbs").EnumerateArray().Skip(1).Select(p => p.GetSingle()));
        var total = exact.Sum(p => (double)p);
        Assert.Equal(total, read.GetProperty("total").GetDouble());
        Assert.Equal(total / 3, read.GetProperty("mean").GetDouble());
        Assert.Equal(Math.Exp(-total / 3), read.GetProperty("perplexity").GetDouble());
    }

    [Fact]
    public async Task A_text_is_scored_as_its_ids_whether_it_is_an_option_or_standard_input()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        var byText = await Printed.By("score", model, "--text", "the cat", "--json");
        var byInput = await Printed.By("the cat\n", ["score", model, "--json"]);
        var ids = string.Join(' ', JsonDocument.Parse(byText.Result).RootElement.GetProperty("ids").EnumerateArray());
        var byIds = await Printed.By("score", model, "--ids", ids, "--json");

        Assert.Equal(byText, byInput);
        var tokens = JsonDocument.Parse(byText.Result).RootElement.GetProperty("tokens").EnumerateArray().Select(t => t.GetString());
        Assert.Equal("the cat", string.Concat(tokens));
        Assert.Equal(JsonDocument.Parse(byText.Result).RootElement.GetProperty("logProbs").GetRawText(), JsonDocument.Parse(byIds.Result).RootElement.GetProperty("logProbs").GetRawText());
        Assert.Equal(JsonValueKind.Null, JsonDocument.Parse(byIds.Result).RootElement.GetProperty("tokens").ValueKind);
    }

    [Fact]
    public async Task With_ids_a_tokenizer_is_not_even_opened()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        await File.WriteAllTextAsync(Path.Combine(model, "tokenizer.json"), "rubbish");

        Assert.Equal(0, (await Printed.By("score", model, "--ids", "5 17")).ExitCode);
        Assert.Equal(2, (await Printed.By("score", model, "--text", "the")).ExitCode);
    }

    [Fact]
    public async Task The_table_shows_each_token_and_the_sum()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        var printed = await Printed.By("score", model, "--text", "the\n\u001b[31m cat");

        Assert.Equal((0, ""), (printed.ExitCode, printed.Log));
        Assert.Matches("place +id +token +log-prob", printed.Result);
        Assert.Matches(@"\n +1 +\d+ +""the""\n", printed.Result); // nothing before it: no number
        Assert.Matches(@"\n +2 +\d+ +""\\n"" +-\d+\.\d{4}\n", printed.Result);
        Assert.Matches(@"""\\x1B""", printed.Result); // does not reach the terminal
        Assert.DoesNotContain("\u001b", printed.Result);
        Assert.Matches(@"\ntotal -\d+\.\d{4} nats over \d+ tokens, mean -\d+\.\d{4}, perplexity \d+(\.\d+)?\n$", printed.Result);
    }

    [Fact]
    public async Task One_token_alone_has_no_log_prob()
    {
        var json = await Printed.By("score", GoldenModel.Folder("gpt2"), "--ids", "5", "--json");
        var table = await Printed.By("score", GoldenModel.Folder("gpt2"), "--ids", "5");

        Assert.Equal(new Printed(0, "{\"ids\":[5],\"tokens\":null,\"logProbs\":[null],\"total\":0,\"mean\":null,\"perplexity\":null}\n", ""), json);
        Assert.EndsWith("One token alone has nothing before it and no log-prob.\n", table.Result);
    }

    [Theory]
    [InlineData("--ids 97", "--ids number 1  is 97, expected a whole number from 0 to 96; give ids with spaces between, as attune tokenizer encode prints them")]
    [InlineData("--ids=-1", "--ids number 1  is -1, expected a whole number from 0 to 96; give ids with spaces between, as attune tokenizer encode prints them")]
    [InlineData("--ids 5 --device tpu", "--device  is tpu, expected cpu, cuda or cuda:N; cpu is usual")]
    public async Task Bad_ids_and_devices_are_refused(string options, string problem) =>
        Assert.Equal(new Printed(2, "", $"attune score has 1 problem\n  {problem}\n"), await Printed.By(["score", GoldenModel.Folder("gpt2"), .. options.Split(' ')]));

    [Fact]
    public async Task A_text_that_is_too_long_or_empty_is_refused()
    {
        var model = TinyTextModel.Write(_root.At("model"));

        Assert.Equal(new Printed(2, "", "attune score has 1 problem\n  standard input  has no tokens, expected at least one; give some\n"), await Printed.By("\n", ["score", model]));
        Assert.Equal(new Printed(2, "", "attune score has 1 problem\n  --ids  has no tokens, expected at least one; give some\n"), await Printed.By("score", model, "--ids", " "));
        Assert.Equal(new Printed(2, "", "attune score has 1 problem\n  --ids  has 65 tokens, expected at most 64 for a model of 64 positions; give fewer\n"),
            await Printed.By("score", model, "--ids", string.Join(' ', Enumerable.Repeat(5, 65))));
    }

    [Fact]
    public async Task Ids_and_text_together_are_refused()
    {
        var printed = await Printed.By("score", TinyTextModel.Write(_root.At("model")), "--ids", "5", "--text", "the");

        Assert.Equal(new Printed(2, "", "attune score has 1 problem\n  --text  is given beside --ids, expected one of the two; leave one out\n"), printed);
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("nf4")]
    public async Task What_rounding_changes_is_printed_beside_the_full_weights(string form)
    {
        var model = TinyTextModel.Write(_root.At("model"));
        var text = _root.At("text.txt");
        await File.WriteAllTextAsync(text, string.Concat(Enumerable.Repeat("the cat sat on the mat, the mat sat still. ", 12)));

        var json = JsonDocument.Parse((await Printed.By("score", model, "--perplexity", text, "--weights", form, "--json")).Result).RootElement;
        var table = await Printed.By("score", model, "--perplexity", text, "--weights", form);
        var alone = JsonDocument.Parse((await Printed.By("score", model, "--perplexity", text, "--window", "33", "--json")).Result).RootElement;

        var (full, rounded) = (json.GetProperty("weights")[0], json.GetProperty("weights")[1]);
        Assert.Equal(("full", form), (full.GetProperty("weights").GetString(), rounded.GetProperty("weights").GetString()));
        var files = ModelDescription.Read(model, TokenizerUse.Needed);
        int[] ids = files.Tokenizer!.Opened(files.Tokenizer.Encode(await File.ReadAllTextAsync(text)));
        using (var packed = files.Load(Compute.Cpu, weights: Enum.Parse<WeightForm>(form, ignoreCase: true)))
            Assert.Equal(TextPerplexity.Of(packed, ids, TinyTextModel.Positions), rounded.GetProperty("perplexity").GetDouble(), 1e-3);
        Assert.Equal((ids.Length - 1, TinyTextModel.Positions), (json.GetProperty("tokens").GetInt32(), json.GetProperty("window").GetInt32()));
        Assert.NotEqual(full.GetProperty("perplexity").GetDouble(), rounded.GetProperty("perplexity").GetDouble());
        Assert.Equal((rounded.GetProperty("perplexity").GetDouble() / full.GetProperty("perplexity").GetDouble()) - 1, json.GetProperty("change").GetProperty("perplexity").GetDouble(), 1e-12);
        Assert.Equal(rounded.GetProperty("decodedPerSecond").GetDouble() / full.GetProperty("decodedPerSecond").GetDouble(), json.GetProperty("change").GetProperty("decoding").GetDouble(), 1e-9);
        Assert.True(full.GetProperty("bytesPerToken").GetInt64() > rounded.GetProperty("bytesPerToken").GetInt64());
        Assert.Equal(0, table.ExitCode);
        Assert.Matches(@"\n +float32 +\d+\.\d{4} ", table.Result);
        Assert.Matches($@"\n +{form} +\d+\.\d{{4}} +[+-]\d+\.\d\d % +\d+\.\d +\d+ +[+-]\d+\.\d\d % +\d+ +[+-]\d+\.\d\d %\n", table.Result);
        Assert.Equal(JsonValueKind.Null, alone.GetProperty("change").ValueKind);
        Assert.Equal((1, 33), (alone.GetProperty("weights").GetArrayLength(), alone.GetProperty("window").GetInt32()));
    }

    [Fact]
    public async Task Log_probs_of_rounded_weights_are_near_those_of_full_ones_and_not_the_same()
    {
        string[] given = ["score", GoldenModel.Folder("gpt2"), "--ids", "5 17 3 90 12", "--json"];
        double[] LogProbs(Printed printed) => [.. JsonDocument.Parse(printed.Result).RootElement.GetProperty("logProbs").EnumerateArray().Skip(1).Select(p => p.GetDouble())];
        var full = LogProbs(await Printed.By(given));
        var same = LogProbs(await Printed.By([.. given, "--weights", "full"]));
        var int8 = LogProbs(await Printed.By([.. given, "--weights", "int8"]));
        var nf4 = LogProbs(await Printed.By([.. given, "--weights", "nf4"]));

        Assert.Equal(full, same);
        Assert.InRange(full.Zip(int8, (a, b) => Math.Abs(a - b)).Max(), 1e-6, 0.3);
        Assert.InRange(full.Zip(nf4, (a, b) => Math.Abs(a - b)).Max(), full.Zip(int8, (a, b) => Math.Abs(a - b)).Max(), 5);
    }

    [Theory]
    [InlineData("--ids 5 --weights int8 --dtype float64", "--weights  is int8 beside --dtype float64, expected float32, which rounded weights are computed in; leave one of the two out")]
    [InlineData("--ids 5 --weights int4", "--weights  is int4, expected full, int8 or nf4; see attune score --help")]
    [InlineData("--ids 5 --window 8", "--window  is 8 without --perplexity, expected both or neither; add --perplexity FILE, or leave it out")]
    [InlineData("--perplexity text.txt --ids 5", "--ids  is given beside --perplexity, expected one of the two; leave one out")]
    [InlineData("--perplexity text.txt --batch 2", "--batch  is given beside --perplexity, expected one of the two; leave one out")]
    [InlineData("--perplexity text.txt --window 1", "--window  is 1, expected 2 to 64, the model's positions; leave it out for as many as it reads")]
    [InlineData("--perplexity text.txt --window 65", "--window  is 65, expected 2 to 64, the model's positions; leave it out for as many as it reads")]
    public async Task Weights_and_windows_that_make_no_sense_are_refused(string options, string problem) =>
        Assert.Equal(new Printed(2, "", $"attune score has 1 problem\n  {problem}\n"), await Printed.By(["score", TinyTextModel.Write(_root.At("model")), .. options.Split(' ')]));

    [Fact]
    public async Task A_long_text_that_cannot_be_scored_is_refused()
    {
        var model = TinyTextModel.Write(_root.At("model"));
        async Task<string> Said(string name, byte[]? bytes)
        {
            if (bytes is not null)
                await File.WriteAllBytesAsync(_root.At(name), bytes);
            var printed = await Printed.By("score", model, "--perplexity", _root.At(name));
            Assert.Equal((2, ""), (printed.ExitCode, printed.Result));
            return printed.Log;
        }

        Assert.Contains("does not exist, expected a text file; check the path", await Said("nowhere.txt", null));
        Assert.Contains("has 0 tokens, expected at least two", await Said("empty.txt", []));
        Assert.Contains("is no UTF-8 from byte 2 on, expected a text in UTF-8; convert it", await Said("latin.txt", [.. "a "u8, 0xE9, .. " b"u8]));
        Assert.Contains("is a folder, expected a text file", await Said("model", null));
    }

    [Fact]
    public async Task Weights_that_are_not_numbers_are_a_failure_and_no_result()
    {
        var model = GoldenModel.CopyTo(_root, "gpt2");
        Spoil(Path.Combine(model, "model.safetensors"));

        var scored = await Printed.By("score", model, "--ids", "5 17 3", "--json");
        var sampled = await Printed.By("sample", model, "--ids", "5 17 3", "--max-new", "4", "--json");

        Assert.Equal(new Printed(1, "", "The log-prob of token 2 is NaN, expected a number; the model's weights are damaged, or its training diverged: take an earlier checkpoint\n"), scored);
        Assert.Equal((1, ""), (sampled.ExitCode, sampled.Result));
        Assert.Contains("are not finite", sampled.Log);
        Assert.DoesNotContain("Exception", sampled.Log);
    }

    /// <summary>NaN wherever a number stands.</summary>
    private static void Spoil(string path)
    {
        var bytes = File.ReadAllBytes(path);
        for (var at = 8 + (int)BitConverter.ToInt64(bytes); at + 4 <= bytes.Length; at += 4)
            BitConverter.TryWriteBytes(bytes.AsSpan(at), float.NaN);
        File.WriteAllBytes(path, bytes);
    }

    private static async Task CompareWithExpected(string folder)
    {
        using var expected = JsonDocument.Parse((await File.ReadAllTextAsync(Path.Combine(folder, "expected.json"), Encoding.UTF8)).Replace("NaN", "null", StringComparison.Ordinal));
        var samples = expected.RootElement.GetProperty("forward");
        Assert.Equal(3, samples.GetArrayLength());
        foreach (var sample in samples.EnumerateArray())
        {
            var printed = await Printed.By("score", folder, "--ids", string.Join(' ', sample.GetProperty("input_ids").EnumerateArray()), "--json");

            Assert.Equal((0, ""), (printed.ExitCode, printed.Log));
            var logProbs = JsonDocument.Parse(printed.Result).RootElement.GetProperty("logProbs").EnumerateArray().ToArray();
            var wanted = sample.GetProperty("next_token_logprobs").EnumerateArray().Select(p => p.GetDouble()).ToArray();
            Assert.Equal(JsonValueKind.Null, logProbs[0].ValueKind);
            Assert.Equal(wanted.Length, logProbs.Length - 1);
            for (var k = 0; k < wanted.Length; k++)
                Assert.Equal(wanted[k], logProbs[k + 1].GetDouble(), Tolerance);
        }
    }
}
