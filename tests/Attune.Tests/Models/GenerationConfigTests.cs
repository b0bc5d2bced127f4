using Attune.Models;
using Attune.Runs;

namespace Attune.Tests.Models;

public sealed class GenerationConfigTests
{
    [Fact]
    public void Generation_settings_are_read_and_written()
    {
        using var folder = new TemporaryFolder();
        Assert.Null(GenerationConfig.Read(folder.Path));
        var config = new GenerationConfig { BosId = 1, EndIds = [2, 3], Samples = true, Temperature = 0.7, TopK = 40, TopP = 0.95, MaximumNewTokens = 64 };
        config.Write(folder.Path);

        var back = GenerationConfig.Read(folder.Path)!;
        Assert.Equal([2, 3], back.EndIds);
        Assert.Equal(config with { EndIds = [] }, back with { EndIds = [] });

        new GenerationConfig().Write(folder.Path);
        Assert.Null(GenerationConfig.Read(folder.Path)!.Samples); // nobody said
        File.WriteAllText(folder.At(GenerationConfig.FileName), """{"top_k": 0, "temperature": "hot", "unheard_of": 1}""");
        Assert.Equal("temperature", Assert.Single(Assert.Throws<InputException>(() => GenerationConfig.Read(folder.Path)).Problems).Key);
    }

    [Fact]
    public void Every_generation_setting_comes_back_as_it_was()
    {
        using var folder = new TemporaryFolder();
        const string Written = """
            {"bad_words_ids": [[5], [7, 9]], "bos_token_id": 1, "do_sample": false, "early_stopping": "never", "eos_token_id": [2, 3], "epsilon_cutoff": 0.0003, "eta_cutoff": 0.002,
             "length_penalty": 0.5, "max_length": 90, "max_new_tokens": 64, "min_length": 9, "min_new_tokens": 4, "min_p": 0.05, "no_repeat_ngram_size": 3, "num_beams": 4, "pad_token_id": 0,
             "penalty_alpha": 0.6, "remove_invalid_values": true, "repetition_penalty": 1.1, "sequence_bias": [[[5, 17], -2.5], [[8], 1]], "stop_strings": ["\n\n", "End"],
             "temperature": 0.7, "top_k": 0, "top_p": 0.95, "transformers_version": "4.46.0", "typical_p": 0.9}
            """;
        File.WriteAllText(folder.At(GenerationConfig.FileName), Written);

        var read = GenerationConfig.Read(folder.Path)!;
        Assert.Equal((0.9, 0.0003, 0.002, 3, 4, 9, 64, 90), (read.Typical, read.Epsilon, read.Eta, read.NoRepeatNgram, read.MinimumNewTokens, read.MinimumLength, read.MaximumNewTokens, read.MaximumLength));
        Assert.Equal((4, 0.5, "never", true, 0), (read.Beams, read.LengthPenalty, read.EarlyStopping, read.RemoveInvalid, read.TopK));
        Assert.Equal(["5", "7 9"], read.BadWords.Select(word => string.Join(' ', word)));
        Assert.Equal(["5 17: -2.5", "8: 1"], read.Biases.Select(bias => FormattableString.Invariant($"{string.Join(' ', bias.Tokens)}: {bias.Bias}")));
        Assert.Equal(["\n\n", "End"], read.StopStrings);
        Assert.Equal(["penalty_alpha", "transformers_version"], read.Others.Keys.Order());

        read.Write(folder.Path);
        using var again = System.Text.Json.JsonDocument.Parse(File.ReadAllText(folder.At(GenerationConfig.FileName)));
        using var before = System.Text.Json.JsonDocument.Parse(Written);
        Assert.True(System.Text.Json.JsonElement.DeepEquals(before.RootElement, again.RootElement), again.RootElement.GetRawText());
    }

    [Theory]
    [InlineData("penalty_alpha", "0.6", true)]
    [InlineData("penalty_alpha", "0.0", false)]
    [InlineData("num_beam_groups", "1", false)]
    [InlineData("num_beam_groups", "2", true)]
    [InlineData("diversity_penalty", "1e-3", true)]
    [InlineData("guidance_scale", "1.0", false)]
    [InlineData("guidance_scale", "1.5", true)]
    [InlineData("encoder_repetition_penalty", "1.2", true)]
    [InlineData("encoder_no_repeat_ngram_size", "0", false)]
    [InlineData("suppress_tokens", "[]", false)]
    [InlineData("suppress_tokens", "[1, 2]", true)]
    [InlineData("begin_suppress_tokens", "[220]", true)]
    [InlineData("forced_bos_token_id", "null", false)]
    [InlineData("forced_eos_token_id", "2", true)]
    [InlineData("force_words_ids", "[[1]]", true)]
    [InlineData("exponential_decay_length_penalty", "[5, 1.1]", true)]
    [InlineData("watermarking_config", "{\"bias\": 2.0}", true)]
    [InlineData("renormalize_logits", "false", false)]
    [InlineData("renormalize_logits", "true", true)]
    [InlineData("token_healing", "true", true)]
    [InlineData("max_time", "2.5", true)]
    [InlineData("unheard_of", "1", true)]
    [InlineData("use_cache", "true", false)]
    [InlineData("cache_implementation", "\"hybrid\"", false)]
    [InlineData("_from_model_config", "true", false)]
    [InlineData("transformers_version", "\"4.37.0\"", false)]
    [InlineData("output_scores", "true", false)]
    public void A_generation_setting_that_is_not_known_is_named_where_it_would_change_an_answer(string key, string value, bool matters)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.At(GenerationConfig.FileName), $$"""{"{{key}}": {{value}}, "temperature": 0.5}""");
        var unknown = GenerationConfig.Read(folder.Path)!.Unknown.ToArray();

        Assert.Equal(matters ? [new Problem($"generation_config.json {key}", $"is {value}, which Attune does not know, expected only known keys, as others may change the answer; take it out of the file if you can do without")] : [], unknown);
    }

    [Theory]
    [InlineData("typical_p", "\"0.9\"")]
    [InlineData("epsilon_cutoff", "[0.1]")]
    [InlineData("eta_cutoff", "true")]
    [InlineData("no_repeat_ngram_size", "-3")]
    [InlineData("no_repeat_ngram_size", "2.5")]
    [InlineData("min_new_tokens", "99999999999")]
    [InlineData("bad_words_ids", "[5]")]
    [InlineData("bad_words_ids", "[[]]")]
    [InlineData("bad_words_ids", "{}")]
    [InlineData("sequence_bias", "[[5, 2.5]]")]
    [InlineData("sequence_bias", "{\"5\": 1}")]
    [InlineData("stop_strings", "[5]")]
    [InlineData("num_beams", "\"4\"")]
    [InlineData("early_stopping", "\"sometimes\"")]
    [InlineData("eos_token_id", "[-7]")]
    [InlineData("do_sample", "1")]
    [InlineData("temperature", "1e999")]
    public void A_malformed_generation_setting_is_refused_by_its_name(string key, string value)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.At(GenerationConfig.FileName), $$"""{"{{key}}": {{value}}}""");

        Assert.Equal(key, Assert.Single(Assert.Throws<InputException>(() => GenerationConfig.Read(folder.Path)).Problems).Key);
    }
}
