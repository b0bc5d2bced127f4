using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Attune.Torch.Native;

namespace Attune.Torch;

public sealed unsafe partial class Tensor
{
    private static class DataOps
    {
        internal static readonly Operator ToDType = Operator.Find("aten::to", "dtype");
        internal static readonly Operator ToDevice = Operator.Find("aten::to", "device");
        internal static readonly Operator Clone = Operator.Find("aten::clone");
        internal static readonly Operator Copy = Operator.Find("aten::copy_");
    }

    /// <summary>The only element as a number.</summary>
    /// <exception cref="TorchException">There is not exactly one element.</exception>
    public double Item()
    {
        ThrowIfClosed();
        double value;
        CheckItem(NativeMethods.TensorItem(Pointer, &value));
        GC.KeepAlive(this);
        return value;
    }

    /// <summary>The only element as an integer.</summary>
    /// <exception cref="TorchException">There is not exactly one element, or it is no integer.</exception>
    public long ItemInt64()
    {
        ThrowIfClosed();
        if (DType.IsFloat())
            throw new TorchException($"ItemInt64 on {Describe()}: the element type has fractions, expected integers or bool; read it with Item");
        long value;
        CheckItem(NativeMethods.TensorItemInt64(Pointer, &value));
        GC.KeepAlive(this);
        return value;
    }

    /// <summary>The elements in row-major order.</summary>
    /// <typeparam name="T">The C# type of <see cref="DType"/>; float16 and bfloat16 need <see cref="To(DType)"/> first.</typeparam>
    /// <exception cref="TorchException">The type does not match the element type.</exception>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        if (DTypeOf<T>() != DType)
            throw new TorchException($"ToArray<{typeof(T).Name}> on {Describe()}: expected {DTypeOf<T>().Name()}; convert with To(DType.{DTypeOf<T>()})");
        var result = new T[Count];
        CopyBytesTo(MemoryMarshal.AsBytes(result.AsSpan()));
        return result;
    }

    /// <summary>The elements in row-major order as float64, from any element type.</summary>
    public double[] ToDoubles()
    {
        if (DType == DType.Float64)
            return ToArray<double>();
        using var scope = TensorScope.Begin();
        return Detach().To(DType.Float64).ToArray<double>();
    }

    /// <summary>Copies the elements' bytes, row-major, into host memory.</summary>
    public void CopyBytesTo(Span<byte> destination)
    {
        ThrowIfClosed();
        byte none = 0;
        fixed (byte* bytes = destination)
            Check(NativeMethods.TensorRead(Pointer, bytes is null ? &none : bytes, destination.Length));
        GC.KeepAlive(this);
    }

    /// <summary>Overwrites the elements in place with row-major bytes of the same element type.</summary>
    public void CopyBytesFrom(ReadOnlySpan<byte> source)
    {
        ThrowIfClosed();
        byte none = 0;
        fixed (byte* bytes = source)
            Check(NativeMethods.TensorWrite(Pointer, bytes is null ? &none : bytes, source.Length));
        GC.KeepAlive(this);
    }

    /// <summary>The elements of a contiguous tensor in host memory, without a copy; valid while the tensor is open.</summary>
    /// <exception cref="TorchException">Another element type, a view with gaps, or not in host memory.</exception>
    public ReadOnlySpan<T> AsSpan<T>()
        where T : unmanaged
    {
        ThrowIfClosed();
        void* data;
        Check(NativeMethods.TensorData(Pointer, &data));
        if (DTypeOf<T>() != DType || (data is null && Count > 0))
            throw new TorchException($"AsSpan<{typeof(T).Name}> on {Describe()}: expected {DTypeOf<T>().Name()} without gaps in host memory; convert with To(DType.{DTypeOf<T>()}), or read a copy with ToArray");
        return new ReadOnlySpan<T>(data, checked((int)Count));
    }

    /// <summary>
    /// The bytes of a contiguous tensor in host memory, to be written in place, for instance by reading a file straight into them; valid while the
    /// tensor is open. Nothing records a gradient of it.
    /// </summary>
    /// <param name="from">First byte.</param>
    /// <param name="count">How many.</param>
    /// <param name="bytes">The memory; empty where there is none.</param>
    /// <returns>False for a view with gaps and for a tensor on another device.</returns>
    public bool TryGetBytes(long from, int count, out Span<byte> bytes)
    {
        ThrowIfClosed();
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(from + count, Count * DType.Size());
        void* data;
        Check(NativeMethods.TensorData(Pointer, &data));
        bytes = data is null ? default : new Span<byte>((byte*)data + from, count);
        return data is not null;
    }

    /// <summary>The same values as another element type; this tensor itself where nothing changes.</summary>
    public Tensor To(DType dtype) => dtype == DType ? this : DataOps.ToDType.Call(this, dtype);

    /// <summary>The same values on another device; this tensor itself where nothing changes.</summary>
    public Tensor To(Device device)
    {
        if (device == Device)
            return this;
        TorchRuntime.Require(device);
        return DataOps.ToDevice.Call(this, device, DType);
    }

    /// <summary>The same values with the given device and element type.</summary>
    public Tensor To(Compute compute) => To(compute.Device).To(compute.DType);

    /// <summary>A copy with memory of its own.</summary>
    public Tensor Clone() => DataOps.Clone.Call(this);

    /// <summary>Overwrites the elements with another tensor's, converting and broadcasting.</summary>
    public Tensor CopyFrom(Tensor source)
    {
        DataOps.Copy.Run(this, source);
        return this;
    }

    /// <summary>Shape, element type and the values: up to six along each axis, the rest as an ellipsis.</summary>
    public override string ToString()
    {
        if (IsClosed)
            return "closed tensor";
        var text = new StringBuilder(Describe());
        if (Count == 0)
            return text.ToString();
        text.Append(Rank < 2 ? " " : "\n");
        Print(text, ToDoubles(), 0, 0, Count);
        return text.ToString();
    }

    private void Print(StringBuilder text, double[] values, int axis, long offset, long span)
    {
        if (axis == Rank)
        {
            text.Append(DType switch
            {
                DType.Bool => values[offset] != 0 ? "true" : "false",
                DType.Int64 or DType.Int32 or DType.UInt8 or DType.Int8 => ((long)values[offset]).ToString(),
                _ => values[offset].ToString("G5"),
            });
            return;
        }

        const int Edge = 3;
        var size = Shape[axis];
        var step = size == 0 ? 0 : span / size;
        text.Append('[');
        for (var k = 0L; k < size; k++)
        {
            if (k > 0)
                text.Append(axis == Rank - 1 ? ", " : "\n" + new string(' ', axis + 1));
            if (k == Edge && size > 2 * Edge)
            {
                text.Append('…');
                k = size - Edge - 1;
                continue;
            }

            Print(text, values, axis + 1, offset + k * step, step);
        }

        text.Append(']');
    }
}
