using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Tests.Models;

public sealed class ModelFamilyTests
{
    [Fact]
    public void A_gpt2_folder_says_what_gpt2_is()
    {
        var config = HuggingFaceFolder.ReadConfig(GoldenModel.Folder("gpt2"));

        var expected = new TransformerConfig
        {
            Family = "gpt2",
            VocabularySize = 97,
            Width = 32,
            Layers = 2,
            Heads = 4,
            KeyValueHeads = 4,
            HeadWidth = 8,
            InnerWidth = 128,
            MaximumPositions = 64,
            Norm = NormKind.LayerNorm,
            NormEpsilon = 1e-5,
            Positions = PositionKind.Learned,
            Activation = ActivationKind.GeluTanh,
            IsGated = false,
            AttentionBias = true,
            AttentionOutBias = true,
            MlpBias = true,
            TiedEmbeddings = true,
        };
        Assert.Equal(expected, config);
        Assert.Equal(expected with { Head = HeadKind.Score, PadId = 0 }, HuggingFaceFolder.ReadConfig(GoldenModel.Folder("gpt2-reward")));
    }

    [Fact]
    public void A_llama_folder_says_what_llama_is()
    {
        var config = HuggingFaceFolder.ReadConfig(GoldenModel.Folder("llama-gqa"));

        var expected = new TransformerConfig
        {
            Family = "llama",
            VocabularySize = 97,
            Width = 32,
            Layers = 2,
            Heads = 4,
            KeyValueHeads = 2,
            HeadWidth = 8,
            InnerWidth = 64,
            MaximumPositions = 128,
            Norm = NormKind.RmsNorm,
            NormEpsilon = 1e-6,
            Positions = PositionKind.Rotary,
            RopeTheta = 10_000,
            Activation = ActivationKind.Silu,
            IsGated = true,
        };
        Assert.Equal(expected, config);
        Assert.Equal(expected with { Head = HeadKind.Score, PadId = 0 }, HuggingFaceFolder.ReadConfig(GoldenModel.Folder("llama-reward")));
    }

    [Theory]
    [MemberData(nameof(GoldenModel.All), MemberType = typeof(GoldenModel))]
    public void A_written_config_reads_as_the_same_model(string model)
    {
        using var folder = new TemporaryFolder();
        var config = HuggingFaceFolder.ReadConfig(GoldenModel.Folder(model)) with { BosId = 1, EndIds = [2, 3], PadId = 4, StoredDType = DType.BFloat16, InitializerRange = 0.1 };
        ModelFamily.WriteConfig(folder.At("config.json"), config);

        var back = HuggingFaceFolder.ReadConfig(folder.Path);

        Assert.Equal([2, 3], back.EndIds);
        Assert.Equal(config with { EndIds = [] }, back with { EndIds = [] });
    }

    [Theory]
    [InlineData("gpt2", "GPT2LMHeadModel")]
    [InlineData("gpt2-reward", "GPT2ForSequenceClassification")]
    [InlineData("llama-gqa", "LlamaForCausalLM")]
    [InlineData("llama-linear-rope", "LlamaForCausalLM")]
    [InlineData("llama3-rope", "LlamaForCausalLM")]
    [InlineData("gpt-neox", "GPTNeoXForCausalLM")]
    [InlineData("mistral", "MistralForCausalLM")]
    [InlineData("qwen2-tied", "Qwen2ForCausalLM")]
    [InlineData("phi3", "Phi3ForCausalLM")]
    [InlineData("gemma", "GemmaForCausalLM")]
    [InlineData("llama-reward", "LlamaForSequenceClassification")]
    public void A_written_config_agrees_with_the_one_of_transformers(string model, string architecture)
    {
        using var folder = new TemporaryFolder();
        ModelFamily.WriteConfig(folder.At("config.json"), HuggingFaceFolder.ReadConfig(GoldenModel.Folder(model)));
        var written = JsonNode.Parse(File.ReadAllText(folder.At("config.json")))!.AsObject();
        var theirs = JsonNode.Parse(File.ReadAllText(Path.Combine(GoldenModel.Folder(model), "config.json")))!.AsObject();

        Assert.Equal(architecture, (string?)written["architectures"]![0]);
        foreach (var (key, value) in written)
        {
            // Null there, which means 4·n_embd; left out there for GPT-2; new in later versions for Qwen2 and Phi-3.
            if (key is not ("n_inner" or "tie_word_embeddings") && !(key is ("head_dim" or "partial_rotary_factor") && theirs[key] is null))
                Assert.True(JsonNode.DeepEquals(theirs[key], value), $"{key} is {value}, transformers wrote {theirs[key]}");
        }
    }

    [Fact]
    public void All_problems_of_a_config_are_listed_at_once()
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, "llama-gqa");
        GoldenModel.Edit(copy,
            ("vocab_size", null), ("hidden_size", "wide"), ("hidden_act", "mish"), ("rms_norm_eps", true), ("sliding_window", 4096), ("frobnicate", 3),
            ("rope_scaling", new JsonObject { ["rope_type"] = "yarn", ["factor"] = 8 }));

        var refusal = Assert.Throws<InputException>(() => HuggingFaceFolder.ReadConfig(copy));

        Assert.Equal(
            ["vocab_size", "hidden_size", "rms_norm_eps", "rope_scaling.rope_type", "hidden_act", "sliding_window", "frobnicate"], refusal.Problems.Select(p => p.Key));
        Assert.StartsWith(Path.Combine(copy, "config.json") + " has 7 problems", refusal.Message, StringComparison.Ordinal);
        Assert.Matches("sliding_window +is 4096, expected null; Attune cannot compute this variant", refusal.Message);
    }

    [Theory]
    [InlineData("gpt2", "n_layer")]
    [InlineData("gpt2", "n_head")]
    [InlineData("gpt2", "n_embd")]
    [InlineData("gpt2", "n_positions")]
    [InlineData("llama-gqa", "intermediate_size")]
    [InlineData("llama-gqa", "num_hidden_layers")]
    [InlineData("llama-gqa", "max_position_embeddings")]
    public void A_missing_key_that_has_no_usual_value_is_named(string model, string key)
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, model);
        GoldenModel.Edit(copy, (key, null));

        var refusal = Assert.Throws<InputException>(() => HuggingFaceFolder.ReadConfig(copy));

        Assert.Equal("is missing, expected a positive whole number; add it, or download config.json again", Assert.Single(refusal.Problems, p => p.Key == key).Message);
    }

    public static TheoryData<string, string, string> Unsupported => new()
    {
        { "gpt2", "scale_attn_by_inverse_layer_idx", "true" },
        { "gpt2", "scale_attn_weights", "false" },
        { "gpt2", "add_cross_attention", "true" },
        { "gpt2", "activation_function", "\"gelu_quick\"" },
        { "gpt2", "n_head", "5" },
        { "gpt2", "eos_token_id", "97" },
        { "gpt2", "architectures", "[\"GPT2ForTokenClassification\"]" },
        { "gpt2", "vocab_size", "0" },
        { "gpt2", "vocab_size", "1000000000" },
        { "gpt2", "quantization_config", "{\"bits\":4}" },
        { "gpt2", "torch_dtype", "\"float8\"" },
        { "llama-gqa", "num_key_value_heads", "3" },
        { "llama-gqa", "rope_interleaved", "true" },
        { "llama-gqa", "head_dim", "7" },
        { "llama-gqa", "rms_norm_eps", "0" },
        { "llama-gqa", "rope_parameters", "{\"rope_type\":\"yarn\"}" },
        { "llama-gqa", "rope_parameters", "7" },
        { "llama-gqa", "rope_scaling", "{\"rope_type\":\"dynamic\",\"factor\":2}" },
        { "llama-gqa", "rope_scaling", "{\"factor\":2}" },
        { "llama-gqa", "rope_scaling", "{\"rope_type\":\"linear\"}" },
        { "llama-gqa", "rope_scaling", "{\"rope_type\":\"linear\",\"factor\":0.5}" },
        { "llama-gqa", "rope_scaling", "{\"rope_type\":\"linear\",\"factor\":2,\"beta_fast\":32}" },
        { "llama-gqa", "rope_scaling", "{\"rope_type\":\"linear\",\"type\":\"llama3\",\"factor\":2}" },
        { "llama-gqa", "rope_scaling", "{\"rope_type\":\"llama3\",\"factor\":8}" },
        { "llama3-rope", "rope_scaling", "{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":1,\"original_max_position_embeddings\":32}" },
        { "llama3-rope", "rope_parameters", "{\"rope_theta\":10000}" },
        { "phi3", "rope_scaling", "{\"type\":\"longrope\",\"long_factor\":[1],\"short_factor\":[1]}" },
        { "phi3", "partial_rotary_factor", "1.5" },
        { "phi3", "sliding_window", "0" },
        { "mistral", "sliding_window", "-1" },
        { "mistral", "sliding_window", "\"long\"" },
        { "mistral", "attention_bias", "true" },
        { "qwen2-tied", "layer_types", "[\"full_attention\",\"sliding_attention\"]" },
        { "qwen2-tied", "use_mrope", "true" },
        { "gpt-neox", "rotary_pct", "0.1" },
        { "gpt-neox", "rope_theta", "500" },
        { "gpt-neox", "partial_rotary_factor", "0.25" },
        { "gpt-neox", "num_attention_heads", "5" },
        { "gemma", "hidden_activation", "\"mish\"" },
        { "gemma", "use_bidirectional_attention", "true" },
        { "llama-gqa", "model_type", "\"gemma2\"" },
        { "llama-gqa", "model_type", "\"mamba\"" },
        { "llama-gqa", "model_type", "null" },
        { "llama-reward", "id2label", "{\"0\":\"A\",\"1\":\"B\"}" },
        { "llama-reward", "id2label", "null" },
    };

    [Theory]
    [MemberData(nameof(Unsupported))]
    public void What_attune_cannot_compute_is_refused_by_name(string model, string key, string value)
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, model);
        GoldenModel.Edit(copy, (key, JsonNode.Parse(value)));

        var refusal = Assert.Throws<InputException>(() => HuggingFaceFolder.ReadConfig(copy));

        Assert.All(refusal.Problems, p => Assert.Matches("^.+, expected .+; .+$", p.Message));
    }

    [Theory]
    [InlineData("gpt2", "reorder_and_upcast_attn", "true")]
    [InlineData("gpt2", "n_ctx", "64")]
    [InlineData("gpt2", "_name_or_path", "\"gpt2\"")]
    [InlineData("gpt2", "pad_token_id", "-1")]
    [InlineData("gpt2", "activation_function", "\"gelu_pytorch_tanh\"")]
    [InlineData("llama-gqa", "pretraining_tp", "2")]
    [InlineData("llama-gqa", "head_dim", "null")]
    [InlineData("llama-gqa", "is_llama_config", "true")]
    [InlineData("llama-gqa", "rope_interleaved", "false")]
    [InlineData("llama-gqa", "transformers.js_config", "{\"dtype\":\"q4\"}")]
    [InlineData("gpt2", "transformers.js_config", "{\"dtype\":\"q4\"}")]
    [InlineData("llama-gqa", "rope_parameters", "{\"rope_type\":\"default\",\"rope_theta\":10000.0}")]
    [InlineData("llama-gqa", "rope_parameters", "{\"rope_theta\":10000.0,\"partial_rotary_factor\":1.0}")]
    [InlineData("llama-gqa", "rope_scaling", "{\"type\":\"default\"}")]
    [InlineData("llama-linear-rope", "rope_scaling", "{\"type\":\"linear\",\"factor\":2.0}")]
    [InlineData("phi3", "auto_map", "{\"AutoConfig\":\"configuration_phi3.Phi3Config\"}")]
    [InlineData("qwen2-tied", "layer_types", "[\"full_attention\",\"full_attention\"]")]
    [InlineData("qwen2-tied", "sliding_window", "32768")]
    [InlineData("qwen2-tied", "max_window_layers", "0")]
    [InlineData("gemma", "hidden_activation", "null")]
    [InlineData("gemma", "hidden_act", "\"gelu\"")]
    [InlineData("gpt-neox", "rope_theta", "null")]
    [InlineData("gpt-neox", "use_parallel_residual", "true")]
    public void What_does_not_change_the_result_is_read_over(string model, string key, string value)
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, model);
        GoldenModel.Edit(copy, (key, JsonNode.Parse(value)));

        Assert.Equal(HuggingFaceFolder.ReadConfig(GoldenModel.Folder(model)), HuggingFaceFolder.ReadConfig(copy));
    }

    [Fact]
    public void Newer_folders_say_base_and_stretching_of_rotary_positions_together()
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, "llama3-rope");
        var scaling = JsonNode.Parse(File.ReadAllText(Path.Combine(copy, "config.json")))!["rope_scaling"]!.DeepClone();
        scaling["rope_theta"] = 10_000;
        GoldenModel.Edit(copy, ("rope_scaling", null), ("rope_theta", null), ("rope_parameters", scaling));

        Assert.Equal(HuggingFaceFolder.ReadConfig(GoldenModel.Folder("llama3-rope")), HuggingFaceFolder.ReadConfig(copy));
        Assert.Equal(RopeScalingKind.Llama3, HuggingFaceFolder.ReadConfig(copy).RopeScaling!.Kind);
    }

    /// <summary>Mistral's first folders have no such key and a window of 4096; null switches it off.</summary>
    [Fact]
    public void An_absent_window_is_the_familys_usual_one()
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, "mistral");
        Assert.Null(HuggingFaceFolder.ReadConfig(copy).SlidingWindow);
        GoldenModel.Edit(copy, ("sliding_window", null));
        Assert.Equal(4096, HuggingFaceFolder.ReadConfig(copy).SlidingWindow);

        var phi = GoldenModel.CopyTo(folder, "phi3");
        GoldenModel.Edit(phi, ("sliding_window", null));
        Assert.Null(HuggingFaceFolder.ReadConfig(phi).SlidingWindow);
    }

    /// <summary>Llama 3.1's own numbers: wavelengths below 2048 stay, above 8192 they are stretched 8 times.</summary>
    [Theory]
    [InlineData(1000, 1)]
    [InlineData(2048, 1)]
    [InlineData(8192, 0.125)]
    [InlineData(100_000, 0.125)]
    [InlineData(4096, 0.125 + (0.875 / 3))] // 2 turns over 8192 tokens: a third of the way from 1 to 4
    public void Llama3_stretches_slow_pairs_only(double wavelength, double expected)
    {
        var scaling = new RopeScaling { Kind = RopeScalingKind.Llama3, Factor = 8, LowFrequencyFactor = 1, HighFrequencyFactor = 4, OriginalPositions = 8192 };
        var frequency = 2 * Math.PI / wavelength;
        Assert.Equal(expected, scaling.Apply(frequency) / frequency, 1e-12);
        Assert.Equal(0.5, new RopeScaling { Kind = RopeScalingKind.Linear, Factor = 2 }.Apply(1));
    }

    [Fact]
    public void A_family_refuses_to_write_what_its_files_cannot_say()
    {
        var llama = HuggingFaceFolder.ReadConfig(GoldenModel.Folder("llama-gqa"));
        using var folder = new TemporaryFolder();

        var refusal = Assert.Throws<ArgumentException>(() => ModelFamily.WriteConfig(folder.At("config.json"), llama with { Norm = NormKind.LayerNorm, AttentionBias = true }));

        Assert.Contains("Norm is LayerNorm, which llama reads as RmsNorm", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("AttentionOutBias is False, which llama reads as True", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"model_type\":\"gpt2\",\"model_type\":\"gpt2\"}")]
    public void A_config_that_is_no_json_object_is_refused(string text)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.At("config.json"), text);

        Assert.Throws<InputException>(() => HuggingFaceFolder.ReadConfig(folder.Path));
    }

    [Theory]
    [InlineData(97, 97, true)]
    [InlineData(97, 96, false)]
    [InlineData(97, 98, false)]
    [InlineData(50304, 50257, true)]
    [InlineData(151936, 151665, true)]
    [InlineData(32000, 50304, false)]
    [InlineData(50304, 32000, false)]
    public void A_tokenizer_has_to_fit_the_embedding(int vocabulary, int tokenizer, bool fits)
    {
        var config = new TransformerConfig { VocabularySize = vocabulary };
        var refusal = Record.Exception(() => config.CheckTokenizer(tokenizer, "m/tokenizer.json"));

        if (fits)
            Assert.Null(refusal);
        else
            Assert.Contains($"has {tokenizer} pieces, expected the {vocabulary} of the model's embedding", Assert.IsType<InputException>(refusal).Message, StringComparison.Ordinal);
    }
}
