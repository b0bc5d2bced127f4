using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Attune.Runs;
using Attune.Text;

namespace Attune.Feedback;

/// <summary>
/// Reads and writes the files of feedback: JSON Lines, one record a line, and single JSON documents. A file with bad lines is refused,
/// with all of them listed.
/// </summary>
internal static partial class FeedbackFile
{
    private const int MostProblemsShown = 20;

    /// <summary>One record a line. Text stays readable instead of being escaped beyond ASCII.</summary>
    public static FeedbackJson Lines { get; } = new(new(FeedbackJson.Default.Options) { AllowDuplicateProperties = false, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>The same, where a key that is not known is a mistake: files that somebody writes by hand, and no later version of the program.</summary>
    public static FeedbackJson StrictLines { get; } = new(new(Lines.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow });

    /// <summary>One record a file, indented.</summary>
    public static FeedbackJson Document { get; } =
        new(new(FeedbackJson.Default.Options) { AllowDuplicateProperties = false, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, WriteIndented = true });

    /// <summary>A record as a line with its end.</summary>
    public static byte[] Line<T>(T record, JsonTypeInfo<T> type) => [.. JsonSerializer.SerializeToUtf8Bytes(record, type), (byte)'\n'];

    public static void Write<T>(string path, T record, JsonTypeInfo<T> type) => AtomicFile.Write(path, file => file.Write(Line(record, type)));

    public static void WriteLines<T>(string path, IEnumerable<T> records, JsonTypeInfo<T> type) => AtomicFile.Write(path, file =>
    {
        foreach (var record in records)
            file.Write(Line(record, type));
    });

    public static T Read<T>(string path, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(Bytes(path), type)
                ?? throw InputException.One(path, "is null", $"a JSON document of {What(type)}", "write it anew");
        }
        catch (JsonException broken)
        {
            throw InputException.One(path, $"does not read ({broken.Message})", $"a JSON document of {What(type)}", "correct or restore it");
        }
    }

    /// <summary>All records of a file of JSON Lines, plain or gzip; its last line may lack its end.</summary>
    /// <param name="path">The file.</param>
    /// <param name="type">What a line is.</param>
    /// <param name="faultOf">What is wrong with a record that did read, or null.</param>
    public static List<T> ReadLines<T>(string path, JsonTypeInfo<T> type, Func<T, string?> faultOf)
    {
        var lines = new List<ParsedLine<T>>();
        using var reader = LineReader.Open(path);
        while (reader.Next() is { } line)
        {
            if (!IsBlank(line.Bytes.Span))
                lines.Add(One(line.Bytes.Span, line.Number, line.Offset, ended: true, type, faultOf));
        }
        ThrowIfAny(path, lines);
        return lines.ConvertAll(line => line.Record!);
    }

    /// <summary>Reads every line that is not blank, good or not.</summary>
    public static List<ParsedLine<T>> Parse<T>(byte[] bytes, JsonTypeInfo<T> type, Func<T, string?> faultOf)
    {
        var lines = new List<ParsedLine<T>>();
        var number = 0;
        for (var start = 0; start < bytes.Length;)
        {
            var length = Array.IndexOf(bytes, (byte)'\n', start) is var end and >= 0 ? end - start : bytes.Length - start;
            var content = bytes.AsSpan(start, length);
            number++;
            if (!IsBlank(content))
                lines.Add(One(content, number, start, start + length < bytes.Length, type, faultOf));
            start += length + 1;
        }
        return lines;
    }

    /// <summary>Whether the bytes are one whole JSON value, of whatever meaning.</summary>
    public static bool IsJson(ReadOnlySpan<byte> bytes)
    {
        var reader = new Utf8JsonReader(bytes);
        try
        {
            while (reader.Read())
            {
            }
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Throws when there are bad lines, naming each (the first twenty).</summary>
    public static void ThrowIfAny<T>(string path, IReadOnlyList<ParsedLine<T>> lines)
    {
        var bad = lines.Where(line => line.Fault is not null).ToList();
        if (bad.Count == 0)
            return;
        var problems = bad.Take(MostProblemsShown).Select(line => new Problem($"line {line.Number} (byte {line.Offset})", line.Fault!)).ToList();
        if (bad.Count > MostProblemsShown)
            problems.Add(new("", $"and {bad.Count - MostProblemsShown} more lines"));
        throw new InputException(path, problems);
    }

    /// <summary>A file's content, plain or gzip.</summary>
    public static byte[] Bytes(string path) => File.Exists(path) || Directory.Exists(path) ? LineReader.ReadAll(path)
        : throw InputException.One(path, "is not there", "a file", "check the path, or run the stage that writes it");

    private static bool IsBlank(ReadOnlySpan<byte> line) => line.Trim(" \t\r"u8).Length == 0;

    private static ParsedLine<T> One<T>(ReadOnlySpan<byte> content, int number, long offset, bool ended, JsonTypeInfo<T> type, Func<T, string?> faultOf)
    {
        try
        {
            var record = JsonSerializer.Deserialize(content, type);
            var fault = record is null ? "is null" : faultOf(record);
            return new(number, offset, ended, record, fault is null ? null : $"{fault}; correct or remove the line");
        }
        catch (JsonException broken) when (UnknownKey().Match(broken.Message) is { Success: true } unknown)
        {
            var known = broken.Message.Contains($"'{type.Type.FullName}'", StringComparison.Ordinal) ? string.Join(", ", type.Properties.Select(property => property.Name)) : "a known one";
            return new(number, offset, ended, default, $"has the key {unknown.Groups[1].Value}, expected {known}; correct or remove it");
        }
        catch (Exception broken) when (broken is JsonException or ArgumentException) // a key twice is the second for objects of any keys
        {
            var start = Encoding.UTF8.GetString(content[..Math.Min(content.Length, 40)]);
            return new(number, offset, ended, default, $"begins '{start}', expected {What(type)} as JSON ({broken.Message}); correct or remove the line");
        }
    }

    [GeneratedRegex("property '([^']*)' could not be mapped", RegexOptions.CultureInvariant)]
    private static partial Regex UnknownKey();

    private static string What<T>(JsonTypeInfo<T> type) => type.Type == typeof(System.Text.Json.Nodes.JsonObject) ? "one object" : $"one {type.Type.Name.ToLowerInvariant()}";
}

/// <summary>A line of a file: its record, or what is wrong with it.</summary>
internal sealed record ParsedLine<T>(int Number, long Offset, bool Ended, T? Record, string? Fault);
