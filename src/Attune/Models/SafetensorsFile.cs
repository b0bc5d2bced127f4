using Attune.Runs;
using Attune.Torch;
using Microsoft.Win32.SafeHandles;

namespace Attune.Models;

/// <summary>
/// One open safetensors file. Opening reads and checks the header only; elements are read on demand into memory that the caller provides, so
/// that a large model never stands in memory twice.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>Bytes that pass through memory at once on the way into a tensor; small enough to stay in the processor's cache.</summary>
    internal const int ChunkBytes = 1 << 20;

    private readonly SafeFileHandle _file;
    private readonly Dictionary<string, SafetensorsEntry> _byName;

    private SafetensorsFile(string path, SafeFileHandle file)
    {
        Path = path;
        _file = file;
        var header = SafetensorsHeader.Read(path, file);
        Entries = header.Entries;
        Metadata = header.Metadata;
        _byName = header.Entries.ToDictionary(e => e.Name);
    }

    /// <summary>Where the file is.</summary>
    public string Path { get; }

    /// <summary>Its tensors, in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>What the writer noted, for instance <c>format</c> = <c>pt</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="InputException">It is not there, cannot be read, or is malformed.</exception>
    public static SafetensorsFile Open(string path)
    {
        SafeFileHandle file;
        try
        {
            file = File.OpenHandle(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var found = $"cannot be opened ({e.Message.TrimEnd('.')})";
            throw InputException.One(path, found, "a readable safetensors file", "check the path and the file's permissions");
        }

        try
        {
            return new SafetensorsFile(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of a name, or null.</summary>
    public SafetensorsEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Reads elements of a tensor as they stand on disk.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="destination">Filled completely.</param>
    /// <param name="from">Byte within the tensor to start at.</param>
    public void Read(string name, Span<byte> destination, long from = 0)
    {
        var entry = _byName[name];
        if (from < 0 || from + destination.Length > entry.ByteLength)
            throw new ArgumentOutOfRangeException(nameof(from), from, $"{destination.Length} bytes from there are not in the {entry.ByteLength} of {name}");
        ReadExactly(Path, _file, destination, entry.Position + from);
    }

    /// <summary>Reads one tensor with the element type it has on disk; the current scope owns the result.</summary>
    public Tensor ReadTensor(string name)
    {
        var entry = _byName[name];
        using var scope = TensorScope.Begin();
        var tensor = Tensor.Zeros(entry.Shape, entry.DType);
        ReadInto(name, tensor, isTransposed: false);
        return scope.Keep(tensor);
    }

    /// <summary>Copies a tensor into one of the same shape, converting its element type, a piece at a time.</summary>
    /// <param name="name">The tensor in the file.</param>
    /// <param name="destination">Of the file's shape, or of the transposed one; may be a view, and on any device.</param>
    /// <param name="isTransposed">Whether the file's axes are the other way round: its shape is <c>[in, out]</c>, the destination's <c>[out, in]</c>.</param>
    public void ReadInto(string name, Tensor destination, bool isTransposed)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var entry = _byName[name];
        var target = isTransposed ? destination.Transpose(0, 1) : destination;
        if (!target.Shape.SequenceEqual(entry.Shape))
            throw new ArgumentException($"{name} is {entry}, the destination {SafetensorsTypes.Print(target.Shape)}", nameof(destination));
        if (entry.ByteLength == 0)
            return;
        var rowBytes = entry.ByteLength / entry.Rows;
        var rowsAtOnce = Math.Clamp(ChunkBytes / rowBytes, 1, entry.Rows);
        var buffer = new byte[rowsAtOnce * rowBytes];
        for (var row = 0L; row < entry.Rows; row += rowsAtOnce)
            CopyRows(entry, target, row, Math.Min(rowsAtOnce, entry.Rows - row), buffer);
    }

    /// <summary>Fills the span or says that the file is shorter than it was.</summary>
    internal static void ReadExactly(string path, SafeFileHandle file, Span<byte> destination, long position)
    {
        while (destination.Length > 0)
        {
            var count = RandomAccess.Read(file, destination, position);
            if (count == 0)
                throw InputException.One(path, $"ends at byte {position}", $"{destination.Length} more", "the file was cut off while it was read: restore it");
            destination = destination[count..];
            position += count;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void CopyRows(SafetensorsEntry entry, Tensor target, long row, long rows, byte[] buffer)
    {
        using var scope = TensorScope.Begin();
        var rowBytes = entry.ByteLength / entry.Rows;
        var bytes = buffer.AsSpan(0, checked((int)(rows * rowBytes)));
        Read(entry.Name, bytes, row * rowBytes);
        if (entry.Shape.Length == 0)
            target.CopyFrom(Tensor.FromBytes(bytes, entry.DType));
        else
            target.Narrow(0, row, rows).CopyFrom(Tensor.FromBytes(bytes, entry.DType, [rows, .. entry.Shape[1..]]));
    }
}
