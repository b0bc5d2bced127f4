using System.Text.Json;
using System.Text.Json.Nodes;

namespace Attune.Tests.Models;

/// <summary>The model folders of <c>tests/goldens/models</c>.</summary>
internal static class GoldenModel
{
    /// <summary>Language models whose weights are one file.</summary>
    public static readonly string[] InOneFile =
        ["gpt2", "gpt-neox", "llama-gqa", "llama-linear-rope", "llama3-rope", "mistral", "qwen2-tied", "phi3", "gemma"];

    /// <summary>Those whose weights are one file.</summary>
    public static TheoryData<string> All => [.. InOneFile, "gpt2-reward", "llama-reward"];

    /// <summary>Those that predict the next token.</summary>
    public static TheoryData<string> LanguageModels => [.. InOneFile, Sharded];

    /// <summary>One in bfloat16 and two files.</summary>
    public const string Sharded = "llama-gqa-sharded-bf16";

    public static string Folder(string name) => Repository.PathOf($"tests/goldens/models/{name}");

    /// <summary>What transformers computes from the model. Python writes NaN, which is no JSON: it reads as null.</summary>
    public static JsonElement Expected(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder(name), "expected.json")).Replace("NaN", "null", StringComparison.Ordinal));
        return document.RootElement.Clone();
    }

    /// <summary>A copy to spoil.</summary>
    public static string CopyTo(TemporaryFolder target, string name)
    {
        var folder = target.At(name);
        Directory.CreateDirectory(folder);
        foreach (var file in new[] { "config.json", "model.safetensors" })
            File.Copy(Path.Combine(Folder(name), file), Path.Combine(folder, file));
        return folder;
    }

    /// <summary>Changes keys of a copy's config.json; null removes one.</summary>
    public static void Edit(string folder, params (string Key, JsonNode? Value)[] changes)
    {
        var path = Path.Combine(folder, "config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        foreach (var (key, value) in changes)
        {
            json.Remove(key);
            if (value is not null)
                json[key] = value;
        }

        File.WriteAllText(path, json.ToJsonString());
    }
}
