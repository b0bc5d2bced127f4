using System.Text.Json;

namespace Attune.Models;

internal sealed partial class ModelFamily
{
    private const int UsualWindowLayers = 28;

    /// <summary>
    /// Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv:2407.10671): Llama with biases on queries, keys and values. Its window counts only where
    /// <c>use_sliding_window</c> is true, and from layer <c>max_window_layers</c> on.
    /// </summary>
    public static ModelFamily Qwen2 { get; } = new("qwen2", "Qwen2")
    {
        CausalName = "Qwen2ForCausalLM",
        Prefix = "model.",
        Facts = new TransformerConfig { Family = "qwen2", AttentionBias = true },
        Keys =
        [
            .. LlamaSizes(_ => 32), HeadDim, RmsEpsilon(1e-6), RopeTheta, RopeKeys.Parameters, RopeKeys.Scaling, HiddenAct,
            new ConfigKey("use_sliding_window", ReadQwen2Window, c => c.SlidingWindow is not null),
            new ConfigKey("sliding_window", (_, c) => c, c => c.SlidingWindow),
            new ConfigKey("max_window_layers", (_, c) => c, c => c.SlidingWindow is null ? UsualWindowLayers : c.FirstWindowedLayer),
            new ConfigKey("layer_types", CheckLayerTypes, Write: null),
            ConfigKey.Only("use_mrope", "false"),
        ],
        Ignored = ["attention_dropout"],
        Trunk = LlamaTrunk,
        IsConstant = IsInverseFrequency,
    };

    private static TransformerConfig ReadQwen2Window(ConfigReader reader, TransformerConfig config)
    {
        if (!reader.Flag("use_sliding_window", fallback: false) || ReadWindow(reader, absent: 4096) is not { } window)
            return config;
        // 0 is a layer's number here, not a size.
        var first = reader.Find("max_window_layers") is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var layer) && layer == 0
            ? 0
            : reader.Whole("max_window_layers", UsualWindowLayers);
        return first >= config.Layers ? config : config with { SlidingWindow = window, FirstWindowedLayer = first };
    }

    /// <summary>Newer folders list each layer's kind; it must say what the other keys say.</summary>
    private static TransformerConfig CheckLayerTypes(ConfigReader reader, TransformerConfig config)
    {
        if (reader.Find("layer_types") is not { } types)
            return config;
        var implied = Enumerable.Range(0, Math.Max(0, config.Layers)).Select(k => config.IsWindowed(k) ? "sliding_attention" : "full_attention").ToArray();
        if (types.ValueKind != JsonValueKind.Array || !types.EnumerateArray().Select(t => t.ToString()).SequenceEqual(implied))
        {
            var summary = string.Join(", ", implied.GroupBy(t => t).Select(g => $"{g.Count()} of {g.Key}"));
            reader.Note("layer_types", $"is {ConfigReader.Shortened(types)}", $"what the window's keys imply: {summary}", "correct one of them");
        }

        return config;
    }
}
