namespace Attune.Models;

internal sealed partial class ModelFamily
{
    /// <summary>
    /// Llama 1 to 3 (Touvron et al. 2023, arXiv:2302.13971; Grattafiori et al. 2024, arXiv:2407.21783). Queries, keys and values, and gate and up, are
    /// matrices of their own on disk and slices of one matrix in memory. <c>pretraining_tp</c> splits products without changing them, so any value is read.
    /// </summary>
    public static ModelFamily Llama { get; } = new("llama", "Llama")
    {
        CausalName = "LlamaForCausalLM",
        Prefix = "model.",
        Facts = new TransformerConfig { Family = "llama" },
        Keys =
        [
            .. LlamaSizes(c => c.Heads), HeadDim, RmsEpsilon(1e-6), RopeTheta, RopeKeys.Parameters, RopeKeys.Scaling, HiddenAct, AttentionBiases,
            ConfigKey.Flag("mlp_bias", c => c.MlpBias, (c, v) => c with { MlpBias = v }, fallback: false),
            ConfigKey.Only("sliding_window"),
            ConfigKey.Only("use_sliding_window", "false"),
            ConfigKey.Only("partial_rotary_factor", "1", "1.0"),
            ConfigKey.Only("rope_interleaved", "false"),
        ],
        Ignored = ["attention_dropout", "pretraining_tp", "is_llama_config"],
        Trunk = LlamaTrunk,
        IsConstant = IsInverseFrequency,
    };

    private static ConfigKey HeadDim =>
        ConfigKey.Whole("head_dim", c => c.HeadWidth, (c, v) => c with { HeadWidth = v }, fallback: c => c.Heads > 0 ? c.Width / c.Heads : 0);

    private static ConfigKey RopeTheta => ConfigKey.Number("rope_theta", c => c.RopeTheta, (c, v) => c with { RopeTheta = v }, fallback: 10_000);

    private static ConfigKey HiddenAct => ConfigKey.Activation("hidden_act", ActivationKind.Silu);

    /// <summary>One key for the biases of all four attention matrices.</summary>
    private static ConfigKey AttentionBiases =>
        ConfigKey.Flag("attention_bias", c => c.AttentionBias, (c, v) => c with { AttentionBias = v, AttentionOutBias = v }, fallback: false);

    private static ConfigKey RmsEpsilon(double fallback) =>
        ConfigKey.Number("rms_norm_eps", c => c.NormEpsilon, (c, v) => c with { NormEpsilon = v }, fallback);

    /// <summary>The sizes that Llama and its kin name alike.</summary>
    /// <param name="keyValueHeads">How many a folder has that does not say.</param>
    private static IEnumerable<ConfigKey> LlamaSizes(Func<TransformerConfig, int> keyValueHeads) =>
    [
        ConfigKey.Whole("vocab_size", c => c.VocabularySize, (c, v) => c with { VocabularySize = v }),
        ConfigKey.Whole("max_position_embeddings", c => c.MaximumPositions, (c, v) => c with { MaximumPositions = v }),
        ConfigKey.Whole("hidden_size", c => c.Width, (c, v) => c with { Width = v }),
        ConfigKey.Whole("intermediate_size", c => c.InnerWidth, (c, v) => c with { InnerWidth = v }),
        ConfigKey.Whole("num_hidden_layers", c => c.Layers, (c, v) => c with { Layers = v }),
        ConfigKey.Whole("num_attention_heads", c => c.Heads, (c, v) => c with { Heads = v }),
        ConfigKey.Whole("num_key_value_heads", c => c.KeyValueHeads, (c, v) => c with { KeyValueHeads = v }, keyValueHeads),
    ];

    private static bool IsInverseFrequency(string key) => key.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal);

    private static IEnumerable<KeyMapEntry> LlamaTrunk(TransformerConfig c)
    {
        var (queries, shared) = (c.Heads * c.HeadWidth, c.KeyValueHeads * c.HeadWidth);
        yield return KeyMapEntry.Same("model.embed_tokens.weight", "embed.weight", c.VocabularySize, c.Width);
        for (var k = 0; k < c.Layers; k++)
        {
            var (disk, own) = ($"model.layers.{k}.", $"blocks.{k}.");
            var attention = Slices(disk + "self_attn.", "q_proj", 0, queries, c.Width, own + "attention.qkv", c.AttentionBias)
                .Concat(Slices(disk + "self_attn.", "k_proj", queries, shared, c.Width, own + "attention.qkv", c.AttentionBias))
                .Concat(Slices(disk + "self_attn.", "v_proj", queries + shared, shared, c.Width, own + "attention.qkv", c.AttentionBias))
                .Concat(Slices(disk + "self_attn.", "o_proj", 0, c.Width, queries, own + "attention.out", c.AttentionOutBias));
            var mlp = Slices(disk + "mlp.", "gate_proj", 0, c.InnerWidth, c.Width, own + "mlp.gate_up", c.MlpBias)
                .Concat(Slices(disk + "mlp.", "up_proj", c.InnerWidth, c.InnerWidth, c.Width, own + "mlp.gate_up", c.MlpBias))
                .Concat(Slices(disk + "mlp.", "down_proj", 0, c.Width, c.InnerWidth, own + "mlp.down", c.MlpBias));
            foreach (var entry in attention.Concat(mlp))
                yield return entry;
            yield return KeyMapEntry.Same(disk + "input_layernorm.weight", own + "norm1.weight", c.Width);
            yield return KeyMapEntry.Same(disk + "post_attention_layernorm.weight", own + "norm2.weight", c.Width);
        }

        yield return KeyMapEntry.Same("model.norm.weight", "norm.weight", c.Width);
    }

    /// <summary>A linear layer's weight and bias on disk as rows of a larger one in memory.</summary>
    private static IEnumerable<KeyMapEntry> Slices(string disk, string layer, int firstRow, int rows, int columns, string own, bool hasBias)
    {
        yield return KeyMapEntry.Rows($"{disk}{layer}.weight", own + ".weight", firstRow, rows, columns);
        if (hasBias)
            yield return KeyMapEntry.Rows($"{disk}{layer}.bias", own + ".bias", firstRow, rows);
    }
}
