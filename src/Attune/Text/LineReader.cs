using System.Buffers;
using System.Text;

using Attune.Runs;

namespace Attune.Text;

/// <summary>A line of a file, still as bytes.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Offset">Bytes before it in the (decompressed) file.</param>
/// <param name="Bytes">The line without its end; valid until the next line is read.</param>
internal readonly record struct Line(int Number, long Offset, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The line as text; a problem where it is not UTF-8.</summary>
    public string ReadText()
    {
        RequireUtf8();
        return Encoding.UTF8.GetString(Bytes.Span);
    }

    /// <summary>A problem where the line is not UTF-8.</summary>
    public void RequireUtf8()
    {
        var bytes = Bytes.Span;
        if (System.Text.Unicode.Utf8.IsValid(bytes))
            return;
        var at = 0;
        while (Rune.DecodeFromUtf8(bytes[at..], out _, out var width) == OperationStatus.Done)
            at += width;
        throw new RowException(at, $"holds byte 0x{bytes[at]:X2}, which is not UTF-8", "UTF-8 text", "convert the file to UTF-8, or remove the line");
    }

    /// <summary>A problem with this line.</summary>
    public Problem ProblemAt(long byteInLine, string message) => new($"line {Number}, byte {Offset + byteInLine}", message);
}

/// <summary>What is wrong with one row; the row's reader knows where it is.</summary>
internal sealed class RowException(long byteInLine, string found, string expected, string fix) : Exception($"{found}, expected {expected}; {fix}")
{
    public long ByteInLine { get; } = byteInLine;
}

/// <summary>Reads a file line by line, decompressing it where it is gzip, in memory that the longest line decides.</summary>
internal sealed class LineReader : IDisposable
{
    /// <summary>Bytes that a line and its end have at most; more is no file of lines.</summary>
    public const int LongestLine = 1 << 28;

    private readonly string _path;
    private readonly Stream _stream;
    private readonly bool _isGzip;
    private readonly int _longest;
    private byte[] _buffer = new byte[1 << 16];
    private int _start;  // of what is not yet handed out
    private int _filled;
    private long _offset; // of _start in the file
    private int _lines;
    private bool _atEnd;

    private LineReader(string path, Stream stream, bool isGzip, int longest) => (_path, _stream, _isGzip, _longest) = (path, stream, isGzip, longest);

    public static LineReader Open(string path, int longest = LongestLine)
    {
        if (Directory.Exists(path))
            throw InputException.One(path, "is a folder", "a file", "name a file in it");
        FileStream? file = null;
        try
        {
            file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
            if (!file.CanSeek)
                throw InputException.One(path, "is a pipe or a device", "a file, which can be read several times", "write its content to a file first");
            var isGzip = file.ReadByte() == 0x1F & file.ReadByte() == 0x8B;
            var isEmpty = file.Length == 0;
            file.Position = 0;
            if (!isGzip && !isEmpty && path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
                throw InputException.One(path, "is not gzip though its name ends in .gz", "a gzip file", "get the file again, or rename it if it is not compressed");
            var reader = new LineReader(path, isGzip ? GzipFile.Open(file) : file, isGzip, longest);
            file = null;
            return reader;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw InputException.One(path, "does not exist", "a file", "correct the path");
        }
        catch (UnauthorizedAccessException)
        {
            throw InputException.One(path, "cannot be opened", "a file that this user may read", "change its permissions");
        }
        catch (IOException error)
        {
            throw InputException.One(path, $"cannot be read ({error.Message.TrimEnd('.')})", "a readable file", "check the disk, and that no other program holds the file");
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>All bytes of a file, decompressed where it is gzip, without a byte-order mark.</summary>
    public static byte[] ReadAll(string path)
    {
        using var reader = Open(path, longest: 1 << 30); // as far as a doubling buffer goes
        while (reader.Fill())
        {
        }
        var bytes = reader._buffer.AsSpan(0, reader._filled);
        return (bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes).ToArray();
    }

    /// <summary>The next line, or null at the end of the file. A line break at the end of the file begins no line.</summary>
    public Line? Next()
    {
        for (var searched = 0; ;)
        {
            var waiting = _buffer.AsSpan(_start, _filled - _start);
            var length = waiting[searched..].IndexOf((byte)'\n');
            if (length >= 0)
                return HandOut(searched + length, searched + length + 1);
            searched = waiting.Length;
            if (!Fill())
                return _filled == _start ? null : HandOut(_filled - _start, _filled - _start);
        }
    }

    public void Dispose() => _stream.Dispose();

    private Line HandOut(int length, int used)
    {
        var bytes = _buffer.AsMemory(_start, length);
        var skipped = 0;
        if (_offset == 0 && bytes.Span.StartsWith(Encoding.UTF8.Preamble))
            skipped = Encoding.UTF8.Preamble.Length;
        if (bytes.Length > skipped && bytes.Span[^1] == '\r')
            bytes = bytes[..^1];
        var line = new Line(++_lines, _offset + skipped, bytes[skipped..]);
        _start += used;
        _offset += used;
        return line;
    }

    private bool Fill()
    {
        if (_atEnd)
            return false;
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _filled - _start).CopyTo(_buffer);
            (_start, _filled) = (0, _filled - _start);
        }
        if (_filled == _buffer.Length && _filled >= _longest)
            throw new InputException(_path, [Problem.Of($"line {_lines + 1}, byte {_offset}", $"is a line of {_longest} bytes or more", "a shorter one", "put line breaks between its documents, or name another file")]);
        if (_filled == _buffer.Length)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        try
        {
            var read = _stream.Read(_buffer, _filled, _buffer.Length - _filled);
            _filled += read;
            _atEnd = read == 0;
            if (_atEnd && _isGzip)
                TakeMark();
            return read > 0;
        }
        catch (InvalidDataException)
        {
            throw BrokenOff();
        }
    }

    private void TakeMark()
    {
        if (!_buffer.AsSpan(_start, _filled - _start).EndsWith(GzipFile.Mark))
            throw BrokenOff();
        _filled -= GzipFile.Mark.Length;
    }

    private InputException BrokenOff() =>
        new(_path, [Problem.Of($"line {_lines + 1}, byte {_offset + _filled - _start}", "is where the gzip data breaks off or is damaged", "a whole gzip file", "get the file again")]);
}
