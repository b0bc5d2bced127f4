using System.Security.Cryptography;
using System.Text;
using Attune.Runs;

namespace Attune.Evaluation;

/// <summary>
/// What the answers and votes of an evaluation were made from, as hashes by name in <c>inputs.json</c>: an evaluation that goes on must not mix
/// them with those of other prompts or weights. Not here: word lists, and models in memory whose folder nobody named.
/// </summary>
internal static class ReadInputs
{
    public const string Name = "inputs.json";

    private const int Shown = 12;

    /// <summary>Writes the hashes down, or holds them against those that are there.</summary>
    /// <exception cref="InputException">Something has changed since the evaluation began; lists all of it.</exception>
    public static void Keep(EvaluationInput input, EvaluationPlan plan, string folder)
    {
        var path = Path.Combine(folder, Name);
        var now = Of(input, plan);
        if (!File.Exists(path))
        {
            AtomicFile.WriteText(path, ResultFile.Json(now) + "\n");
            return;
        }

        var begun = ResultFile.ReadLines<Dictionary<string, string>>(path) is [{ } kept] ? kept : [];
        var changed = now.Keys.Union(begun.Keys).Where(key => now.GetValueOrDefault(key) != begun.GetValueOrDefault(key))
            .Select(key => Problem.Of(key, $"is {now.GetValueOrDefault(key, "not there")}", $"{begun.GetValueOrDefault(key, "nothing")}, as when the evaluation began",
                "put back what was there, or begin anew with --force")).ToList();
        if (changed.Count > 0)
            throw new InputException(folder, changed);
    }

    private static SortedDictionary<string, string> Of(EvaluationInput input, EvaluationPlan plan)
    {
        string[] asked = [.. plan.Prompts, input.Template, input.FewShot?.PromptFor("") ?? ""];
        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["prompts"] = Short(SHA256.HashData(Encoding.UTF8.GetBytes(ResultFile.Json(asked)))) };
        foreach (var contender in plan.Orders.Select(order => order.Who).Where(who => who.Folder is not null).Distinct())
            hashes[$"model {contender.Name}"] = OfFiles(contender.Folder!);
        foreach (var (key, path) in input.ReadFrom)
            hashes[key] = OfFiles(path);
        return hashes;
    }

    /// <summary>Of a file, or of what decides a model: the tables and weights of its folder, but not what is written about it.</summary>
    private static string OfFiles(string path)
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string[] files = Directory.Exists(path) ? [.. Directory.GetFiles(path).Where(file => Path.GetExtension(file) is ".json" or ".safetensors").Order(StringComparer.Ordinal)] : [path];
        foreach (var file in files)
        {
            using var stream = File.OpenRead(file);
            all.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(file)));
            all.AppendData(SHA256.HashData(stream));
        }

        return Short(all.GetHashAndReset());
    }

    private static string Short(byte[] hash) => Convert.ToHexStringLower(hash)[..Shown];
}
