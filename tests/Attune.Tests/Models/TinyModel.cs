using Attune.Models;
using Attune.Torch;

namespace Attune.Tests.Models;

/// <summary>Small models with random weights, one a family.</summary>
internal static class TinyModel
{
    public static readonly TransformerConfig Gpt2 = new()
    {
        Family = "gpt2",
        VocabularySize = 61,
        Width = 32,
        Layers = 2,
        Heads = 4,
        KeyValueHeads = 4,
        HeadWidth = 8,
        InnerWidth = 64,
        MaximumPositions = 64,
        Norm = NormKind.LayerNorm,
        Positions = PositionKind.Learned,
        Activation = ActivationKind.GeluTanh,
        IsGated = false,
        AttentionBias = true,
        AttentionOutBias = true,
        MlpBias = true,
        TiedEmbeddings = true,
        InitializerRange = 0.2, // large enough that a mistake in attention shows in the logits
    };

    public static readonly TransformerConfig Llama = Gpt2 with
    {
        Family = "llama",
        KeyValueHeads = 2,
        Norm = NormKind.RmsNorm,
        Positions = PositionKind.Rotary,
        Activation = ActivationKind.Silu,
        IsGated = true,
        AttentionBias = false,
        AttentionOutBias = false,
        MlpBias = false,
        TiedEmbeddings = false,
    };

    public static TransformerConfig Named(string family) => family == "gpt2" ? Gpt2 : Llama;

    public static CausalLm Create(string family, ulong seed = 1) => CausalLm.Create(Named(family), new Seed(seed), Compute.Cpu);
}
