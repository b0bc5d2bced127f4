using System.Text.Json;

namespace Attune.Runs;

/// <summary>One line of <c>metrics.jsonl</c>.</summary>
/// <param name="Step">The step, counted from 0.</param>
/// <param name="Values">Metric by name; what was not a finite number reads back as NaN.</param>
public sealed record MetricsRow(int Step, IReadOnlyDictionary<string, double> Values);

/// <summary>
/// The metrics of a run, one JSON line a step, each step once: <c>{"step":0,"loss":2.5}</c>. Doubles round-trip; JSON has no word for NaN
/// and infinities, which are written as null. No times in it, so that two equal runs have equal files.
/// </summary>
public sealed class MetricsLog : IDisposable
{
    private readonly StepLog _log;

    /// <summary>Opens the file for appending, less every line of a step that is going to be done again.</summary>
    /// <param name="path">The file; made if it is not there.</param>
    /// <param name="nextStep">The first step to come; lines from it on, and a half-written last line, are cut off.</param>
    public MetricsLog(string path, int nextStep) => _log = new(path, nextStep);

    /// <summary>Appends one step.</summary>
    /// <exception cref="RunFailedException">The disk is full; the file keeps its whole lines.</exception>
    public void Append(int step, IReadOnlyDictionary<string, double> values)
    {
        if (step <= _log.LastStep)
            throw new ArgumentOutOfRangeException(nameof(step), step, $"is recorded already, expected more than {_log.LastStep}; record each step once");
        _log.Append(step, Line(step, values));
    }

    /// <summary>Makes sure that what was appended survives a power cut.</summary>
    public void FlushToDisk() => _log.FlushToDisk();

    /// <summary>Closes the file.</summary>
    public void Dispose() => _log.Dispose();

    /// <summary>All whole lines of a metrics file, in order.</summary>
    /// <exception cref="InputException">A line is not what this class writes.</exception>
    public static IReadOnlyList<MetricsRow> Read(string path)
    {
        var rows = new List<MetricsRow>();
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        var lines = reader.ReadToEnd().Split('\n'); // at one moment: a run may be writing it
        for (var i = 0; i < lines.Length; i++)
        {
            var isLast = i == lines.Length - 1;
            if (isLast && lines[i].Length == 0)
                break;
            try
            {
                using var json = JsonDocument.Parse(lines[i]);
                var values = json.RootElement.EnumerateObject().Where(p => p.Name != "step").ToDictionary(p => p.Name, p => Number(p.Value));
                rows.Add(new(json.RootElement.GetProperty("step").GetInt32(), values));
            }
            catch (Exception) when (isLast)
            {
                break; // not whole yet, or its writer was killed
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
            {
                throw new InputException(path, [Problem.Of($"line {i + 1}", "is not a line of metrics",
                    "a JSON object with a step and numbers", "delete it, or take another copy of the file")]);
            }
        }
        return rows;
    }

    private static double Number(JsonElement value) => value.ValueKind == JsonValueKind.Null ? double.NaN : value.GetDouble();

    private static byte[] Line(int step, IReadOnlyDictionary<string, double> values)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("step", step);
            foreach (var (name, value) in values)
            {
                if (double.IsFinite(value))
                    json.WriteNumber(name, value);
                else
                    json.WriteNull(name);
            }
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }
}
