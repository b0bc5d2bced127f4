using System.Text.Json;
using System.Text.Json.Serialization;

namespace Attune.Web.Api;

/// <summary>How bodies are read: as strictly as files are, so that a misspelt key is never passed over.</summary>
internal static class BodyJson
{
    /// <summary>Unknown and repeated keys, nulls where something is needed, numbers for words, and NUL characters are refused.</summary>
    public static void Configure(JsonSerializerOptions json)
    {
        json.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        json.AllowDuplicateProperties = false;
        json.RespectNullableAnnotations = true;
        json.RespectRequiredConstructorParameters = true;
        json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false));
        json.Converters.Add(new PlainText());
    }

    // A database's text cannot hold a NUL; nothing that people write needs one.
    private sealed class PlainText : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.String)
                throw new JsonException();
            var text = reader.GetString();
            return text?.Contains('\0', StringComparison.Ordinal) == true ? throw new JsonException("holds a NUL character") : text;
        }

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Read(reader.GetString()!);

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);

        private static string Read(string name) => name.Contains('\0', StringComparison.Ordinal) ? throw new JsonException("holds a NUL character") : name;
    }
}
