using System.Text.Json.Nodes;
using Attune.Models;
using Attune.Runs;

namespace Attune.Tests.Models;

/// <summary>What models beyond those of <see cref="ModelFamily"/> say in their config.json, in a folder of each family: nothing of it may be passed over.</summary>
public sealed class ForeignConfigTests
{
    private static readonly string[] Families = ["gpt2", "gpt-neox", "llama-gqa", "mistral", "qwen2-tied", "phi3", "gemma"];

    /// <summary>Key and value; where the family's own name for it differs, that is edited.</summary>
    private static readonly (string Key, string Value)[] Foreign =
    [
        ("attn_logit_softcapping", "50.0"), ("final_logit_softcapping", "30.0"), ("query_pre_attn_scalar", "224"), // Gemma 2
        ("attention_multiplier", "0.0078125"), ("logits_scaling", "8.0"), ("residual_multiplier", "0.22"), ("embedding_multiplier", "12.0"), // Granite
        ("scale_emb", "12"), ("scale_depth", "1.4"), ("dim_model_base", "256"), // MiniCPM
        ("clip_qkv", "8.0"), ("use_qk_norm", "true"), ("qk_layernorm", "true"), ("logit_scale", "0.0625"), // OLMo, Phi, Cohere
        ("alibi", "true"), ("parallel_attn", "true"), ("new_decoder_architecture", "true"), ("multi_query", "true"), // Falcon
        ("num_local_experts", "8"), ("num_experts_per_tok", "2"), ("moe_intermediate_size", "64"), // mixtures
        ("sliding_window_pattern", "6"), ("rope_local_base_freq", "10000.0"), ("no_rope_layers", "[1,1]"), ("attention_chunk_size", "8192"),
        ("attention_sink_size", "4"), ("use_sliding_window", "true"), ("mup_width_multiplier", "8"), ("quantization_config", """{"quant_method":"gptq","bits":4}"""),
        ("quantization_config", """{"quant_method":"fp8"}"""), ("torch_dtype", "\"float8_e4m3fn\""), ("torch_dtype", "\"int8\""), ("is_encoder_decoder", "true"),
        ("num_key_value_heads", "3"), ("rope_scaling", """{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":32}"""), ("rope_scaling", """{"type":"dynamic","factor":2.0}"""),
        ("rope_scaling", """{"rope_type":"longrope","long_factor":[1.0],"short_factor":[1.0]}"""), ("rope_scaling", """{"type":"su","long_factor":[1.0],"short_factor":[1.0]}"""),
        ("rope_scaling", """{"mrope_section":[2,1,1],"type":"mrope"}"""), ("rope_parameters", """{"rope_type":"yarn","rope_theta":10000.0,"factor":4.0}"""),
        ("rope_parameters", """{"full_attention":{"rope_type":"default","rope_theta":10000.0}}"""), ("partial_rotary_factor", "0.75"),
        ("rope_parameters", """{"rope_theta":500000.0}"""), ("rope_theta", "\"fast\""), ("layer_types", """["sliding_attention","full_attention"]"""),
    ];

    /// <summary>What a family computes, so that it is no stranger there.</summary>
    private static readonly string[] Known = ["phi3 partial_rotary_factor", "qwen2-tied use_sliding_window"];

    public static TheoryData<string, string, string> Strangers()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var family in Families)
        {
            foreach (var (key, value) in Foreign.Where(f => !Known.Contains($"{family} {f.Key}")))
                data.Add(family, key, value);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Strangers))]
    public void A_key_that_changes_the_result_is_refused_by_its_name(string family, string key, string value)
    {
        var refusal = Refusal(family, (key, JsonNode.Parse(value)));

        Assert.Contains(refusal.Problems, p => p.Key == key || p.Key.StartsWith(key + ".", StringComparison.Ordinal));
        Assert.All(refusal.Problems, p => Assert.Matches("^.+, expected .+; .+$", p.Message));
    }

    public static TheoryData<string, string, string> Activations()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var family in Families)
        {
            foreach (var name in new[] { "quick_gelu", "gelu_10", "gelu_accurate", "laplace", "linear", "mish", "relu2", "relu6", "sigmoid", "tanh", "xielu", "SiLU", "" })
                data.Add(family, family switch { "gpt2" => "activation_function", "gemma" => "hidden_activation", _ => "hidden_act" }, name);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Activations))]
    public void An_unknown_activation_is_refused(string family, string key, string name) =>
        Assert.Equal(key, Assert.Single(Refusal(family, (key, name)).Problems).Key);

    [Theory]
    [InlineData("gpt2")]
    [InlineData("gpt-neox")]
    [InlineData("llama-gqa")]
    [InlineData("mistral")]
    [InlineData("qwen2-tied")]
    [InlineData("phi3")]
    [InlineData("gemma")]
    public void Architectures_of_another_family_or_another_head_are_refused(string family)
    {
        var other = family == "mistral" ? "LlamaForCausalLM" : "MistralForCausalLM";
        var own = ModelFamily.Of(HuggingFaceFolder.ReadConfig(GoldenModel.Folder(family))).Architecture;
        foreach (var names in new JsonArray[] { new(other), new(own + "ForTokenClassification"), new(own + "Model"), new(own + "ForCausalLM", other), new() })
            Assert.Equal("architectures", Assert.Single(Refusal(family, ("architectures", names)).Problems).Key);
    }

    [Theory]
    [InlineData("llama-gqa", "num_key_value_heads", 3, "is 3, expected a divisor of the 4 heads; 4 means no grouping")]
    [InlineData("mistral", "num_attention_heads", 3, null)]
    [InlineData("llama-gqa", "eos_token_id", 97, "is 97, expected an id below the vocabulary's size 97; correct it, or leave it out")]
    [InlineData("gemma", "head_dim", 7, "is 7, of which 7 turn, expected an even number, as rotary positions turn pairs; change width, heads or share")]
    [InlineData("gpt2", "n_layer", 100_000_000, "is 100000000, expected a number from 1 to 16777216; correct it")]
    [InlineData("phi3", "partial_rotary_factor", 0, "is 0, expected above 0 and at most 1; 1 turns whole heads")]
    [InlineData("phi3", "rope_theta", 0, "is 0, expected a number above 0; 10000 is usual")]
    [InlineData("mistral", "rms_norm_eps", 1, "is 1, expected between 0 and 1; 1e-5 is usual")]
    public void An_impossible_value_is_named_as_the_file_names_it(string family, string key, int value, string? message)
    {
        var problem = Assert.Single(Refusal(family, (key, value)).Problems);

        if (message is not null)
            Assert.Equal((key, message), (problem.Key, problem.Message));
        else
            Assert.Equal("num_key_value_heads", problem.Key); // of which there are two
    }

    [Fact]
    public void Rotary_keys_that_contradict_each_other_are_refused_and_what_is_read_can_be_written()
    {
        Assert.Equal("rope_parameters.partial_rotary_factor", Assert.Single(Refusal("llama-gqa", ("rope_parameters", JsonNode.Parse("""{"partial_rotary_factor":0.5}"""))).Problems).Key);
        Assert.Equal("rope_parameters.partial_rotary_factor", Assert.Single(Refusal("gpt-neox", ("rope_parameters", JsonNode.Parse("""{"partial_rotary_factor":1.0}"""))).Problems).Key); // rotary_pct says half
        Assert.Equal("rope_parameters.rope_theta", Assert.Single(Refusal("qwen2-tied", ("rope_parameters", JsonNode.Parse("""{"rope_theta":500.0}"""))).Problems).Key);

        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, "gpt-neox");
        GoldenModel.Edit(copy, ("rotary_pct", null), ("rotary_emb_base", null), ("rope_theta", null), ("partial_rotary_factor", null),
            ("rope_parameters", JsonNode.Parse("""{"rope_type":"default","rope_theta":500.0,"partial_rotary_factor":1.0}""")));
        var config = HuggingFaceFolder.ReadConfig(copy);
        Assert.Equal((500.0, 1.0), (config.RopeTheta, config.RotaryShare));
        ModelFamily.WriteConfig(folder.At("config.json"), config);
        Assert.Equal(config, HuggingFaceFolder.ReadConfig(folder.Path));
    }

    private static InputException Refusal(string family, params (string Key, JsonNode? Value)[] changes)
    {
        using var folder = new TemporaryFolder();
        var copy = GoldenModel.CopyTo(folder, family);
        GoldenModel.Edit(copy, changes);
        return Assert.Throws<InputException>(() => HuggingFaceFolder.ReadConfig(copy));
    }
}
