using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Runs;
using Attune.Tokens;

namespace Attune.Models;

/// <summary>A number added to the logit of the last of some tokens where the others stand right before it; of one token: always.</summary>
public sealed record TokenBias
{
    /// <summary>Ids, at least one.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>What is added, −10,000 to 10,000; −100 is as good as a ban.</summary>
    public required double Bias { get; init; }
}

/// <summary>
/// A folder's <c>generation_config.json</c>: the author's usual settings for sampling. What Attune does not know is kept, written again, and refused by name where
/// the settings are used (<see cref="Unknown"/>): the answers would not be those that the author means.
/// </summary>
public sealed record GenerationConfig
{
    /// <summary>The file's name.</summary>
    public const string FileName = "generation_config.json";

    /// <summary>Keys that change no answer: how it is computed, what is told beside it, and how many are asked for.</summary>
    private static readonly HashSet<string> Ignored =
    [
        "transformers_version", "use_cache", "cache_implementation", "cache_config", "return_legacy_cache", "return_dict_in_generate", "output_attentions", "output_hidden_states",
        "output_scores", "output_logits", "num_return_sequences", "low_memory", "prefill_chunk_size", "compile_config", "disable_compile", "is_assistant", "num_assistant_tokens",
        "num_assistant_tokens_schedule", "assistant_confidence_threshold", "assistant_lookbehind", "target_lookbehind", "assistant_early_exit", "prompt_lookup_num_tokens",
        "max_matching_ngram_size", "decoder_start_token_id", "is_encoder_decoder",
    ];

    /// <summary>Numbers that switch a setting off which Attune does not have.</summary>
    private static readonly Dictionary<string, double> Off = new()
    {
        ["num_beam_groups"] = 1,
        ["diversity_penalty"] = 0,
        ["penalty_alpha"] = 0,
        ["guidance_scale"] = 1,
        ["encoder_repetition_penalty"] = 1,
        ["encoder_no_repeat_ngram_size"] = 0,
    };

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

    /// <summary>Keeps the tokens of the most usual surprise up to this probability together.</summary>
    public double? Typical { get; init; }

    /// <summary>Keeps tokens at least so likely.</summary>
    public double? Epsilon { get; init; }

    /// <summary>The same with less where the distribution is flat.</summary>
    public double? Eta { get; init; }

    /// <summary>Divides or multiplies the logits of tokens that have occurred.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>No n-gram of this length twice.</summary>
    public int? NoRepeatNgram { get; init; }

    /// <summary>Sequences of tokens that are never completed.</summary>
    public IReadOnlyList<IReadOnlyList<int>> BadWords { get; init; } = [];

    /// <summary>What is added to logits of tokens, or of tokens that would complete a sequence.</summary>
    public IReadOnlyList<TokenBias> Biases { get; init; } = [];

    /// <summary>Whether logits that are no numbers become some.</summary>
    public bool? RemoveInvalid { get; init; }

    /// <summary>Fewest new tokens.</summary>
    public int? MinimumNewTokens { get; init; }

    /// <summary>Fewest tokens, those of the prompt included.</summary>
    public int? MinimumLength { get; init; }

    /// <summary>Most new tokens.</summary>
    public int? MaximumNewTokens { get; init; }

    /// <summary>Most tokens, those of the prompt included, where most new ones are not set.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>Texts that end an answer.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Beams to search with; from 2 on a search is meant.</summary>
    public int? Beams { get; init; }

    /// <summary>A hypothesis of a search scores Σ log-prob / tokens^penalty.</summary>
    public double? LengthPenalty { get; init; }

    /// <summary>When a search ends: true, false or never.</summary>
    public string? EarlyStopping { get; init; }

    /// <summary>All other keys, with their values as they are written.</summary>
    public IReadOnlyDictionary<string, string> Others { get; init; } = ReadOnlyDictionary<string, string>.Empty;

    /// <summary>Those of the other keys that would change an answer, in the order of their names.</summary>
    public IEnumerable<Problem> Unknown => Others.Where(other => ChangesAnswers(other.Key, other.Value)).OrderBy(other => other.Key, StringComparer.Ordinal)
        .Select(other => Problem.Of($"{FileName} {other.Key}", $"is {Shortened(other.Value)}, which Attune does not know", "only known keys, as others may change the answer", "take it out of the file if you can do without"));

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
        var reader = new GenerationReader(document.RootElement);
        var config = new GenerationConfig
        {
            BosId = reader.Id("bos_token_id"),
            EndIds = reader.Ids("eos_token_id"),
            PadId = reader.Id("pad_token_id"),
            Samples = reader.Flag("do_sample"),
            Temperature = reader.Number("temperature"),
            TopK = reader.Count("top_k"),
            TopP = reader.Number("top_p"),
            MinP = reader.Number("min_p"),
            Typical = reader.Number("typical_p"),
            Epsilon = reader.Number("epsilon_cutoff"),
            Eta = reader.Number("eta_cutoff"),
            RepetitionPenalty = reader.Number("repetition_penalty"),
            NoRepeatNgram = reader.Count("no_repeat_ngram_size"),
            BadWords = reader.Sequences("bad_words_ids"),
            Biases = reader.Biases("sequence_bias"),
            RemoveInvalid = reader.Flag("remove_invalid_values"),
            MinimumNewTokens = reader.Count("min_new_tokens"),
            MinimumLength = reader.Count("min_length"),
            MaximumNewTokens = reader.Most("max_new_tokens"),
            MaximumLength = reader.Most("max_length"),
            StopStrings = reader.Texts("stop_strings"),
            Beams = reader.Count("num_beams"),
            LengthPenalty = reader.Number("length_penalty"),
            EarlyStopping = reader.EarlyStopping("early_stopping"),
        };
        return reader.Problems.Count == 0 ? config with { Others = reader.Others() } : throw new InputException(path, reader.Problems);
    }

    /// <summary>Writes the settings into a folder; what is not set is left out.</summary>
    public void Write(string folder)
    {
        var json = new JsonObject();
        foreach (var (key, value) in Members())
        {
            if (value is not null)
                json.Add(key, value);
        }

        foreach (var (key, value) in Others)
            json[key] = JsonNode.Parse(value);
        JsonFile.Write(Path.Combine(folder, FileName), json);
    }

    private IEnumerable<(string Key, JsonNode? Value)> Members() =>
    [
        ("bos_token_id", BosId), ("eos_token_id", ModelFamily.IdsNode(EndIds)), ("pad_token_id", PadId), ("do_sample", Samples), ("temperature", Temperature), ("top_k", TopK), ("top_p", TopP),
        ("min_p", MinP), ("typical_p", Typical), ("epsilon_cutoff", Epsilon), ("eta_cutoff", Eta), ("repetition_penalty", RepetitionPenalty), ("no_repeat_ngram_size", NoRepeatNgram),
        ("bad_words_ids", ListOf(BadWords.Select(word => (JsonNode)ListOf(word.Select(id => (JsonNode)id))!))),
        ("sequence_bias", ListOf(Biases.Select(bias => (JsonNode)new JsonArray(ListOf(bias.Tokens.Select(id => (JsonNode)id)), bias.Bias)))),
        ("remove_invalid_values", RemoveInvalid), ("min_new_tokens", MinimumNewTokens), ("min_length", MinimumLength), ("max_new_tokens", MaximumNewTokens), ("max_length", MaximumLength),
        ("stop_strings", ListOf(StopStrings.Select(stop => (JsonNode)stop))), ("num_beams", Beams), ("length_penalty", LengthPenalty),
        ("early_stopping", EarlyStopping is "true" or "false" ? EarlyStopping == "true" : EarlyStopping),
    ];

    private static JsonArray? ListOf(IEnumerable<JsonNode> items) => items.ToArray() is { Length: > 0 } some ? new JsonArray([.. some]) : null;

    private static bool ChangesAnswers(string key, string value) => !key.StartsWith('_') && !Ignored.Contains(key) && value is not ("null" or "false" or "[]" or "{}")
        && !(Off.TryGetValue(key, out var off) && double.TryParse(value, System.Globalization.CultureInfo.InvariantCulture, out var number) && number == off);

    private static string Shortened(string value)
    {
        const int Most = 60;
        return value.Length <= Most ? value : value[..Most] + "…";
    }
}

/// <summary>Reads the members of a <c>generation_config.json</c>: none has to be there, and those that nobody asked for are remembered.</summary>
internal sealed class GenerationReader(JsonElement root)
{
    private readonly ConfigReader _reader = new(root);
    private readonly HashSet<string> _known = [];

    public List<Problem> Problems => _reader.Problems;

    public int? Id(string key) => Find(key) is null ? null : _reader.Id(key);

    public IReadOnlyList<int> Ids(string key) => Find(key) is null ? [] : _reader.Ids(key);

    public bool? Flag(string key) => Find(key) is null ? null : _reader.Flag(key, false);

    public double? Number(string key) => Find(key) is null ? null : _reader.Number(key, null);

    /// <summary>A count; 0 means off.</summary>
    public int? Count(string key) => Find(key) is not { } value ? null : value.GetRawText() == "0" ? 0 : _reader.Whole(key, null);

    /// <summary>A largest count; 0 means none, as an absent one does.</summary>
    public int? Most(string key) => Count(key) is > 0 and var most ? most : null;

    /// <summary>A text or several.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        if (Find(key) is not { } value)
            return [];
        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return items.All(item => item.ValueKind == JsonValueKind.String)
            ? items.Length == 0 ? [] : [.. items.Select(item => item.GetString()!)]
            : Wrong<IReadOnlyList<string>>(key, value, "a text or a list of texts", []);
    }

    /// <summary>Lists of token ids.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Sequences(string key)
    {
        if (Find(key) is not { } value)
            return [];
        var sequences = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().Select(Tokens).ToArray() : [null];
        return sequences.All(sequence => sequence is not null)
            ? sequences.Length == 0 ? [] : [.. sequences.Select(sequence => sequence!)]
            : Wrong<IReadOnlyList<IReadOnlyList<int>>>(key, value, "a list of lists of token ids, none empty", []);
    }

    /// <summary>Pairs of token ids and a number.</summary>
    public IReadOnlyList<TokenBias> Biases(string key)
    {
        if (Find(key) is not { } value)
            return [];
        var biases = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().Select(Bias).ToArray() : [null];
        return biases.All(bias => bias is not null)
            ? biases.Length == 0 ? [] : [.. biases.Select(bias => bias!)]
            : Wrong<IReadOnlyList<TokenBias>>(key, value, "a list like [[[5, 17], -2.5]]: token ids and what is added", []);
    }

    public string? EarlyStopping(string key)
    {
        if (Find(key) is not { } value)
            return null;
        return value.GetRawText() switch
        {
            "true" => "true",
            "false" => "false",
            "\"never\"" => "never",
            _ => Wrong<string?>(key, value, "true, false or \"never\"", null),
        };
    }

    /// <summary>What was not asked for.</summary>
    public IReadOnlyDictionary<string, string> Others()
    {
        var others = root.EnumerateObject().Where(member => !_known.Contains(member.Name)).ToDictionary(member => member.Name, member => member.Value.GetRawText());
        return others.Count == 0 ? ReadOnlyDictionary<string, string>.Empty : others;
    }

    private JsonElement? Find(string key)
    {
        _known.Add(key);
        return _reader.Find(key);
    }

    private static int[]? Tokens(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0)
            return null;
        var ids = new List<int>();
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out var id))
                return null;
            ids.Add(id);
        }

        return [.. ids];
    }

    private static TokenBias? Bias(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2 && Tokens(value[0]) is { } tokens && value[1].ValueKind == JsonValueKind.Number && value[1].TryGetDouble(out var bias)
            ? new() { Tokens = tokens, Bias = bias } : null;

    private T Wrong<T>(string key, JsonElement value, string expected, T result)
    {
        _reader.Note(key, $"is {ConfigReader.Shortened(value)}", expected, "correct it, or take it out of the file");
        return result;
    }
}
