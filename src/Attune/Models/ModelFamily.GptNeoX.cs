namespace Attune.Models;

internal sealed partial class ModelFamily
{
    /// <summary>
    /// GPT-NeoX (Black et al. 2022, arXiv:2204.06745), of which Pythia is (Biderman et al. 2023, arXiv:2304.01373): attention and position-wise network
    /// side by side, a quarter of each head turned, and queries, keys and values of a head together on disk.
    /// </summary>
    public static ModelFamily GptNeoX { get; } = new("gpt_neox", "GPTNeoX")
    {
        CausalName = "GPTNeoXForCausalLM",
        Prefix = "gpt_neox.",
        HeadKey = "embed_out.weight",
        Facts = new TransformerConfig
        {
            Family = "gpt_neox",
            Norm = NormKind.LayerNorm,
            Activation = ActivationKind.Gelu,
            IsGated = false,
            MlpBias = true,
        },
        Keys =
        [
            ConfigKey.Whole("vocab_size", c => c.VocabularySize, (c, v) => c with { VocabularySize = v }),
            ConfigKey.Whole("max_position_embeddings", c => c.MaximumPositions, (c, v) => c with { MaximumPositions = v }),
            ConfigKey.Whole("hidden_size", c => c.Width, (c, v) => c with { Width = v }),
            ConfigKey.Whole("intermediate_size", c => c.InnerWidth, (c, v) => c with { InnerWidth = v }),
            ConfigKey.Whole("num_hidden_layers", c => c.Layers, (c, v) => c with { Layers = v }),
            new ConfigKey("num_attention_heads", (reader, c) => ReadEqualHeads(reader, c, "num_attention_heads", "hidden_size"), c => c.Heads),
            ConfigKey.Number("layer_norm_eps", c => c.NormEpsilon, (c, v) => c with { NormEpsilon = v }, fallback: 1e-5),
            ConfigKey.Number("rotary_pct", c => c.RotaryShare, (c, v) => c with { RotaryShare = v }, fallback: 0.25),
            ConfigKey.Number("rotary_emb_base", c => c.RopeTheta, (c, v) => c with { RopeTheta = v }, fallback: 10_000),
            RopeKeys.PartialParameters,
            RopeKeys.Scaling,
            SecondName("partial_rotary_factor", "rotary_pct", c => c.RotaryShare),
            SecondName("rope_theta", "rotary_emb_base", c => c.RopeTheta),
            ConfigKey.Activation("hidden_act", ActivationKind.Gelu),
            ConfigKey.Flag("use_parallel_residual", c => c.IsParallel, (c, v) => c with { IsParallel = v }, fallback: true),
            ConfigKey.Flag("attention_bias", c => c.AttentionBias, (c, v) => c with { AttentionBias = v, AttentionOutBias = v }, fallback: true),
        ],
        Ignored = ["attention_dropout", "hidden_dropout", "classifier_dropout", "attention_probs_dropout_prob", "hidden_dropout_prob"],
        Trunk = GptNeoXTrunk,
        // Causal masks and angles, which old versions saved with every layer.
        IsConstant = key => IsInverseFrequency(key) || key.EndsWith(".attention.bias", StringComparison.Ordinal) ||
            key.EndsWith(".attention.masked_bias", StringComparison.Ordinal),
    };

    /// <summary>A key that some versions write beside the one that counts: it must say the same.</summary>
    private static ConfigKey SecondName(string name, string first, Func<TransformerConfig, double> get) => new(
        name,
        (reader, config) =>
        {
            if (!reader.Number(name, get(config)).Equals(get(config)))
                reader.Note(name, $"is {ConfigReader.Shortened(reader.Find(name)!.Value)}", $"{get(config)}, as {first} says", "correct one of the two");
            return config;
        },
        Write: null);

    /// <summary>Heads without grouping, whose widths add up to the model's.</summary>
    private static TransformerConfig ReadEqualHeads(ConfigReader reader, TransformerConfig config, string key, string widthKey)
    {
        var heads = reader.Whole(key, fallback: null);
        if (heads > 0 && config.Width % heads != 0)
            reader.Note(key, $"is {heads}", $"a divisor of {widthKey} {config.Width}", "correct one of the two");
        return config with { Heads = heads, KeyValueHeads = heads, HeadWidth = heads > 0 ? config.Width / heads : 0 };
    }

    private static IEnumerable<KeyMapEntry> GptNeoXTrunk(TransformerConfig c)
    {
        yield return KeyMapEntry.Same("gpt_neox.embed_in.weight", "embed.weight", c.VocabularySize, c.Width);
        for (var k = 0; k < c.Layers; k++)
        {
            var (disk, own) = ($"gpt_neox.layers.{k}.", $"blocks.{k}.");
            yield return KeyMapEntry.Same(disk + "input_layernorm.weight", own + "norm1.weight", c.Width);
            yield return KeyMapEntry.Same(disk + "input_layernorm.bias", own + "norm1.bias", c.Width);
            yield return KeyMapEntry.Same(disk + "post_attention_layernorm.weight", own + "norm2.weight", c.Width);
            yield return KeyMapEntry.Same(disk + "post_attention_layernorm.bias", own + "norm2.bias", c.Width);
            yield return KeyMapEntry.OfHeads(disk + "attention.query_key_value.weight", own + "attention.qkv.weight", c.Heads, 3 * c.Width, c.Width);
            if (c.AttentionBias)
                yield return KeyMapEntry.OfHeads(disk + "attention.query_key_value.bias", own + "attention.qkv.bias", c.Heads, 3 * c.Width);
            yield return KeyMapEntry.Same(disk + "attention.dense.weight", own + "attention.out.weight", c.Width, c.Width);
            if (c.AttentionOutBias)
                yield return KeyMapEntry.Same(disk + "attention.dense.bias", own + "attention.out.bias", c.Width);
            yield return KeyMapEntry.Same(disk + "mlp.dense_h_to_4h.weight", own + "mlp.up.weight", c.InnerWidth, c.Width);
            yield return KeyMapEntry.Same(disk + "mlp.dense_h_to_4h.bias", own + "mlp.up.bias", c.InnerWidth);
            yield return KeyMapEntry.Same(disk + "mlp.dense_4h_to_h.weight", own + "mlp.down.weight", c.Width, c.InnerWidth);
            yield return KeyMapEntry.Same(disk + "mlp.dense_4h_to_h.bias", own + "mlp.down.bias", c.Width);
        }

        yield return KeyMapEntry.Same("gpt_neox.final_layer_norm.weight", "norm.weight", c.Width);
        yield return KeyMapEntry.Same("gpt_neox.final_layer_norm.bias", "norm.bias", c.Width);
    }
}
