using System.Text.Json;
using System.Text.Json.Nodes;

namespace Attune.Models;

/// <summary>
/// One key of a family's <c>config.json</c> and the fact that it stands for, in both directions. A family lists its keys once, so reading and
/// writing cannot disagree.
/// </summary>
/// <param name="Name">The key.</param>
/// <param name="Read">The config with this key's value.</param>
/// <param name="Write">The key's value; null for a key that is read and never written.</param>
internal sealed record ConfigKey(string Name, Func<ConfigReader, TransformerConfig, TransformerConfig> Read, Func<TransformerConfig, JsonNode?>? Write)
{
    /// <summary>A size. Required without a fallback.</summary>
    public static ConfigKey Whole(
        string name, Func<TransformerConfig, int> get, Func<TransformerConfig, int, TransformerConfig> with, Func<TransformerConfig, int>? fallback = null) =>
        new(name, (reader, config) => with(config, reader.Whole(name, fallback?.Invoke(config))), config => get(config));

    /// <summary>A number with a usual value.</summary>
    public static ConfigKey Number(
        string name, Func<TransformerConfig, double> get, Func<TransformerConfig, double, TransformerConfig> with, double fallback) =>
        new(name, (reader, config) => with(config, reader.Number(name, fallback)), config => get(config));

    /// <summary>True or false, with a usual value.</summary>
    public static ConfigKey Flag(
        string name, Func<TransformerConfig, bool> get, Func<TransformerConfig, bool, TransformerConfig> with, bool fallback) =>
        new(name, (reader, config) => with(config, reader.Flag(name, fallback)), config => get(config));

    /// <summary>The non-linearity.</summary>
    public static ConfigKey Activation(string name, ActivationKind fallback) => new(
        name,
        (reader, config) => config with { Activation = ConfigNames.Read(reader, name, ConfigNames.Activations, fallback) },
        config => ConfigNames.Write(ConfigNames.Activations, config.Activation));

    /// <summary>A key whose other values would change the result in a way that Attune cannot compute. Absent or null is fine.</summary>
    public static ConfigKey Only(string name, params string[] accepted) => new(
        name,
        (reader, config) =>
        {
            if (reader.Find(name) is { } value && !accepted.Contains(value.GetRawText()))
            {
                var expected = accepted.Length == 0 ? "null" : string.Join(" or ", accepted);
                reader.Note(name, $"is {ConfigReader.Shortened(value)}", expected, "Attune cannot compute this variant");
            }

            return config;
        },
        Write: null);
}
