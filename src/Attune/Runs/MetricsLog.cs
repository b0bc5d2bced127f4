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
    private readonly string _path;
    private readonly FileStream _stream;
    private int _lastStep;

    /// <summary>Opens the file for appending, less every line of a step that is going to be done again.</summary>
    /// <param name="path">The file; made if it is not there.</param>
    /// <param name="nextStep">The first step to come; lines from it on, and a half-written last line, are cut off.</param>
    public MetricsLog(string path, int nextStep)
    {
        _path = path;
        _stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        (var length, _lastStep) = Before(nextStep);
        _stream.SetLength(length);
        _stream.Seek(length, SeekOrigin.Begin);
    }

    /// <summary>Appends one step.</summary>
    /// <exception cref="RunFailedException">The disk is full; the file keeps its whole lines.</exception>
    public void Append(int step, IReadOnlyDictionary<string, double> values)
    {
        if (step <= _lastStep)
            throw new ArgumentOutOfRangeException(nameof(step), step, $"is recorded already, expected more than {_lastStep}; record each step once");
        var line = Line(step, values);
        var whole = _stream.Length;
        try
        {
            _stream.Write(line);
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            CutBack(whole);
            throw WriteFailure.WhileRunning(_path, e);
        }
        _lastStep = step;
    }

    /// <summary>Makes sure that what was appended survives a power cut.</summary>
    public void FlushToDisk() => _stream.Flush(flushToDisk: true);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

    /// <summary>All whole lines of a metrics file, in order.</summary>
    /// <exception cref="InputException">A line is not what this class writes.</exception>
    public static IReadOnlyList<MetricsRow> Read(string path)
    {
        var rows = new List<MetricsRow>();
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            try
            {
                using var json = JsonDocument.Parse(line);
                var values = json.RootElement.EnumerateObject().Where(p => p.Name != "step").ToDictionary(p => p.Name, p => Number(p.Value));
                rows.Add(new(json.RootElement.GetProperty("step").GetInt32(), values));
            }
            catch (Exception) when (reader.EndOfStream)
            {
                break; // a run is writing it, or was killed while it did
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
            {
                throw new InputException(path, [Problem.Of($"line {rows.Count + 1}", "is not a line of metrics",
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
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private (long Length, int LastStep) Before(int nextStep)
    {
        var bytes = new byte[_stream.Length];
        _stream.ReadExactly(bytes);
        var (length, last) = (0, -1);
        while (length < bytes.Length)
        {
            var end = Array.IndexOf(bytes, (byte)'\n', length);
            if (end < 0 || StepOf(bytes.AsSpan(length, end - length)) is not { } step || step >= nextStep)
                break;
            (length, last) = (end + 1, step);
        }
        return (length, last);
    }

    private static int? StepOf(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("step"))
                    return reader.Read() && reader.TryGetInt32(out var step) ? step : null;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // cut off here
        }
        return null;
    }

    private void CutBack(long length)
    {
        try
        {
            _stream.SetLength(length);
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            // the next Open cuts the half line off
        }
    }
}
