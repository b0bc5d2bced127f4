using System.Text.Json;
using Attune.Feedback;

namespace Attune.Web.Work;

/// <summary>The form in which tasks that compare keep what is compared: the lines of <c>comparisons.jsonl</c>.</summary>
public static class ComparisonPayload
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    /// <summary>Reads one.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static Comparison Read(string json) => JsonSerializer.Deserialize<Comparison>(json, Options) ?? throw new JsonException("is null, expected a comparison");

    /// <summary>Writes one.</summary>
    public static string Write(Comparison comparison) => JsonSerializer.Serialize(comparison, Options);
}
