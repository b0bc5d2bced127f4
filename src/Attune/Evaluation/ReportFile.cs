using System.Text.Json;
using System.Text.Json.Serialization;
using Attune.Runs;

namespace Attune.Evaluation;

/// <summary>
/// The report's JSON form: properties in camelCase, enums as kebab-case strings, a missing measurement as null, NaN and infinities as the
/// strings "NaN", "Infinity", "-Infinity" (JSON has no such numbers), and every other number in the shortest form that reads back to the
/// same double.
/// </summary>
public static class ReportFile
{
    /// <summary>Writes the JSON document, indented.</summary>
    public static string Json(EvaluationReport report) => JsonSerializer.Serialize(report, ReportJson.Default.EvaluationReport) + "\n";

    /// <summary>Reads a stored report.</summary>
    /// <exception cref="InputException">The file cannot be read, or is no report.</exception>
    public static EvaluationReport Read(string path)
    {
        try
        {
            return Parse(ReadFailure.Told(path, () => File.ReadAllText(path)));
        }
        catch (FormatException e)
        {
            throw InputException.One(path, $"is no whole report ({e.Message.TrimEnd('.')})", "what an evaluation wrote", "delete it and go on with that evaluation with --resume, which writes it anew");
        }
    }

    /// <summary>Reads what <see cref="Json"/> wrote; unknown properties are an error.</summary>
    /// <exception cref="FormatException">The text is not such a document, or of another schema version.</exception>
    public static EvaluationReport Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var schema = document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("schema", out var value)
                ? value.ToString() : "nothing";
            if (schema != EvaluationReport.SchemaName)
                throw new FormatException($"The report's schema is {schema}, expected {EvaluationReport.SchemaName}; evaluate again with this "
                    + "version of Attune.");
            return document.RootElement.Deserialize(ReportJson.Default.EvaluationReport)!;
        }
        catch (JsonException problem)
        {
            throw new FormatException(
                $"The report cannot be read at {problem.Path ?? "the top"} (line {problem.LineNumber + 1}), expected "
                    + $"{EvaluationReport.SchemaName}; evaluate again. {problem.Message}", problem);
        }
    }
}

/// <summary>Serialisation code made at compile time, so that a trimmed build keeps it.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, Converters = [typeof(DistinctVariantNames)])]
[JsonSerializable(typeof(EvaluationReport))]
internal sealed partial class ReportJson : JsonSerializerContext;

/// <summary>The variant's name in files.</summary>
internal sealed class DistinctVariantNames() : JsonStringEnumConverter<DistinctVariant>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false);
