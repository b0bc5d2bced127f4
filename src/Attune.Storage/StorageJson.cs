using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Attune.Storage;

/// <summary>How structures are written into columns: camel case, words for enum members, no nulls; a key that is not known is an error.</summary>
internal static class StorageJson
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) },
    };

    /// <summary>What is wrong with a document that people wrote, without the names of the program's types.</summary>
    public static string Why(JsonException e)
    {
        ArgumentNullException.ThrowIfNull(e);
        return TypeNames.Replace(e.Message, "").Replace("could not be mapped", "is not known", StringComparison.Ordinal).TrimEnd('.');
    }

    private static System.Text.RegularExpressions.Regex TypeNames { get; } = new(@" (to any \.NET member )?contained in type '[^']*'| to type? ?[A-Z][\w.`\[\]]*(?=\.)| for type '[^']*'", System.Text.RegularExpressions.RegexOptions.CultureInvariant);

    /// <summary>An enum member as columns hold it.</summary>
    public static string Word<T>(T member)
        where T : struct, Enum => member.ToString().ToLowerInvariant();
}
