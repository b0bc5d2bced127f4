using System.Buffers.Binary;
using System.Text;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Models;

/// <summary>A tensor to be written: its name, its type and shape on disk, and where its values come from.</summary>
/// <param name="Name">Its key.</param>
/// <param name="DType">Element type on disk.</param>
/// <param name="Shape">Shape on disk.</param>
/// <param name="Values">The values in that shape, or with its first axis split in several, of any element type, on any device; may be a view.</param>
public sealed record SafetensorsItem(string Name, DType DType, long[] Shape, Tensor Values)
{
    /// <summary>A tensor as it is.</summary>
    public static SafetensorsItem Of(string name, Tensor values) => new(name, values.DType, values.Shape, values);

    /// <summary>Bytes on disk.</summary>
    public long ByteLength =>
        SafetensorsTypes.ByteLength(DType, Shape) ?? throw new OverflowException($"{Name} {SafetensorsTypes.Print(Shape)} is too large");
}

/// <summary>
/// Writes safetensors files, byte for byte as the reference implementation does: wider element types first, then by name, header padded with
/// spaces to 8 bytes.
/// </summary>
public static class SafetensorsWriter
{
    /// <summary>What every model folder's files carry; the Python library refuses files without it.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> PyTorchMetadata { get; } = [new("format", "pt")];

    /// <summary>Writes a file, whole or not at all.</summary>
    /// <exception cref="RunFailedException">The disk is full, or the place may not be written.</exception>
    public static void Write(string path, IEnumerable<SafetensorsItem> items, IReadOnlyList<KeyValuePair<string, string>>? metadata = null) =>
        AtomicFile.Write(path, stream => Write(stream, items, metadata));

    /// <summary>Writes a file's bytes.</summary>
    public static void Write(Stream stream, IEnumerable<SafetensorsItem> items, IReadOnlyList<KeyValuePair<string, string>>? metadata = null)
    {
        var ordered = items.ToArray();
        Array.Sort(ordered, ByTypeThenName);
        var header = Header(ordered, metadata ?? []);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var item in ordered)
            WriteValues(stream, item);
    }

    private static int ByTypeThenName(SafetensorsItem a, SafetensorsItem b)
    {
        var byType = SafetensorsTypes.Rank(b.DType).CompareTo(SafetensorsTypes.Rank(a.DType));
        return byType != 0 ? byType : Encoding.UTF8.GetBytes(a.Name).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b.Name));
    }

    private static byte[] Header(SafetensorsItem[] items, IReadOnlyList<KeyValuePair<string, string>> metadata)
    {
        var members = new List<string>();
        if (metadata.Count > 0)
            members.Add($"\"__metadata__\":{{{string.Join(',', metadata.Select(m => $"{Quote(m.Key)}:{Quote(m.Value)}"))}}}");
        var offset = 0L;
        foreach (var item in items)
        {
            var end = offset + item.ByteLength;
            var (type, shape) = (SafetensorsTypes.NameOf(item.DType), string.Join(',', item.Shape));
            members.Add($"{Quote(item.Name)}:{{\"dtype\":\"{type}\",\"shape\":[{shape}],\"data_offsets\":[{offset},{end}]}}");
            offset = end;
        }

        var json = Encoding.UTF8.GetBytes($"{{{string.Join(',', members)}}}");
        var padded = new byte[(json.Length + 7) / 8 * 8];
        padded.AsSpan().Fill((byte)' ');
        json.CopyTo(padded, 0);
        return padded;
    }

    /// <summary>Escapes what JSON demands and nothing else; .NET's own encoders escape more, and the bytes would differ.</summary>
    private static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\b' => "\\b",
                '\f' => "\\f",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>Converts and writes a few rows at a time: a large embedding is never copied whole.</summary>
    private static void WriteValues(Stream stream, SafetensorsItem item)
    {
        if (!SafetensorsTypes.IsSplitOf(item.Values.Shape, item.Shape))
        {
            var (given, announced) = (SafetensorsTypes.Print(item.Values.Shape), SafetensorsTypes.Print(item.Shape));
            throw new ArgumentException($"{item.Name} is {given}, announced as {announced}", nameof(item));
        }

        if (item.ByteLength == 0)
            return;
        using var frozen = Autograd.NoGrad();
        var rows = item.Values.Rank == 0 ? 1 : item.Values.Size(0);
        var rowBytes = item.ByteLength / rows;
        var rowsAtOnce = Math.Clamp(SafetensorsFile.ChunkBytes / rowBytes, 1, rows);
        var buffer = new byte[rowsAtOnce * rowBytes];
        for (var row = 0L; row < rows; row += rowsAtOnce)
        {
            using var scope = TensorScope.Begin();
            var count = Math.Min(rowsAtOnce, rows - row);
            var piece = item.Values.Rank == 0 ? item.Values : item.Values.Narrow(0, row, count);
            var bytes = buffer.AsSpan(0, checked((int)(count * rowBytes)));
            piece.To(item.DType).CopyBytesTo(bytes);
            stream.Write(bytes);
        }
    }
}
