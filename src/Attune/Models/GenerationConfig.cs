using System.Text.Json.Nodes;
using Attune.Runs;
using Attune.Tokens;

namespace Attune.Models;

/// <summary>
/// A folder's <c>generation_config.json</c>: the author's usual settings for sampling. They are suggestions, so keys that Attune does not know
/// are passed over, and lost when the folder is written again.
/// </summary>
public sealed record GenerationConfig
{
    /// <summary>The file's name.</summary>
    public const string FileName = "generation_config.json";

    /// <summary>The token before every text.</summary>
    public int? BosId { get; init; }

    /// <summary>The tokens that end a text.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];

    /// <summary>The token of padding.</summary>
    public int? PadId { get; init; }

    /// <summary>Whether tokens are drawn; false for the likeliest; null where the author does not say.</summary>
    public bool? Samples { get; init; }

    /// <summary>Divides the logits.</summary>
    public double? Temperature { get; init; }

    /// <summary>Keeps so many likeliest tokens.</summary>
    public int? TopK { get; init; }

    /// <summary>Keeps the likeliest tokens up to this probability together.</summary>
    public double? TopP { get; init; }

    /// <summary>Keeps tokens at least so likely, relative to the likeliest.</summary>
    public double? MinP { get; init; }

    /// <summary>Divides or multiplies the logits of tokens that have occurred.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>Most new tokens.</summary>
    public int? MaximumNewTokens { get; init; }

    /// <summary>Tokens that end an answer: these settings', else the config's, else the tokenizer's; may be none.</summary>
    public IReadOnlyList<int> EndIdsOf(TransformerConfig config, Tokenizer? tokenizer) =>
        EndIds.Count > 0 ? EndIds : config.EndIds.Count > 0 ? config.EndIds : tokenizer?.EndId is { } id ? [id] : [];

    /// <summary>These settings, with a config's special tokens where they name none.</summary>
    public GenerationConfig With(TransformerConfig config) =>
        this with { BosId = BosId ?? config.BosId, EndIds = EndIdsOf(config, tokenizer: null), PadId = PadId ?? config.PadId };

    /// <summary>Reads a folder's settings; null where it has none.</summary>
    /// <exception cref="InputException">The file is malformed.</exception>
    public static GenerationConfig? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return null;
        using var document = JsonFile.Read(path);
        var reader = new ConfigReader(document.RootElement);
        var config = new GenerationConfig
        {
            BosId = reader.Id("bos_token_id"),
            EndIds = reader.Ids("eos_token_id"),
            PadId = reader.Id("pad_token_id"),
            Samples = reader.Find("do_sample") is null ? null : reader.Flag("do_sample", false),
            Temperature = Optional(reader, "temperature"),
            TopK = OptionalWhole(reader, "top_k"),
            TopP = Optional(reader, "top_p"),
            MinP = Optional(reader, "min_p"),
            RepetitionPenalty = Optional(reader, "repetition_penalty"),
            MaximumNewTokens = OptionalWhole(reader, "max_new_tokens"),
        };
        return reader.Problems.Count == 0 ? config : throw new InputException(path, reader.Problems);
    }

    /// <summary>Writes the settings into a folder; what is not set is left out.</summary>
    public void Write(string folder)
    {
        var json = new JsonObject();
        Add(json, "bos_token_id", BosId);
        Add(json, "eos_token_id", ModelFamily.IdsNode(EndIds));
        Add(json, "pad_token_id", PadId);
        Add(json, "do_sample", Samples);
        Add(json, "temperature", Temperature);
        Add(json, "top_k", TopK);
        Add(json, "top_p", TopP);
        Add(json, "min_p", MinP);
        Add(json, "repetition_penalty", RepetitionPenalty);
        Add(json, "max_new_tokens", MaximumNewTokens);
        JsonFile.Write(Path.Combine(folder, FileName), json);
    }

    private static double? Optional(ConfigReader reader, string key) => reader.Find(key) is null ? null : reader.Number(key, null);

    /// <summary>A count; 0 means off, as an absent one does.</summary>
    private static int? OptionalWhole(ConfigReader reader, string key) =>
        reader.Find(key) is null || reader.Find(key)!.Value.GetRawText() == "0" ? null : reader.Whole(key, null);

    private static void Add(JsonObject json, string key, JsonNode? value)
    {
        if (value is not null)
            json.Add(key, value);
    }
}
