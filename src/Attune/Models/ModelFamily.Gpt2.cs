namespace Attune.Models;

internal sealed partial class ModelFamily
{
    /// <summary>
    /// GPT-2 (Radford et al. 2019). Its linear layers are stored as <c>[in, out]</c>, and queries, keys and values as one matrix. Attention
    /// computed in float32 (<c>reorder_and_upcast_attn</c>) differs by rounding only, so either value is read.
    /// </summary>
    public static ModelFamily Gpt2 { get; } = new("gpt2", "GPT2")
    {
        CausalName = "GPT2LMHeadModel",
        Prefix = "transformer.",
        Facts = new TransformerConfig
        {
            Family = "gpt2",
            Norm = NormKind.LayerNorm,
            Positions = PositionKind.Learned,
            Activation = ActivationKind.GeluTanh,
            IsGated = false,
            AttentionBias = true,
            AttentionOutBias = true,
            MlpBias = true,
            TiedEmbeddings = true,
        },
        Keys =
        [
            ConfigKey.Whole("vocab_size", c => c.VocabularySize, (c, v) => c with { VocabularySize = v }),
            ConfigKey.Whole("n_positions", c => c.MaximumPositions, (c, v) => c with { MaximumPositions = v }),
            ConfigKey.Whole("n_embd", c => c.Width, (c, v) => c with { Width = v }),
            ConfigKey.Whole("n_layer", c => c.Layers, (c, v) => c with { Layers = v }),
            new ConfigKey("n_head", (reader, c) => ReadEqualHeads(reader, c, "n_head", "n_embd"), c => c.Heads),
            ConfigKey.Whole("n_inner", c => c.InnerWidth, (c, v) => c with { InnerWidth = v }, fallback: c => 4 * c.Width),
            ConfigKey.Number("layer_norm_epsilon", c => c.NormEpsilon, (c, v) => c with { NormEpsilon = v }, fallback: 1e-5),
            ConfigKey.Activation("activation_function", ActivationKind.GeluTanh),
            ConfigKey.Only("scale_attn_weights", "true"),
            ConfigKey.Only("scale_attn_by_inverse_layer_idx", "false"),
        ],
        Ignored =
        [
            "n_ctx", "attn_pdrop", "embd_pdrop", "resid_pdrop", "reorder_and_upcast_attn",
            "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
        ],
        Trunk = Gpt2Trunk,
        // Causal masks, which old versions saved with every layer.
        IsConstant = key => key.EndsWith(".attn.bias", StringComparison.Ordinal) || key.EndsWith(".attn.masked_bias", StringComparison.Ordinal),
    };

    private static IEnumerable<KeyMapEntry> Gpt2Trunk(TransformerConfig c)
    {
        yield return KeyMapEntry.Same("transformer.wte.weight", "embed.weight", c.VocabularySize, c.Width);
        yield return KeyMapEntry.Same("transformer.wpe.weight", "positions.weight", c.MaximumPositions, c.Width);
        for (var k = 0; k < c.Layers; k++)
        {
            var (disk, own) = ($"transformer.h.{k}.", $"blocks.{k}.");
            yield return KeyMapEntry.Same(disk + "ln_1.weight", own + "norm1.weight", c.Width);
            yield return KeyMapEntry.Same(disk + "ln_1.bias", own + "norm1.bias", c.Width);
            yield return KeyMapEntry.Transposed(disk + "attn.c_attn.weight", own + "attention.qkv.weight", 3 * c.Width, c.Width);
            yield return KeyMapEntry.Same(disk + "attn.c_attn.bias", own + "attention.qkv.bias", 3 * c.Width);
            yield return KeyMapEntry.Transposed(disk + "attn.c_proj.weight", own + "attention.out.weight", c.Width, c.Width);
            yield return KeyMapEntry.Same(disk + "attn.c_proj.bias", own + "attention.out.bias", c.Width);
            yield return KeyMapEntry.Same(disk + "ln_2.weight", own + "norm2.weight", c.Width);
            yield return KeyMapEntry.Same(disk + "ln_2.bias", own + "norm2.bias", c.Width);
            yield return KeyMapEntry.Transposed(disk + "mlp.c_fc.weight", own + "mlp.up.weight", c.InnerWidth, c.Width);
            yield return KeyMapEntry.Same(disk + "mlp.c_fc.bias", own + "mlp.up.bias", c.InnerWidth);
            yield return KeyMapEntry.Transposed(disk + "mlp.c_proj.weight", own + "mlp.down.weight", c.Width, c.InnerWidth);
            yield return KeyMapEntry.Same(disk + "mlp.c_proj.bias", own + "mlp.down.bias", c.Width);
        }

        yield return KeyMapEntry.Same("transformer.ln_f.weight", "norm.weight", c.Width);
        yield return KeyMapEntry.Same("transformer.ln_f.bias", "norm.bias", c.Width);
    }
}
