using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Runs;
using Attune.Tests.Models;
using Attune.Tests.Tokens;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Tests;

/// <summary>
/// Every file of a model folder with every hostile thing in every place: each is read or refused with its reason, never anything else, and never for long. What a
/// single case means is tested beside each reader; this goes through all of them.
/// </summary>
public sealed class HostileFilesTests : IDisposable
{
    internal static readonly TimeSpan Longest = TimeSpan.FromSeconds(20); // of one file, on a busy machine; what is quadratic takes hours

    private static readonly string[] Values =
    [
        "null", "true", "-1", "0", "1e300", "99999999999999999999", "2147483647", "\"\"", "\"x\"", "\"\\u0000\"", "\"\\ud800\"", "[]", "{}", "[[]]", "[null]", "[1, \"x\", {}]", "{\"type\": \"Nothing\"}", "{\"\": {}}",
        string.Concat(Enumerable.Repeat("[", 60)) + string.Concat(Enumerable.Repeat("]", 60)),
    ];

    private readonly Attune.Tests.Models.TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A tokenizer with one of every kind of component, and added tokens with every flag.</summary>
    private const string Everything = """
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [{"id": 8, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
                          {"id": 9, "content": "<x>", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true, "special": false}],
         "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Prepend", "prepend": "_"}, {"type": "Strip", "strip_left": true, "strip_right": true}, {"type": "Lowercase"}]},
         "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\p{L}+|\\p{N}{1,3}|[^\\p{L}\\p{N}]+"}, "behavior": "Isolated", "invert": false}, {"type": "Digits", "individual_digits": true}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true}]},
         "model": {"type": "BPE", "dropout": null, "unk_token": "u", "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": false, "ignore_merges": false,
                   "vocab": {"a": 0, "b": 1, "ab": 2, "c": 3, "abc": 4, "u": 5, "▁": 6, "_": 7, "<s>": 8, "<x>": 9}, "merges": ["a b", ["ab", "c"]]},
         "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                            "special_tokens": {"<s>": {"id": "<s>", "ids": [8], "tokens": ["<s>"]}}},
         "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}}
        """;

    private const string Unigram = """
        {"added_tokens": [], "normalizer": {"type": "NFKC"}, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": true}, "decoder": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": true},
         "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false, "vocab": [["<unk>", 0], ["▁", -2], ["a", -3.5], ["ab", -1], ["b", -4]]}}
        """;

    private const string Settings = """
        {"add_bos_token": true, "add_eos_token": false, "bos_token": {"__type": "AddedToken", "content": "<s>", "lstrip": false}, "eos_token": "<x>", "pad_token": null, "model_max_length": 1e30, "clean_up_tokenization_spaces": false,
         "added_tokens_decoder": {"8": {"content": "<s>", "special": true}}, "chat_template": [{"name": "default", "template": "{% for m in messages %}{{ m.content }}{% endfor %}"}, {"name": "tool_use", "template": "x"}],
         "tokenizer_class": "PreTrainedTokenizerFast"}
        """;

    [Theory]
    [InlineData(Everything)]
    [InlineData(Unigram)]
    public void Every_value_of_a_tokenizer_is_read_or_refused(string good)
    {
        UseTokenizer();
        AssertSweep("tokenizer.json", good, UseTokenizer);

        void UseTokenizer()
        {
            if (!File.Exists(_folder.At("tokenizer.json")))
                File.WriteAllText(_folder.At("tokenizer.json"), good);
            Use(Tokenizer.Load(_folder.Path));
        }
    }

    [Fact]
    public void Every_value_of_a_tokenizers_settings_is_read_or_refused()
    {
        File.WriteAllText(_folder.At("tokenizer.json"), Everything);
        AssertSweep("tokenizer_config.json", Settings, () =>
        {
            var tokenizer = Tokenizer.Load(_folder.Path);
            Use(tokenizer);
            new ChatPrompts(tokenizer).Of(new([new(Role.User, "ab <s> é")]));
        });
    }

    [Fact]
    public void Every_value_of_a_models_folder_is_read_or_refused()
    {
        var model = GoldenModel.CopyTo(_folder, "llama-gqa");
        File.WriteAllText(Path.Combine(model, GenerationConfig.FileName), """
            {"eos_token_id": [2, 3], "do_sample": true, "temperature": 0.7, "top_k": 5, "typical_p": 0.9, "no_repeat_ngram_size": 3, "bad_words_ids": [[5], [7, 9]], "sequence_bias": [[[5, 17], -2.5]], "stop_strings": ["x"],
             "num_beams": 2, "early_stopping": "never", "max_length": 20, "min_length": 2, "penalty_alpha": 0.5}
            """);
        void Read() => ModelDescription.Read(model, TokenizerUse.Never);
        AssertSweep(Path.Combine(model, GenerationConfig.FileName), File.ReadAllText(Path.Combine(model, GenerationConfig.FileName)), Read);
        AssertSweep(Path.Combine(model, "config.json"), File.ReadAllText(Path.Combine(model, "config.json")), () =>
        {
            using var read = CausalLm.Load(model, Compute.Cpu);
        });
    }

    [Fact]
    public void Every_value_of_an_adapters_config_is_read_or_refused()
    {
        var adapter = WriteAdapter();
        AssertSweep(Path.Combine(adapter, "adapter_config.json"), File.ReadAllText(Path.Combine(adapter, "adapter_config.json")), () =>
        {
            using var read = CausalLm.Load(adapter, Compute.Cpu);
        });
    }

    [Fact]
    public void Every_value_of_a_shard_index_is_read_or_refused()
    {
        using (var model = TinyModel.Create("llama"))
            model.Save(_folder.At("model"), new() { MaximumShardBytes = 20_000 });
        var index = _folder.At("model/model.safetensors.index.json");
        AssertSweep(index, File.ReadAllText(index), () =>
        {
            using var read = CausalLm.Load(_folder.At("model"), Compute.Cpu);
        });
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("adapter_model.safetensors")]
    public void Weights_that_are_cut_off_or_altered_are_refused_or_read(string file)
    {
        var folder = file[0] == 'a' ? WriteAdapter() : GoldenModel.CopyTo(_folder, "llama-gqa");
        var path = Path.Combine(folder, file);
        var good = File.ReadAllBytes(path);
        var header = 8 + (int)BitConverter.ToUInt64(good);
        void Load()
        {
            using var read = CausalLm.Load(folder, Compute.Cpu);
        }

        foreach (var length in Enumerable.Range(0, 40).Concat(Enumerable.Range(1, 60).Select(k => header * k / 60)).Concat(Enumerable.Range(0, 20).Select(k => header + ((good.Length - header) * k / 20))))
        {
            File.WriteAllBytes(path, good[..length]);
            Assert.True(Attempt(Load), $"cut off at {length}");
        }

        var drawn = new Drawn(7);
        for (var k = 0; k < 300; k++)
        {
            var bad = good.ToArray();
            for (var flips = 1 + (k % 3); flips > 0; flips--)
                bad[drawn.Below(k % 5 == 0 ? 8 : header)] = (byte)drawn.Below(256);
            File.WriteAllBytes(path, bad);
            Attempt(Load);
        }
    }

    [Fact]
    public void Piece_models_and_ranks_that_are_cut_off_or_altered_are_refused_or_read()
    {
        var ranks = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 256).Select(value => $"{Convert.ToBase64String([(byte)value])} {value}\n")));
        var drawn = new Drawn(3);
        foreach (var (name, good) in ((string, byte[])[])[("bpe.model", PieceModelTests.SentencePiece(isBpe: true)), ("unigram.model", PieceModelTests.SentencePiece(isBpe: false)), ("x.tiktoken", ranks)])
        {
            var path = _folder.At(name);
            void Load() => Use(Tokenizer.Load(path));
            File.WriteAllBytes(path, good);
            Assert.False(Attempt(Load), $"{name} as it is");
            for (var length = 0; length < good.Length; length += 1 + (good.Length / 400))
            {
                File.WriteAllBytes(path, good[..length]);
                Attempt(Load);
            }

            for (var k = 0; k < 400; k++)
            {
                var bad = good.ToArray();
                for (var flips = 1 + (k % 4); flips > 0; flips--)
                    bad[drawn.Below(k % 2 == 0 ? 60 : bad.Length)] = (byte)drawn.Below(256);
                File.WriteAllBytes(path, bad);
                Attempt(Load);
            }

            File.WriteAllBytes(path, drawn.Bytes(5_000));
            Assert.True(Attempt(Load), $"{name} of random bytes");
        }
    }

    [Theory]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("\n")]
    [InlineData("é")]
    [InlineData("\u0301")]
    [InlineData("\u0323\u0301")]
    [InlineData("1")]
    [InlineData("!")]
    [InlineData("▁")]
    [InlineData("🦙")]
    [InlineData("\u200D")]
    [InlineData("<")]
    [InlineData("<|im_start")]
    [InlineData("가")]
    [InlineData("ab")]
    [InlineData("'s")]
    public void A_megabyte_of_one_thing_is_encoded_in_no_more_than_its_share_of_time(string unit)
    {
        var text = string.Concat(Enumerable.Repeat(unit, (1 << 20) / Encoding.UTF8.GetByteCount(unit)));
        Tokenizer Of(string json)
        {
            File.WriteAllText(_folder.At("tokenizer.json"), json);
            return Tokenizer.Load(_folder.At("tokenizer.json"));
        }

        const string Starts = """[{"id": 9, "content": "<|im_start|>", "special": true, "normalized": false}, {"id": 10, "content": "<|im_end|>", "special": false, "normalized": true, "lstrip": true, "rstrip": true}]""";
        string[] kinds = [Everything, Unigram, PieceModelTests.LlamaStyle(), Unigram.Replace("\"added_tokens\": []", $"\"added_tokens\": {Starts}", StringComparison.Ordinal).Replace("NFKC", "NFD", StringComparison.Ordinal)];
        Tokenizer[] tokenizers = [.. kinds.Select(Of), Tokenizer.Load(Repository.PathOf("models/base")), BpeTrainer.Train(["the cat sat 12 34 aaaaaaaa"], new() { VocabularySize = 290, Split = SplitPattern.Llama3 })];
        foreach (var tokenizer in tokenizers)
        {
            var began = Stopwatch.GetTimestamp();
            var ids = tokenizer.Encode(text);
            var stream = new StreamingDecoder(tokenizer);
            var length = ids.Sum(id => (long)stream.Add(id).Length) + stream.Finish().Length;
            Assert.Equal(tokenizer.Decode(ids).Length, length);
            Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, Longest);
        }
    }

    private string WriteAdapter()
    {
        using var scope = TensorScope.Begin();
        var model = GoldenModel.CopyTo(_folder, "llama-gqa");
        using var lm = CausalLm.Load(model, Compute.Cpu);
        using var view = lm.With(LoraAdapter.Create(lm.Config, new() { Rank = 2, Alpha = 6 }, new Seed(1), Compute.Cpu));
        view.Save(_folder.At("adapter"));
        return _folder.At("adapter");
    }

    private static void Use(Tokenizer tokenizer)
    {
        try
        {
            var ids = tokenizer.Encode("ab <s> <x> é\n 12 _▁ 🦙");
            tokenizer.EncodeWithAddedTokens("<s>ab<x>");
            tokenizer.Decode(ids);
            tokenizer.Decode([0, 1, 2, 3]);
        }
        catch (ArgumentOutOfRangeException)
        {
            // ids that a smaller vocabulary does not have
        }
    }

    /// <summary>Every value of a file is left out, doubled and replaced; the file is cut off, altered and nested.</summary>
    private void AssertSweep(string file, string good, Action use)
    {
        var path = Path.IsPathRooted(file) ? file : _folder.At(file);
        var (read, refused) = (0, 0);
        void Try(string text)
        {
            File.WriteAllText(path, text);
            if (Attempt(use, text))
                refused++;
            else
                read++;
        }

        File.WriteAllText(path, good);
        Assert.False(Attempt(use), "the file as it is");
        var places = Places(JsonNode.Parse(good)!).ToArray();
        Assert.InRange(places.Length, 5, 1_000);
        foreach (var place in places)
        {
            foreach (var value in Values)
                Try(With(good, place, value));
            Try(With(good, place, null));
        }

        foreach (var length in Enumerable.Range(0, 50).Select(k => good.Length * k / 50))
            Try(good[..length]);
        foreach (var text in (string[])["", "null", "[]", "7", "\"x\"", "{}", "{\"a\": 1, \"a\": 2}", good + good, "\uFEFF" + good, new string('[', 200_000), string.Concat(Enumerable.Repeat("{\"a\":", 100_000))])
            Try(text);
        var drawn = new Drawn(5);
        var bytes = Encoding.UTF8.GetBytes(good);
        for (var k = 0; k < 200; k++)
        {
            var bad = bytes.ToArray();
            bad[drawn.Below(bad.Length)] = (byte)drawn.Below(256);
            File.WriteAllBytes(path, bad);
            Attempt(use, $"byte {k}");
        }

        File.WriteAllText(path, good);
        Assert.InRange(refused, places.Length * Values.Length / 8, int.MaxValue); // most of it makes no sense
        Assert.True(read > 0);
    }

    /// <summary>Does something with a bad file.</summary>
    /// <returns>Whether it was refused.</returns>
    internal static bool Attempt(Action use, string? what = null)
    {
        var began = Stopwatch.GetTimestamp();
        try
        {
            use();
            return false;
        }
        catch (InputException e)
        {
            Assert.All(e.Problems, problem => Assert.False(string.IsNullOrWhiteSpace(problem.Message)));
            Assert.Contains("expected", e.Message, StringComparison.Ordinal);
            return true;
        }
        catch (Exception e) when (e is not Xunit.Sdk.XunitException)
        {
            Assert.Fail($"{e}\nwith {what?[..Math.Min(what.Length, 3_000)]}");
            throw;
        }
        finally
        {
            Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, Longest);
        }
    }

    /// <summary>The paths to all values, of long lists and objects to the first few.</summary>
    private static IEnumerable<object[]> Places(JsonNode node)
    {
        const int Few = 6;
        var items = node switch
        {
            JsonObject map => map.Take(map.Count > 40 ? Few : 40).Select(member => ((object)member.Key, member.Value)),
            JsonArray list => list.Take(Few).Select((item, k) => ((object)k, item)),
            _ => [],
        };
        foreach (var (key, value) in items)
        {
            yield return [key];
            foreach (var deeper in value is null ? [] : Places(value))
                yield return [key, .. deeper];
        }
    }

    private static string With(string json, object[] place, string? value)
    {
        var root = JsonNode.Parse(json)!;
        var at = root;
        foreach (var key in place[..^1])
            at = key is string name ? at[name]! : at[(int)key]!;
        const string Mark = "@here@";
        if (place[^1] is string last)
        {
            if (value is null)
                at.AsObject().Remove(last);
            else
                at[last] = Mark;
        }
        else if (value is null)
            at.AsArray().RemoveAt((int)place[^1]);
        else
            at[(int)place[^1]] = Mark;
        return root.ToJsonString().Replace($"\"{Mark}\"", value, StringComparison.Ordinal);
    }
}
