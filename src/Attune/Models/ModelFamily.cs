using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Models;

/// <summary>
/// A family of published models: how its <c>config.json</c> and its weights' names and layout map to the one transformer. Families are data;
/// there is no class for each. Reading refuses by name what Attune cannot compute, and never ignores a key that it does not know.
/// </summary>
internal sealed partial class ModelFamily
{
    /// <summary>Keys of any family that <see cref="Read"/> itself reads.</summary>
    private static readonly string[] ReadAnywhere =
    [
        "model_type", "architectures", "tie_word_embeddings", "initializer_range", "bos_token_id", "eos_token_id", "pad_token_id", "torch_dtype", "dtype",
    ];

    /// <summary>Keys of any family that do not change the result: notes, defaults of generation and training, and what Attune decides itself.</summary>
    private static readonly string[] IgnoredAnywhere =
    [
        "return_dict", "output_hidden_states", "output_attentions", "torchscript", "use_bfloat16", "tf_legacy_loss", "use_cache", "transformers_version",
        "finetuning_task", "task_specific_params", "problem_type", "tokenizer_class", "prefix", "sep_token_id", "decoder_start_token_id", "unk_token_id",
        "tie_encoder_decoder", "chunk_size_feed_forward", "is_decoder", "cross_attention_hidden_size", "gradient_checkpointing", "id2label", "label2id", "num_labels",
        "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p",
        "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids",
        "num_return_sequences", "output_scores", "return_dict_in_generate", "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values",
        "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens", "max_new_tokens", "transformers.js_config",
        "auto_map", // code of the model's own, which transformers too runs only for families that it does not know
    ];

    /// <summary>Keys of any family that change the result unless they have their usual value.</summary>
    private static readonly ConfigKey[] FixedAnywhere =
    [
        ConfigKey.Only("quantization_config"), ConfigKey.Only("is_encoder_decoder", "false"),
        ConfigKey.Only("add_cross_attention", "false"), ConfigKey.Only("pruned_heads", "{}"),
    ];

    private ModelFamily(string name, string architecture)
    {
        Name = name;
        Architecture = architecture;
    }

    /// <summary>All families that Attune knows.</summary>
    public static IReadOnlyList<ModelFamily> All => [Gpt2, GptNeoX, Llama, Mistral, Qwen2, Phi3, Gemma];

    /// <summary><c>model_type</c> of <c>config.json</c>.</summary>
    public string Name { get; }

    /// <summary>The stem of the names in <c>architectures</c>: <c>GPT2</c> of <c>GPT2LMHeadModel</c>.</summary>
    internal string Architecture { get; }

    /// <summary>The name of the model with logits.</summary>
    internal required string CausalName { get; init; }

    /// <summary>What the keys of a checkpoint's trunk begin with; some published files leave it out.</summary>
    internal required string Prefix { get; init; }

    /// <summary>The key of the matrix that makes logits, where embeddings are not tied.</summary>
    internal string HeadKey { get; init; } = "lm_head.weight";

    /// <summary>What is true of every model of the family.</summary>
    internal required TransformerConfig Facts { get; init; }

    /// <summary>The family's keys in an order in which later fallbacks may use earlier values.</summary>
    internal required IReadOnlyList<ConfigKey> Keys { get; init; }

    /// <summary>Keys of the family that do not change the result.</summary>
    internal required IReadOnlyList<string> Ignored { get; init; }

    /// <summary>The trunk's tensors on disk.</summary>
    internal required Func<TransformerConfig, IEnumerable<KeyMapEntry>> Trunk { get; init; }

    /// <summary>Whether a tensor of a checkpoint is a constant that old versions saved.</summary>
    internal required Func<string, bool> IsConstant { get; init; }

    private string ScoreName => Architecture + "ForSequenceClassification";

    /// <summary>The family of a <c>model_type</c>, or null.</summary>
    public static ModelFamily? Find(string? name) => All.FirstOrDefault(f => f.Name == name);

    /// <summary>The family of a config.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static ModelFamily Of(TransformerConfig config) =>
        Find(config.Family) ?? throw new ArgumentException($"{config.Family} is no family; known are {string.Join(", ", All.Select(f => f.Name))}", nameof(config));

    /// <summary>Reads a <c>config.json</c>.</summary>
    /// <exception cref="InputException">Lists everything that is missing, wrong or beyond what Attune computes.</exception>
    public static TransformerConfig ReadConfig(string path)
    {
        using var document = JsonFile.Read(path);
        var reader = new ConfigReader(document.RootElement);
        var type = reader.Text("model_type");
        if (Find(type) is not { } family)
        {
            var found = type is null ? "is missing" : $"is \"{type}\"";
            var known = string.Join(", ", All.Select(f => f.Name));
            throw new InputException(path, [Problem.Of("model_type", found, $"one of {known}", "Attune knows no other family yet")]);
        }

        var config = family.Read(reader);
        if (reader.Problems.Count == 0)
            reader.Problems.AddRange(config.Check().Select(p => p with { Key = family.KeyOf(p.Key) }));
        if (reader.Problems.Count > 0)
            throw new InputException(path, ProblemList.Shortened(reader.Problems));
        return config;
    }

    /// <summary>Writes a <c>config.json</c> that transformers loads as the same model.</summary>
    /// <exception cref="ArgumentException">The family's files cannot say what the config says.</exception>
    public static void WriteConfig(string path, TransformerConfig config) => JsonFile.Write(path, Of(config).Render(config));

    internal JsonObject Render(TransformerConfig config)
    {
        var json = new JsonObject
        {
            ["model_type"] = Name,
            ["architectures"] = new JsonArray(config.Head == HeadKind.Score ? ScoreName : CausalName),
            ["tie_word_embeddings"] = config.TiedEmbeddings,
            ["initializer_range"] = config.InitializerRange,
            ["bos_token_id"] = config.BosId,
            ["eos_token_id"] = IdsNode(config.EndIds),
            ["torch_dtype"] = ConfigNames.Write(ConfigNames.DTypes, config.StoredDType),
            ["use_cache"] = true,
        };
        if (config.PadId is { } pad)
            json["pad_token_id"] = pad;
        if (config.Head == HeadKind.Score)
        {
            // transformers takes the number of outputs from the number of labels.
            json["id2label"] = new JsonObject { ["0"] = "LABEL_0" };
            json["label2id"] = new JsonObject { ["LABEL_0"] = 0 };
        }

        foreach (var key in Keys)
        {
            if (key.Write is { } write)
                json[key.Name] = write(config);
        }

        CheckSaysTheSame(json, config);
        return json;
    }

    /// <summary>One id as a number, several as a list, none as null.</summary>
    internal static JsonNode? IdsNode(IReadOnlyList<int> ids) => ids.Count switch
    {
        0 => null,
        1 => ids[0],
        _ => new JsonArray([.. ids.Select(id => (JsonNode)id)]),
    };

    private TransformerConfig Read(ConfigReader reader)
    {
        var config = Facts with
        {
            TiedEmbeddings = reader.Flag("tie_word_embeddings", Facts.TiedEmbeddings),
            InitializerRange = reader.Number("initializer_range", Facts.InitializerRange),
            BosId = reader.Id("bos_token_id"),
            EndIds = reader.Ids("eos_token_id"),
            PadId = reader.Id("pad_token_id"),
            StoredDType = ConfigNames.Read(reader, reader.Find("torch_dtype") is null ? "dtype" : "torch_dtype", ConfigNames.DTypes, DType.Float32),
            Head = ReadHead(reader),
        };
        foreach (var key in Keys.Concat(FixedAnywhere))
            config = key.Read(reader, config);
        var known = ReadAnywhere.Concat(IgnoredAnywhere).Concat(Ignored).Concat(Keys.Concat(FixedAnywhere).Select(k => k.Name)).ToHashSet();
        foreach (var key in reader.Keys.Where(k => !known.Contains(k) && !k.StartsWith('_') && reader.Find(k) is not null))
        {
            var found = $"is {ConfigReader.Shortened(reader.Find(key)!.Value)}, a key that Attune does not know for {Name}";
            reader.Note(key, found, "only known keys, as others may change the result", "remove it if it does not");
        }

        return config;
    }

    /// <summary>What the family's <c>config.json</c> calls something that <see cref="TransformerConfig.Check"/> names.</summary>
    private string KeyOf(string fact) => ConfigNames.KeysOf(fact).FirstOrDefault(name => Keys.Any(key => key.Name == name)) ?? ConfigNames.KeysOf(fact)[^1];

    private static bool AreSame(object? one, object? other) =>
        one is IEnumerable<int> ids && other is IEnumerable<int> others ? ids.SequenceEqual(others) : Equals(one, other);

    private HeadKind ReadHead(ConfigReader reader)
    {
        if (reader.Find("architectures") is not { } names)
            return HeadKind.NextToken;
        var first = names.ValueKind == JsonValueKind.Array && names.GetArrayLength() == 1 ? names[0].ToString() : null;
        if (first == CausalName)
            return HeadKind.NextToken;
        if (first != ScoreName)
        {
            reader.Note("architectures", $"is {ConfigReader.Shortened(names)}", $"[\"{CausalName}\"] or [\"{ScoreName}\"]", "Attune knows no other head");
            return HeadKind.NextToken;
        }

        // Two outputs are transformers' default, so it does not write them down.
        var isListed = reader.Find("id2label") is { ValueKind: JsonValueKind.Object };
        var outputs = isListed ? reader.Find("id2label")!.Value.EnumerateObject().Count() : reader.Whole("num_labels", 2);
        if (outputs != 1)
            reader.Note("num_labels", $"is {outputs}", "1, a score", "Attune reads scalar heads only");
        return HeadKind.Score;
    }

    /// <summary>Reads back what is about to be written: a family's file that cannot hold a fact must not lose it silently.</summary>
    private void CheckSaysTheSame(JsonObject json, TransformerConfig config)
    {
        using var document = JsonDocument.Parse(json.ToJsonString());
        var reader = new ConfigReader(document.RootElement);
        var back = Read(reader);
        var lost = typeof(TransformerConfig).GetProperties()
            .Where(p => p.CanWrite && !AreSame(p.GetValue(config), p.GetValue(back)))
            .Select(p => $"{p.Name} is {p.GetValue(config)}, which {Name} reads as {p.GetValue(back)}")
            .Concat(reader.Problems.Select(p => $"{p.Key} {p.Message}"))
            .ToArray();
        if (lost.Length > 0)
            throw new ArgumentException($"a {Name} folder cannot hold this model: {string.Join("; ", lost)}", nameof(config));
    }
}
