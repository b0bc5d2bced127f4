namespace Attune.Models;

internal sealed partial class ModelFamily
{
    /// <summary>Mistral (Jiang et al. 2023, arXiv:2310.06825): Llama with grouped heads, and in its first version a sliding window.</summary>
    public static ModelFamily Mistral { get; } = new("mistral", "Mistral")
    {
        CausalName = "MistralForCausalLM",
        Prefix = "model.",
        Facts = new TransformerConfig { Family = "mistral" },
        Keys =
        [
            .. LlamaSizes(_ => 8), HeadDim, RmsEpsilon(1e-6), RopeTheta, RopeKeys.Parameters, RopeKeys.Scaling, HiddenAct,
            SlidingWindow(absent: 4096),
            ConfigKey.Only("attention_bias", "false"),
            ConfigKey.Only("partial_rotary_factor", "1", "1.0"),
        ],
        Ignored = ["attention_dropout"],
        Trunk = LlamaTrunk,
        IsConstant = IsInverseFrequency,
    };

    /// <summary>The window of every layer; null, and only null, means none.</summary>
    /// <param name="absent">What a folder without the key has.</param>
    private static ConfigKey SlidingWindow(int? absent) => new(
        "sliding_window",
        (reader, config) => config with { SlidingWindow = ReadWindow(reader, absent) },
        config => config.SlidingWindow);

    private static int? ReadWindow(ConfigReader reader, int? absent) => reader.Find("sliding_window") is not null
        ? reader.Whole("sliding_window", fallback: null)
        : reader.Has("sliding_window") ? null : absent;
}
