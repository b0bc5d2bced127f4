using System.Text.Json;
using System.Text.Json.Nodes;

namespace Attune.Models;

/// <summary>
/// The keys of <c>config.json</c> about rotary positions: <c>rope_scaling</c>, and <c>rope_parameters</c>, in which newer folders say base, share and
/// scaling together. What a key says beyond what Attune computes is refused by its name.
/// </summary>
internal static class RopeKeys
{
    private const string Expected = "rope_type \"default\", \"linear\" or \"llama3\"";
    private static readonly string[] OfLinear = ["factor"];
    private static readonly string[] OfLlama3 = ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"];
    private static readonly string[] Names = ["rope_type", "type"];
    private static readonly string[] OfParameters = ["rope_theta", "partial_rotary_factor"];

    /// <summary>Scaling alone, in the form that most folders have; written too.</summary>
    public static ConfigKey Scaling { get; } = new(
        "rope_scaling",
        (reader, config) => reader.Find("rope_scaling") is { } value
            ? config with { RopeScaling = ReadScaling(reader, "rope_scaling", value, config, []) }
            : config,
        config => WriteScaling(config.RopeScaling));

    /// <summary>All of it in one object, of families whose heads turn whole. Read before <see cref="Scaling"/>, and never written.</summary>
    public static ConfigKey Parameters { get; } = new("rope_parameters", (reader, config) => ReadParameters(reader, config, mayTurnInPart: false), Write: null);

    /// <summary>The same of families of whose heads a share may turn.</summary>
    public static ConfigKey PartialParameters { get; } = new("rope_parameters", (reader, config) => ReadParameters(reader, config, mayTurnInPart: true), Write: null);

    private static TransformerConfig ReadParameters(ConfigReader reader, TransformerConfig config, bool mayTurnInPart)
    {
        if (reader.Find("rope_parameters") is not { } value)
            return config;
        if (reader.Find("rope_scaling") is not null)
            reader.Note("rope_parameters", "is there beside rope_scaling", "one of the two", "remove one");
        config = config with { RopeScaling = ReadScaling(reader, "rope_parameters", value, config, OfParameters) };
        if (value.ValueKind != JsonValueKind.Object)
            return config;
        var inner = new ConfigReader(value, "rope_parameters.");
        var read = config with
        {
            RopeTheta = inner.Number("rope_theta", config.RopeTheta),
            RotaryShare = inner.Number("partial_rotary_factor", config.RotaryShare),
        };
        if (!mayTurnInPart && read.RotaryShare != config.RotaryShare)
            inner.Note("partial_rotary_factor", $"is {read.RotaryShare}", $"{config.RotaryShare}", $"a {config.Family} model of which a part turns is not known");
        if (mayTurnInPart && read.RotaryShare != config.RotaryShare && (reader.Find("rotary_pct") ?? reader.Find("partial_rotary_factor")) is { } share)
            inner.Note("partial_rotary_factor", $"is {read.RotaryShare} beside {share} outside", "the same number twice, or one of them", "remove the wrong one");
        if (read.RopeTheta != config.RopeTheta && (reader.Find("rotary_emb_base") ?? reader.Find("rope_theta")) is { } theta)
            inner.Note("rope_theta", $"is {read.RopeTheta} beside {theta} outside", "the same number twice, or one of them", "remove the wrong one");
        reader.Problems.AddRange(inner.Problems);
        return inner.Problems.Count == 0 ? read : config;
    }

    private static RopeScaling? ReadScaling(ConfigReader reader, string key, JsonElement value, TransformerConfig config, string[] alsoKnown)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            reader.Note(key, $"is {ConfigReader.Shortened(value)}", $"null, or an object with {Expected}", "correct it, or download config.json again");
            return null;
        }

        var inner = new ConfigReader(value, key + ".");
        var scaling = ReadScaling(inner, config, alsoKnown);
        reader.Problems.AddRange(inner.Problems);
        return scaling;
    }

    private static RopeScaling? ReadScaling(ConfigReader inner, TransformerConfig config, string[] alsoKnown)
    {
        var (type, older) = (inner.Text("rope_type"), inner.Text("type"));
        if (type is not null && older is not null && type != older)
            inner.Note("type", $"is \"{older}\" beside rope_type \"{type}\"", "the same name twice, or one of them", "remove the wrong one");
        type ??= older ?? (alsoKnown.Length > 0 ? "default" : null);
        var known = type switch { "linear" => OfLinear, "llama3" => OfLlama3, _ => [] };
        if (type is not ("default" or "linear" or "llama3"))
        {
            inner.Note("rope_type", type is null ? "is missing" : $"is \"{type}\"", Expected, "Attune cannot compute this variant");
            return null;
        }

        foreach (var name in inner.Keys.Where(k => inner.Find(k) is not null && !known.Contains(k) && !Names.Contains(k) && !alsoKnown.Contains(k)))
            inner.Note(name, $"is a key that Attune does not know for rope_type \"{type}\"", "only known keys, as others may change the result", "remove it if it does not");
        return type switch
        {
            "linear" => new RopeScaling { Kind = RopeScalingKind.Linear, Factor = inner.Number("factor", null) },
            "llama3" => new RopeScaling
            {
                Kind = RopeScalingKind.Llama3,
                Factor = inner.Number("factor", null),
                LowFrequencyFactor = inner.Number("low_freq_factor", null),
                HighFrequencyFactor = inner.Number("high_freq_factor", null),
                OriginalPositions = inner.Whole("original_max_position_embeddings", config.MaximumPositions > 0 ? config.MaximumPositions : null),
            },
            _ => null,
        };
    }

    private static JsonObject? WriteScaling(RopeScaling? scaling) => scaling?.Kind switch
    {
        null => null,
        RopeScalingKind.Linear => new JsonObject { ["rope_type"] = "linear", ["factor"] = scaling.Factor },
        _ => new JsonObject
        {
            ["rope_type"] = "llama3",
            ["factor"] = scaling.Factor,
            ["low_freq_factor"] = scaling.LowFrequencyFactor,
            ["high_freq_factor"] = scaling.HighFrequencyFactor,
            ["original_max_position_embeddings"] = scaling.OriginalPositions,
        },
    };
}
