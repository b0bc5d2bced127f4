using System.Text;
using System.Text.Json;
using Attune.Runs;

namespace Attune.Feedback.Exchange;

/// <summary>
/// Reads feedback in one of the shapes, from JSON Lines or one JSON array. What is malformed is named by line or index, all of it at once; nothing is kept then.
/// </summary>
public static class ExchangeReader
{
    private const int MostProblems = 20;

    /// <summary>A file's bytes, plain or gzip.</summary>
    /// <exception cref="InputException">It is not there or does not read.</exception>
    public static byte[] Load(string path) => FeedbackFile.Bytes(path);

    /// <summary>Reads a file's content.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="name">What problems are told of.</param>
    /// <param name="content">The bytes, not compressed.</param>
    /// <param name="options">What the shape leaves open.</param>
    /// <exception cref="InputException">Lists every bad row (the first twenty).</exception>
    public static ImportedFeedback Parse(ExchangeShape shape, string name, byte[] content, ImportOptions options)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Annotator.Length == 0)
            throw InputException.One("The annotator", "is empty", "a pseudonym", "leave it out for 'imported'");
        var (builder, problems, rows, all) = (new ImportBuilder(), new List<Problem>(), 0, Rows(name, content));
        var read = RowReaderOf(shape, builder, options, all);
        foreach (var (place, row, fault) in all)
        {
            rows++;
            try
            {
                if (fault is not null)
                    throw new FormatException(fault);
                builder.Place = place;
                read(row);
            }
            catch (FormatException e)
            {
                problems.Add(new(place, $"{e.Message}; correct or remove it"));
            }
        }
        if (rows == 0)
            throw InputException.One(name, "has no rows", $"at least one of the shape {ExchangeShapes.Word(shape)}", "name another file, or another shape");
        if (problems.Count > MostProblems)
            problems = [.. problems.Take(MostProblems), new("", $"and {problems.Count - MostProblems} more rows")];
        return problems.Count == 0 ? builder.Done(rows) : throw new InputException(name, problems);
    }

    private static Action<JsonElement> RowReaderOf(ExchangeShape shape, ImportBuilder builder, ImportOptions options, List<(string, JsonElement Row, string? Fault)> all) => shape switch
    {
        ExchangeShape.LabelStudio => new LabelStudioRows(builder, options).Read,
        ExchangeShape.Argilla => new ArgillaRows(builder, options, all.Where(row => row.Fault is null).Select(row => row.Row)).Read,
        ExchangeShape.OpenAiSummaries => new OpenAiRows(builder, options).ReadChoice,
        ExchangeShape.OpenAiAxes => new OpenAiRows(builder, options).ReadAxes,
        _ => new PairRows(builder, options, shape).Read,
    };

    private static List<(string Place, JsonElement Row, string? Fault)> Rows(string name, byte[] content)
    {
        var text = content.AsSpan();
        if (text.StartsWith(Encoding.UTF8.Preamble))
            text = text[Encoding.UTF8.Preamble.Length..];
        return text.TrimStart(" \t\r\n"u8).StartsWith("["u8) ? OfArray(name, text.ToArray()) : OfLines(text);
    }

    private static List<(string, JsonElement, string?)> OfArray(string name, byte[] text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new() { AllowDuplicateProperties = false });
            return [.. document.RootElement.EnumerateArray().Select((row, i) => ($"[{i}]", row.Clone(), FaultOf(row)))];
        }
        catch (InvalidOperationException)
        {
            throw InputException.One(name, "has a key that holds half a character, or bytes that are no UTF-8", "text in UTF-8", "correct it, or export it again");
        }
        catch (JsonException e)
        {
            throw InputException.One(name, $"is no JSON ({e.Message.TrimEnd('.')})", "an array of rows, or a row a line", "correct it, or export it again");
        }
    }

    private static List<(string, JsonElement, string?)> OfLines(ReadOnlySpan<byte> text)
    {
        var rows = new List<(string, JsonElement, string?)>();
        var number = 0;
        foreach (var range in text.Split((byte)'\n'))
        {
            number++;
            var line = text[range].Trim(" \t\r"u8);
            if (line.Length == 0)
                continue;
            try
            {
                using var document = JsonDocument.Parse(line.ToArray(), new() { AllowDuplicateProperties = false });
                rows.Add(($"line {number}", document.RootElement.Clone(), FaultOf(document.RootElement)));
            }
            catch (InvalidOperationException)
            {
                rows.Add(($"line {number}", default, "has a key that holds half a character, or bytes that are no UTF-8, expected text in UTF-8"));
            }
            catch (JsonException e)
            {
                rows.Add(($"line {number}", default, $"is no JSON ({e.Message.TrimEnd('.')}), expected one row as an object"));
            }
        }
        return rows;
    }

    private static string? FaultOf(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object)
            return $"is {row.ValueKind switch { JsonValueKind.Array => "an array", JsonValueKind.String => "a text", _ => RowFields.Short(row) }}, expected an object";
        try
        {
            Decode(row);
            return null;
        }
        catch (InvalidOperationException) // half a pair of units, or bytes that are no UTF-8: the parser passes over both
        {
            return "holds half a character, or bytes that are no UTF-8, expected text in UTF-8";
        }
    }

    private static void Decode(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
            _ = value.GetString();
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in value.EnumerateArray())
                Decode(item);
        }
        if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (var field in value.EnumerateObject())
            {
                _ = field.Name;
                Decode(field.Value);
            }
        }
    }
}

/// <summary>Fields of a row; what is missing or of another kind says so by name.</summary>
internal static class RowFields
{
    public static string Text(this JsonElement row, string key) => row.TextOrNull(key) ?? throw new FormatException($"has no {key}, expected a text");

    public static string? TextOrNull(this JsonElement row, string key) => !row.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind != JsonValueKind.String ? throw new FormatException($"has {key} {Short(value)}, expected a text")
        : value.GetString() is { } text && !text.Contains('\0') ? text : throw new FormatException($"has a NUL in {key}, expected text without");

    public static JsonElement Part(this JsonElement row, string key, JsonValueKind kind) => row.PartOrNull(key, kind) ?? throw new FormatException($"has no {key}, expected {Named(kind)}");

    public static JsonElement? PartOrNull(this JsonElement row, string key, JsonValueKind kind) => !row.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == kind ? value : throw new FormatException($"has {key} {Short(value)}, expected {Named(kind)}");

    public static int? NumberOrNull(this JsonElement row, string key, int least, int most) => !row.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most ? number
        : throw new FormatException($"has {key} {Short(value)}, expected a whole number from {least} to {most}");

    /// <summary>A judge's name: a text, or a number.</summary>
    public static string? NameOrNull(this JsonElement row, string key) =>
        row.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetRawText() : row.TextOrNull(key) is { Length: > 0 } name ? name : null;

    public static JudgmentSource? SourceOrNull(this JsonElement row, string key) => row.TextOrNull(key) switch
    {
        null => null,
        "human" => JudgmentSource.Human,
        "model" => JudgmentSource.Model,
        "simulated" => JudgmentSource.Simulated,
        var other => throw new FormatException($"has {key} {other}, expected human, model or simulated"),
    };

    /// <summary>Fails where a judgment that was made of a row contradicts itself.</summary>
    public static Judgment Checked(this Judgment judgment) => judgment.Fault() is { } fault ? throw new FormatException($"makes a judgment that {fault}") : judgment;

    public static string Short(JsonElement value) => value.GetRawText() is var text && text.Length > 40 ? text[..40] + "…" : text;

    private static string Named(JsonValueKind kind) => kind switch { JsonValueKind.Object => "an object", JsonValueKind.Array => "a list", _ => "another kind of value" };
}
