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
        ReadInto(name, tensor);
        return scope.Keep(tensor);
    }

    /// <summary>Copies a tensor into one of the same shape, converting its element type, a piece at a time.</summary>
    /// <param name="name">The tensor in the file.</param>
    /// <param name="destination">Of the file's shape, or with its first axis split in several; may be a view, for instance a transposed one, and on any device.</param>
    public void ReadInto(string name, Tensor destination)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var entry = _byName[name];
        if (!SafetensorsTypes.IsSplitOf(destination.Shape, entry.Shape))
            throw new ArgumentException($"{name} is {entry}, the destination {SafetensorsTypes.Print(destination.Shape)}", nameof(destination));
        if (entry.ByteLength == 0 || ReadStraight(entry, destination))
            return;
        var rows = destination.Rank == 0 ? 1 : destination.Size(0);
        var rowBytes = entry.ByteLength / rows;
        var rowsAtOnce = Math.Clamp(ChunkBytes / rowBytes, 1, rows);
        var buffer = new byte[rowsAtOnce * rowBytes];
        for (var row = 0L; row < rows; row += rowsAtOnce)
            CopyRows(entry, destination, row, rowBytes, buffer.AsSpan(0, checked((int)(Math.Min(rowsAtOnce, rows - row) * rowBytes))));
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

    /// <summary>Reads into the tensor's own memory where its elements stand there as they do on disk: no copy besides the operating system's.</summary>
    private bool ReadStraight(SafetensorsEntry entry, Tensor target)
    {
        const int piece = 1 << 26; // spans count in 32 bits
        if (target.DType != entry.DType)
            return false;
        for (var from = 0L; from < entry.ByteLength; from += piece)
        {
            if (!target.TryGetBytes(from, (int)Math.Min(piece, entry.ByteLength - from), out var bytes))
                return false;
            Read(entry.Name, bytes, from);
        }

        return true;
    }

    private void CopyRows(SafetensorsEntry entry, Tensor target, long row, long rowBytes, Span<byte> buffer)
    {
        using var scope = TensorScope.Begin();
        Read(entry.Name, buffer, row * rowBytes);
        if (target.Rank == 0)
        {
            target.CopyFrom(Tensor.FromBytes(buffer, entry.DType));
            return;
        }

        var rows = buffer.Length / rowBytes;
        target.Narrow(0, row, rows).CopyFrom(Tensor.FromBytes(buffer, entry.DType, [rows, .. target.Shape[1..]]));
    }
}
