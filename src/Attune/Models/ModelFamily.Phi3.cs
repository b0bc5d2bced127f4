namespace Attune.Models;

internal sealed partial class ModelFamily
{
    /// <summary>
    /// Phi-3 (Abdin et al. 2024, arXiv:2404.14219): Llama with queries, keys and values in one matrix on disk, and gate and up in another.
    /// Its long variants (<c>longrope</c>) are refused.
    /// </summary>
    public static ModelFamily Phi3 { get; } = new("phi3", "Phi3")
    {
        CausalName = "Phi3ForCausalLM",
        Prefix = "model.",
        Facts = new TransformerConfig { Family = "phi3" },
        Keys =
        [
            .. LlamaSizes(c => c.Heads), HeadDim, RmsEpsilon(1e-5), RopeTheta,
            ConfigKey.Number("partial_rotary_factor", c => c.RotaryShare, (c, v) => c with { RotaryShare = v }, fallback: 1),
            RopeKeys.PartialParameters, RopeKeys.Scaling, HiddenAct,
            SlidingWindow(absent: null),
            ConfigKey.Only("attention_bias", "false"),
        ],
        Ignored = ["attention_dropout", "resid_pdrop", "embd_pdrop", "original_max_position_embeddings"], // the last is of long variants alone
        Trunk = Phi3Trunk,
        IsConstant = IsInverseFrequency,
    };

    private static IEnumerable<KeyMapEntry> Phi3Trunk(TransformerConfig c)
    {
        var (queries, all) = (c.Heads * c.HeadWidth, (c.Heads + 2 * c.KeyValueHeads) * c.HeadWidth);
        yield return KeyMapEntry.Same("model.embed_tokens.weight", "embed.weight", c.VocabularySize, c.Width);
        for (var k = 0; k < c.Layers; k++)
        {
            var (disk, own) = ($"model.layers.{k}.", $"blocks.{k}.");
            yield return KeyMapEntry.Same(disk + "self_attn.o_proj.weight", own + "attention.out.weight", c.Width, queries);
            yield return KeyMapEntry.Same(disk + "self_attn.qkv_proj.weight", own + "attention.qkv.weight", all, c.Width);
            yield return KeyMapEntry.Same(disk + "mlp.gate_up_proj.weight", own + "mlp.gate_up.weight", 2 * c.InnerWidth, c.Width);
            yield return KeyMapEntry.Same(disk + "mlp.down_proj.weight", own + "mlp.down.weight", c.Width, c.InnerWidth);
            yield return KeyMapEntry.Same(disk + "input_layernorm.weight", own + "norm1.weight", c.Width);
            yield return KeyMapEntry.Same(disk + "post_attention_layernorm.weight", own + "norm2.weight", c.Width);
        }

        yield return KeyMapEntry.Same("model.norm.weight", "norm.weight", c.Width);
    }
}
