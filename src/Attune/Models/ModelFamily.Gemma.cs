using System.Text.Json.Nodes;

namespace Attune.Models;

internal sealed partial class ModelFamily
{
    /// <summary>
    /// Gemma 1 (Gemma Team 2024, arXiv:2403.08295): Llama with a gain counted from one in its norms, embeddings scaled by √D and tied, GELU, and heads
    /// as wide as it likes.
    /// </summary>
    public static ModelFamily Gemma { get; } = new("gemma", "Gemma")
    {
        CausalName = "GemmaForCausalLM",
        Prefix = "model.",
        Facts = new TransformerConfig
        {
            Family = "gemma",
            Activation = ActivationKind.GeluTanh,
            NormGainFromOne = true,
            ScalesEmbeddings = true,
            TiedEmbeddings = true,
        },
        Keys =
        [
            .. LlamaSizes(_ => 16),
            ConfigKey.Whole("head_dim", c => c.HeadWidth, (c, v) => c with { HeadWidth = v }, fallback: _ => 256),
            RmsEpsilon(1e-6), RopeTheta, RopeKeys.Parameters, RopeKeys.Scaling, AttentionBiases,
            new ConfigKey("hidden_activation", ReadGemmaActivation, c => ConfigNames.Write(GemmaActivations, c.Activation)),
            new ConfigKey("hidden_act", (_, c) => c, c => ConfigNames.Write(GemmaActivations, c.Activation)),
            ConfigKey.Only("use_bidirectional_attention", "false"),
            ConfigKey.Only("partial_rotary_factor", "1", "1.0"),
        ],
        Ignored = ["attention_dropout"],
        Trunk = LlamaTrunk,
        IsConstant = IsInverseFrequency,
    };

    private static IReadOnlyList<(string Name, ActivationKind Value)> GemmaActivations =>
        [("gelu_pytorch_tanh", ActivationKind.GeluTanh), .. ConfigNames.Activations];

    /// <summary>
    /// <c>hidden_activation</c> says it. The first folders have <c>hidden_act</c> "gelu" alone and mean the tanh form all the same, which transformers
    /// computes for them.
    /// </summary>
    private static TransformerConfig ReadGemmaActivation(ConfigReader reader, TransformerConfig config)
    {
        if (reader.Find("hidden_activation") is not null)
            return config with { Activation = ConfigNames.Read(reader, "hidden_activation", ConfigNames.Activations, ActivationKind.GeluTanh) };
        if (reader.Find("hidden_act") is { } older && older.ToString() is not ("gelu" or "gelu_pytorch_tanh" or "gelu_new"))
            reader.Note("hidden_act", $"is {ConfigReader.Shortened(older)}", "\"gelu\", or hidden_activation beside it", "name it in hidden_activation");
        return config with { Activation = ActivationKind.GeluTanh };
    }
}
