using System.Text.Json;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Models;

/// <summary>Reads the members of a <c>config.json</c> and collects everything that is wrong with them.</summary>
internal sealed class ConfigReader(JsonElement root, string prefix = "")
{
    public List<Problem> Problems { get; } = [];

    /// <summary>A member that is there and not null.</summary>
    public JsonElement? Find(string key) =>
        root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>Whether a member is there, null included: some keys have a usual value when absent and switch something off as null.</summary>
    public bool Has(string key) => root.TryGetProperty(key, out _);

    public IEnumerable<string> Keys => root.EnumerateObject().Select(m => m.Name);

    public int Whole(string key, int? fallback)
    {
        if (Find(key) is not { } value)
            return Missing(key, fallback, "a positive whole number");
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number > 0)
            return number;
        return Wrong(key, value, "a positive whole number", fallback ?? 0);
    }

    public double Number(string key, double? fallback)
    {
        if (Find(key) is not { } value)
            return Missing(key, fallback, "a number");
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number)
            ? number
            : Wrong(key, value, "a number", fallback ?? 0);
    }

    public bool Flag(string key, bool fallback)
    {
        if (Find(key) is not { } value)
            return fallback;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : Wrong(key, value, "true or false", fallback);
    }

    public string? Text(string key)
    {
        if (Find(key) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : Wrong<string?>(key, value, "a string", null);
    }

    /// <summary>Token ids: one number, a list, or nothing. Some folders say −1 for none.</summary>
    public IReadOnlyList<int> Ids(string key)
    {
        if (Find(key) is not { } value)
            return [];
        var items = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToArray() : [value];
        var ids = new List<int>();
        foreach (var item in items)
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out var id) || id < -1)
                return Wrong<IReadOnlyList<int>>(key, value, "a token id or a list of them", []);
            if (id >= 0)
                ids.Add(id);
        }

        return ids.Count == 0 ? [] : ids;
    }

    public int? Id(string key)
    {
        var ids = Ids(key);
        return ids.Count == 0 ? null : ids[0];
    }

    public void Note(string key, string found, string expected, string fix) => Problems.Add(Problem.Of(prefix + key, found, expected, fix));

    private T Missing<T>(string key, T? fallback, string expected)
        where T : struct
    {
        if (fallback is null)
            Note(key, "is missing", expected, "add it, or download config.json again");
        return fallback ?? default;
    }

    private T Wrong<T>(string key, JsonElement value, string expected, T result)
    {
        Note(key, $"is {Shortened(value)}", expected, "correct it, or download config.json again");
        return result;
    }

    public static string Shortened(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length <= 60 ? text : text[..60] + "…";
    }
}

/// <summary>The names that <c>config.json</c> uses for values of <see cref="TransformerConfig"/>; the first of a kind is the one written.</summary>
internal static class ConfigNames
{
    public static IReadOnlyList<(string Name, ActivationKind Value)> Activations { get; } =
    [
        ("gelu_new", ActivationKind.GeluTanh), ("gelu_pytorch_tanh", ActivationKind.GeluTanh), ("gelu_fast", ActivationKind.GeluTanh),
        ("gelu", ActivationKind.Gelu), ("silu", ActivationKind.Silu), ("swish", ActivationKind.Silu), ("relu", ActivationKind.Relu),
    ];

    public static IReadOnlyList<(string Name, DType Value)> DTypes { get; } =
    [
        ("float32", DType.Float32), ("float16", DType.Float16), ("bfloat16", DType.BFloat16), ("float64", DType.Float64),
    ];

    /// <summary>The names that <c>config.json</c> has for what <see cref="TransformerConfig.Check"/> names, in one family or another.</summary>
    public static IReadOnlyList<string> KeysOf(string fact) => fact switch
    {
        "vocabularySize" => ["vocab_size"],
        "width" => ["n_embd", "hidden_size"],
        "layers" => ["n_layer", "num_hidden_layers"],
        "heads" => ["n_head", "num_attention_heads"],
        "keyValueHeads" => ["num_key_value_heads"],
        "headWidth" => ["head_dim", "n_head", "num_attention_heads"],
        "innerWidth" => ["n_inner", "intermediate_size"],
        "maximumPositions" => ["n_positions", "max_position_embeddings"],
        "normEpsilon" => ["layer_norm_epsilon", "layer_norm_eps", "rms_norm_eps"],
        "rotaryShare" => ["rotary_pct", "partial_rotary_factor"],
        "ropeTheta" => ["rotary_emb_base", "rope_theta"],
        "slidingWindow" => ["sliding_window"],
        "initializerRange" => ["initializer_range"],
        "endIds" => ["eos_token_id"],
        "bosId" => ["bos_token_id"],
        "padId" => ["pad_token_id"],
        "storedDType" => ["torch_dtype"],
        "ropeScaling.originalPositions" => ["rope_scaling.original_max_position_embeddings"],
        _ => [fact.Replace("ropeScaling", "rope_scaling", StringComparison.Ordinal)],
    };

    /// <summary>Reads a name of a list; notes a problem where it is none of them.</summary>
    public static T Read<T>(ConfigReader reader, string key, IReadOnlyList<(string Name, T Value)> names, T fallback)
    {
        if (reader.Text(key) is not { } text)
            return fallback;
        foreach (var (name, value) in names)
        {
            if (name == text)
                return value;
        }

        reader.Note(key, $"is \"{text}\"", $"one of {string.Join(", ", names.Select(n => n.Name))}", "Attune knows no other yet");
        return fallback;
    }

    public static string Write<T>(IReadOnlyList<(string Name, T Value)> names, T value) =>
        names.First(n => EqualityComparer<T>.Default.Equals(n.Value, value)).Name;
}
