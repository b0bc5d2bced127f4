using System.Text.Json;

namespace Attune.Runs;

/// <summary>
/// A file of JSON lines that each name a step, in order: <c>{"step":3,…}</c>. A resumed run cuts it back to its checkpoint, so that no line
/// stands there twice. The file keeps whole lines, whatever happens.
/// </summary>
public sealed class StepLog : IDisposable
{
    private readonly string _path;
    private readonly FileStream _stream;

    /// <summary>Opens the file for appending, less every line of a step that is going to be done again.</summary>
    /// <param name="path">The file; made if it is not there.</param>
    /// <param name="nextStep">The first step to come; lines from it on, and a half-written last line, are cut off.</param>
    public StepLog(string path, int nextStep)
    {
        _path = path;
        _stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        (var length, LastStep) = Before(nextStep);
        _stream.SetLength(length);
        _stream.Seek(length, SeekOrigin.Begin);
    }

    /// <summary>The step of the last line; −1 where there is none.</summary>
    public int LastStep { get; private set; }

    /// <summary>Appends a line.</summary>
    /// <param name="step">Its step, not below the last one.</param>
    /// <param name="json">A JSON object that names the step, without a line end.</param>
    /// <exception cref="RunFailedException">The disk is full; the file keeps its whole lines.</exception>
    public void Append(int step, ReadOnlySpan<byte> json)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, LastStep);
        var whole = _stream.Length;
        try
        {
            _stream.Write([.. json, (byte)'\n']);
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            CutBack(whole);
            throw WriteFailure.WhileRunning(_path, e);
        }
        LastStep = step;
    }

    /// <summary>Makes sure that what was appended survives a power cut.</summary>
    public void FlushToDisk() => _stream.Flush(flushToDisk: true);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

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
