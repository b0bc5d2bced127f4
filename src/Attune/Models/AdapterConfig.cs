using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Runs;

namespace Attune.Models;

/// <summary>
/// <c>adapter_config.json</c> as PEFT (Mangrulkar et al. 2022) writes it. What Attune does not compute is refused by name: DoRA, ranks and
/// scales that differ between matrices, trained biases, chosen layers, weights that a start such as PiSSA's took out of the base.
/// </summary>
/// <param name="Base">The base model's folder as the file names it; null where it names none.</param>
/// <param name="Settings">Rank, scale, targets, dropout.</param>
/// <param name="Head">What stands on top; null where the file does not say, for what the base has.</param>
internal sealed record AdapterConfig(string? Base, AdapterSettings Settings, HeadKind? Head)
{
    public const string FileName = "adapter_config.json";

    private const string ScoreModule = "score";

    /// <summary>Keys that say nothing about the result: how training began, which matrices a pattern left out, notes.</summary>
    private static readonly string[] Ignored =
    [
        "auto_mapping", "revision", "inference_mode", "peft_version", "megatron_core", "exclude_modules", "layers_pattern", "runtime_config", "fan_in_fan_out",
        "qalora_group_size", "eva_config", "corda_config",
    ];

    /// <summary>Keys that change the result unless they have one of these values.</summary>
    private static readonly (string Key, string[] Usual)[] Fixed =
    [
        ("bias", ["\"none\""]), ("lora_bias", ["false"]), ("use_dora", ["false"]), ("use_qalora", ["false"]), ("alpha_pattern", ["{}"]), ("rank_pattern", ["{}"]),
        ("layers_to_transform", []), ("layer_replication", []), ("trainable_token_indices", []), ("target_parameters", ["[]"]), ("alora_invocation_tokens", []),
        ("arrow_config", []), ("megatron_config", []), ("ensure_weight_tying", ["false"]), ("loftq_config", ["{}"]), ("init_lora_weights", ["true", "false", "\"gaussian\""]),
    ];

    private static readonly string[] ReadHere =
        ["peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha", "lora_dropout", "use_rslora", "target_modules", "modules_to_save"];

    /// <summary>Whether a folder holds an adapter rather than a model.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Reads a folder's file.</summary>
    /// <param name="folder">The adapter's folder.</param>
    /// <param name="paths">Paths of the matrices that the weights are for: what a pattern in <c>target_modules</c> comes to.</param>
    /// <exception cref="InputException">Lists everything that is missing, wrong or beyond what Attune computes.</exception>
    public static AdapterConfig Read(string folder, IReadOnlyList<string> paths)
    {
        var path = Path.Combine(folder, FileName);
        using var document = JsonFile.Read(path);
        var reader = new ConfigReader(document.RootElement);
        var config = Read(reader, paths);
        return reader.Problems.Count == 0 ? config : throw new InputException(path, ProblemList.Shortened(reader.Problems));
    }

    /// <summary>Writes the file into a folder.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="model">The model that it is for.</param>
    public void Write(string folder, TransformerConfig model)
    {
        var targets = Settings.Targets.SelectMany(t => t == AdapterSettings.AllLinear ? AdapterTargets.NamesOf(model) : [t]).Distinct();
        JsonFile.Write(Path.Combine(folder, FileName), new JsonObject
        {
            ["alpha_pattern"] = new JsonObject(),
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = Base,
            ["bias"] = "none",
            ["fan_in_fan_out"] = AdapterTargets.MatricesOf(model).Any(entry => entry.IsTransposed),
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = null,
            ["lora_alpha"] = Settings.Alpha == Math.Floor(Settings.Alpha) && Settings.Alpha < int.MaxValue ? (int)Settings.Alpha : Settings.Alpha,
            ["lora_dropout"] = Settings.Dropout,
            ["modules_to_save"] = Head == HeadKind.Score ? new JsonArray(ScoreModule) : null,
            ["peft_type"] = "LORA",
            ["r"] = Settings.Rank,
            ["rank_pattern"] = new JsonObject(),
            ["revision"] = null,
            ["target_modules"] = new JsonArray([.. targets.Order(StringComparer.Ordinal).Select(t => (JsonNode)t)]),
            ["task_type"] = Head == HeadKind.Score ? "SEQ_CLS" : "CAUSAL_LM",
            ["use_dora"] = false,
            ["use_rslora"] = Settings.RankStabilised,
        });
    }

    private static AdapterConfig Read(ConfigReader reader, IReadOnlyList<string> paths)
    {
        if (reader.Text("peft_type") is var type && type != "LORA")
            reader.Note("peft_type", type is null ? "is missing" : $"is \"{type}\"", "\"LORA\"", "Attune knows no other adapters");
        foreach (var (key, usual) in Fixed)
        {
            if (reader.Find(key) is { } value && !usual.Contains(value.GetRawText().Replace(" ", "", StringComparison.Ordinal)))
                reader.Note(key, $"is {ConfigReader.Shortened(value)}", usual.Length == 0 ? "null" : string.Join(" or ", usual), "Attune does not compute it: merge the adapter with PEFT, and take the merged model");
        }

        var known = ReadHere.Concat(Ignored).Concat(Fixed.Select(f => f.Key)).ToHashSet();
        foreach (var key in reader.Keys.Where(k => !known.Contains(k) && reader.Find(k) is not null))
            reader.Note(key, $"is {ConfigReader.Shortened(reader.Find(key)!.Value)}, a key that Attune does not know", "only known keys, as others may change the result", "remove it if it does not");
        var head = ReadHead(reader);
        var settings = new AdapterSettings
        {
            Rank = reader.Whole("r", fallback: null),
            Alpha = reader.Number("lora_alpha", fallback: null),
            Dropout = reader.Number("lora_dropout", 0),
            RankStabilised = reader.Flag("use_rslora", false),
            Targets = ReadTargets(reader, paths),
        };
        foreach (var problem in reader.Problems.Count == 0 ? settings.Check() : [])
            reader.Problems.Add(problem with { Key = problem.Key switch { "rank" => "r", "alpha" => "lora_alpha", "dropout" => "lora_dropout", _ => "target_modules" } });
        return new(reader.Text("base_model_name_or_path"), settings, head);
    }

    private static HeadKind? ReadHead(ConfigReader reader)
    {
        var task = reader.Text("task_type");
        if (task is not (null or "CAUSAL_LM" or "SEQ_CLS"))
            reader.Note("task_type", $"is \"{task}\"", "\"CAUSAL_LM\" or \"SEQ_CLS\"", "Attune knows no other heads");
        string[] may = task == "SEQ_CLS" ? [ScoreModule, "classifier"] : []; // PEFT lists both names whatever the model has
        if (reader.Find("modules_to_save") is { } saved && !(saved.ValueKind == JsonValueKind.Array && saved.EnumerateArray().All(m => may.Contains(m.ToString()))))
        {
            reader.Note("modules_to_save", $"is {ConfigReader.Shortened(saved)}", may.Length == 0 ? "null" : $"[\"{ScoreModule}\"] or null",
                "Attune trains no other modules whole beside an adapter: merge it with PEFT, and take the merged model");
        }

        return task switch { "SEQ_CLS" => HeadKind.Score, "CAUSAL_LM" => HeadKind.NextToken, _ => null };
    }

    /// <summary>Names as they are; a pattern as the matrices that it came to.</summary>
    private static IReadOnlyList<string> ReadTargets(ConfigReader reader, IReadOnlyList<string> paths)
    {
        if (reader.Find("target_modules") is not { } value)
            return paths;
        if (value.ValueKind == JsonValueKind.String)
            return value.GetString() == AdapterSettings.AllLinear ? [AdapterSettings.AllLinear] : paths;
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value.EnumerateArray().All(t => t.ValueKind == JsonValueKind.String))
            return [.. value.EnumerateArray().Select(t => t.GetString()!)];
        reader.Note("target_modules", $"is {ConfigReader.Shortened(value)}", "names of matrices", "correct it, or download the file again");
        return [AdapterSettings.AllLinear];
    }
}
