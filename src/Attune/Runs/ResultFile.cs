using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Attune.Runs;

/// <summary>
/// Results as JSON: what a stage writes into its folder as <c>result.json</c>, and what <c>--json</c> prints. Keys are in camelCase, enum members
/// in kebab-case, numbers read back to the same bits, and null stands for what is not a finite number.
/// </summary>
public static class ResultFile
{
    /// <summary>The file's name in a run folder.</summary>
    public const string Name = "result.json";

    private static readonly JsonSerializerOptions OneLine = Options(indented: false), Indented = Options(indented: true);

    /// <summary>One line of JSON.</summary>
    public static string Json<T>(T result) => JsonSerializer.Serialize(result, OneLine);

    /// <summary>Writes <c>result.json</c> into a folder, whole or not at all.</summary>
    public static void Write<T>(string folder, T result) => AtomicFile.WriteText(Path.Combine(folder, Name), JsonSerializer.Serialize(result, Indented) + "\n");

    /// <summary>Reads a folder's <c>result.json</c>; null where there is none.</summary>
    /// <exception cref="InputException">It is not what <see cref="Write"/> wrote.</exception>
    public static T? Read<T>(string folder)
        where T : class
    {
        var path = Path.Combine(folder, Name);
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllText(path), OneLine);
        }
        catch (JsonException e)
        {
            throw InputException.One(path, $"cannot be read ({e.Path}, line {e.LineNumber + 1})", "what the run wrote", "run the stage again with --force");
        }
    }

    /// <summary>Reads a file of such documents, one a line.</summary>
    /// <exception cref="InputException">It is missing, or a line is not what <see cref="Json"/> gave.</exception>
    public static IReadOnlyList<T> ReadLines<T>(string path)
        where T : class
    {
        if (!File.Exists(path))
            throw InputException.One(path, "does not exist", "a file that a run wrote", "check the folder");
        var lines = File.ReadAllLines(path);
        var rows = new T[lines.Length];
        for (var k = 0; k < lines.Length; k++)
        {
            try
            {
                rows[k] = JsonSerializer.Deserialize<T>(lines[k], OneLine)!;
            }
            catch (JsonException)
            {
                throw InputException.One(path, $"has line {k + 1} that cannot be read", "what the run wrote", "run the stage again with --force");
            }
        }
        return rows;
    }

    private static JsonSerializerOptions Options(bool indented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = indented,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // text stays readable; nothing here goes into a web page
        Converters = { new FiniteDouble(), new FiniteSingle(), new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    private sealed class FiniteDouble : JsonConverter<double>
    {
        public override bool HandleNull => true;

        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
                writer.WriteNumberValue(value);
            else
                writer.WriteNullValue();
        }
    }

    private sealed class FiniteSingle : JsonConverter<float>
    {
        public override bool HandleNull => true;

        public override float Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Null ? float.NaN : reader.GetSingle();

        public override void Write(Utf8JsonWriter writer, float value, JsonSerializerOptions options)
        {
            if (float.IsFinite(value))
                writer.WriteNumberValue(value);
            else
                writer.WriteNullValue();
        }
    }
}
