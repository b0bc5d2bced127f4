using Attune.Torch;

namespace Attune.Models;

/// <summary>One tensor of a safetensors file: what the header says about it.</summary>
/// <param name="Name">Its key.</param>
/// <param name="DType">Element type on disk.</param>
/// <param name="Shape">Sizes; none for a scalar.</param>
/// <param name="Position">Byte of the file at which its row-major, little-endian elements start.</param>
/// <param name="ByteLength">Bytes of its elements.</param>
public sealed record SafetensorsEntry(string Name, DType DType, long[] Shape, long Position, long ByteLength)
{
    /// <summary>For messages: <c>F32 [97, 32]</c>.</summary>
    public override string ToString() => $"{SafetensorsTypes.NameOf(DType)} {SafetensorsTypes.Print(Shape)}";
}

/// <summary>The format's names of element types.</summary>
internal static class SafetensorsTypes
{
    /// <summary>In the order in which the reference writer places tensors: last first, so that every tensor is aligned to its elements.</summary>
    private static readonly (string Name, DType DType)[] Ascending =
    [
        ("BOOL", DType.Bool), ("U8", DType.UInt8), ("F16", DType.Float16), ("BF16", DType.BFloat16),
        ("I32", DType.Int32), ("F32", DType.Float32), ("F64", DType.Float64), ("I64", DType.Int64),
    ];

    public static string Known => string.Join(", ", Ascending.Select(t => t.Name));

    public static string NameOf(DType dtype) => Ascending[Rank(dtype)].Name;

    public static int Rank(DType dtype) => Array.FindIndex(Ascending, t => t.DType == dtype);

    public static DType? Find(string? name) => Array.FindIndex(Ascending, t => t.Name == name) is >= 0 and var k ? Ascending[k].DType : null;

    public static string Print(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>Whether a shape is another one, whose first axis may be split in several: the elements stand in the same order.</summary>
    public static bool IsSplitOf(long[] split, long[] shape)
    {
        var extra = split.Length - shape.Length;
        if (extra == 0 || shape.Length == 0)
            return split.SequenceEqual(shape);
        return extra > 0 && split.Take(extra + 1).Aggregate(1L, (product, size) => product * size) == shape[0] && split.Skip(extra + 1).SequenceEqual(shape.Skip(1));
    }

    /// <summary>Bytes of a tensor; null where the number does not fit 63 bits.</summary>
    public static long? ByteLength(DType dtype, IEnumerable<long> shape)
    {
        long bytes = dtype.Size();
        foreach (var size in shape)
        {
            if (size < 0 || (size > 0 && bytes > long.MaxValue / size))
                return null;
            bytes *= size;
        }

        return bytes;
    }
}
