using System.Runtime.InteropServices;
using Attune.Torch.Native;

namespace Attune.Torch;

public sealed unsafe partial class Tensor
{
    private static class CreationOps
    {
        internal static readonly Operator Empty = Operator.Find("aten::empty", "memory_format"), Zeros = Operator.Find("aten::zeros");
        internal static readonly Operator Full = Operator.Find("aten::full");
        internal static readonly Operator ZerosLike = Operator.Find("aten::zeros_like");
        internal static readonly Operator OnesLike = Operator.Find("aten::ones_like");
        internal static readonly Operator Arange = Operator.Find("aten::arange", "start_step");
    }

    /// <summary>Zeros of the given shape.</summary>
    public static Tensor Zeros(long[] shape, Compute? compute = null) =>
        CreationOps.Zeros.Call(shape, (compute ?? Compute.Cpu).DType, Argument.None, (compute ?? Compute.Cpu).Device);

    /// <summary>Zeros of the given shape and element type on the processor.</summary>
    public static Tensor Zeros(long[] shape, DType dtype) => Zeros(shape, new Compute(Device.Cpu, dtype));

    /// <summary>A tensor whose elements are whatever the memory held: only for one that is written whole before it is read.</summary>
    public static Tensor Empty(long[] shape, Compute compute) => CreationOps.Empty.Call(shape, compute.DType, Argument.None, compute.Device);

    /// <summary>Ones of the given shape.</summary>
    public static Tensor Ones(long[] shape, Compute? compute = null) => Full(shape, 1, compute);

    /// <summary>One value everywhere.</summary>
    public static Tensor Full(long[] shape, double value, Compute? compute = null) =>
        CreationOps.Full.Call(shape, value, (compute ?? Compute.Cpu).DType, Argument.None, (compute ?? Compute.Cpu).Device);

    /// <summary>Zeros with another tensor's shape, element type and device.</summary>
    public static Tensor ZerosLike(Tensor other) => CreationOps.ZerosLike.Call(other);

    /// <summary>Ones with another tensor's shape, element type and device.</summary>
    public static Tensor OnesLike(Tensor other) => CreationOps.OnesLike.Call(other);

    /// <summary>0, 1, … up to and without <paramref name="end"/>; int64.</summary>
    public static Tensor Arange(long end) => Arange(0, end);

    /// <summary>Whole numbers from <paramref name="start"/> up to and without <paramref name="end"/>; int64.</summary>
    public static Tensor Arange(long start, long end, long step = 1, Device? device = null) =>
        CreationOps.Arange.Call(start, end, step, DType.Int64, Argument.None, device ?? Device.Cpu);

    /// <summary>A float64 scalar, shape <c>[]</c>.</summary>
    public static Tensor Of(double value) => From([value]);

    /// <summary>A float64 vector.</summary>
    public static Tensor Of(double[] values) => From<double>(values, values.Length);

    /// <summary>A float64 matrix from rows of equal length.</summary>
    /// <exception cref="ArgumentException">Rows differ in length.</exception>
    public static Tensor Of(double[][] rows)
    {
        var width = rows.Length == 0 ? 0 : rows[0].Length;
        if (Array.Exists(rows, row => row.Length != width))
            throw new ArgumentException($"rows have lengths {string.Join(", ", rows.Select(r => r.Length))}, expected equal ones", nameof(rows));
        return From<double>(rows.SelectMany(row => row).ToArray(), rows.Length, width);
    }

    /// <summary>A float64 array of rank 3 from equal matrices.</summary>
    public static Tensor Of(double[][][] matrices)
    {
        var flat = matrices.SelectMany(m => m).SelectMany(r => r).ToArray();
        var rows = matrices.Length == 0 ? 0 : matrices[0].Length;
        return From<double>(flat, matrices.Length, rows, rows == 0 ? 0 : matrices[0][0].Length);
    }

    /// <summary>Copies row-major data into a tensor on the processor.</summary>
    /// <typeparam name="T">float, double, long, int, bool, byte or sbyte.</typeparam>
    /// <param name="data">As many elements as the shape asks for.</param>
    /// <param name="shape">Sizes; none for a scalar.</param>
    /// <exception cref="ArgumentException">The number of elements does not fit the shape.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> data, params long[] shape)
        where T : unmanaged => FromBytes(MemoryMarshal.AsBytes(data), DTypeOf<T>(), shape);

    /// <inheritdoc cref="From{T}(ReadOnlySpan{T}, long[])"/>
    public static Tensor From<T>(T[] data, params long[] shape)
        where T : unmanaged => From((ReadOnlySpan<T>)data, shape);

    /// <summary>Copies the bytes of row-major little-endian elements into a tensor on the processor, as checkpoint files hold them.</summary>
    /// <exception cref="ArgumentException">The number of bytes does not fit shape and element type.</exception>
    public static Tensor FromBytes(ReadOnlySpan<byte> data, DType dtype, params long[] shape)
    {
        var count = 1L;
        foreach (var size in shape)
            count = checked(count * size);
        if (count * dtype.Size() != data.Length)
            throw new ArgumentException($"{data.Length} bytes were given for {dtype.Name()} [{string.Join(",", shape)}], expected {count * dtype.Size()}", nameof(data));
        nint result;
        fixed (byte* bytes = data)
        fixed (long* sizes = shape)
        {
            if (NativeMethods.TensorFrom(bytes, sizes, shape.Length, (int)dtype, &result) != 0)
                throw TorchRuntime.Failure($"From of {dtype.Name()} [{string.Join(",", shape)}]");
        }

        return new Tensor(result);
    }

    private static DType DTypeOf<T>() =>
        typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(double) ? DType.Float64
        : typeof(T) == typeof(long) ? DType.Int64
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(bool) ? DType.Bool
        : typeof(T) == typeof(byte) ? DType.UInt8
        : typeof(T) == typeof(sbyte) ? DType.Int8
        : throw new NotSupportedException($"No element type of tensors is a {typeof(T).Name}; use float, double, long, int, bool, byte or sbyte.");
}
