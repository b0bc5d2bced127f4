using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Attune.Torch.Native;

namespace Attune.Torch;

/// <summary>
/// An n-dimensional array of libtorch. The thread's current <see cref="TensorScope"/> owns what operators make; methods never
/// dispose their arguments.
/// </summary>
public sealed unsafe partial class Tensor : IDisposable
{
    private const int MaximumRank = 16;
    private readonly TensorHandle _handle;
    private long[]? _shape;
    private DType _dtype;
    private Device _device;

    internal Tensor(nint pointer)
    {
        _handle = new TensorHandle(pointer);
        TensorScope.Current?.Adopt(this);
    }

    internal TensorScope? Owner { get; set; }

    internal int Slot { get; set; }

    internal nint Pointer => _handle.DangerousGetHandle();

    /// <summary>Whether the tensor was freed; nothing can be computed with it any more.</summary>
    public bool IsClosed => _handle.IsClosed;

    /// <summary>Sizes along each axis, for instance <c>[B, T]</c>. Not to be changed.</summary>
    public long[] Shape => _shape ?? Inspect();

    /// <summary>Number of axes.</summary>
    public int Rank => Shape.Length;

    /// <summary>Element type.</summary>
    public DType DType
    {
        get
        {
            if (_shape is null)
                Inspect();
            return _dtype;
        }
    }

    /// <summary>Where the elements are.</summary>
    public Device Device
    {
        get
        {
            if (_shape is null)
                Inspect();
            return _device;
        }
    }

    /// <summary>Number of elements.</summary>
    public long Count
    {
        get
        {
            var count = 1L;
            foreach (var size in Shape)
                count *= size;
            return count;
        }
    }

    /// <summary>Size along an axis; negative axes count from the end.</summary>
    public int Size(int axis) => checked((int)Shape[axis < 0 ? axis + Shape.Length : axis]);

    /// <summary>Frees the tensor now instead of at its scope's end.</summary>
    public void Dispose()
    {
        Owner?.Release(this);
        _handle.Dispose();
    }

    /// <summary>Hands the native tensor over to native code; this one is closed.</summary>
    internal nint TakePointer()
    {
        var pointer = OpenPointer();
        Owner?.Release(this);
        _handle.Abandon();
        return pointer;
    }

    /// <summary>dtype, shape and, off the processor, the device: <c>float32 [2,3]</c>; of a closed tensor what was seen of it before.</summary>
    internal string Describe()
    {
        if (IsClosed)
            return _shape is null ? "closed tensor" : $"closed {_dtype.Name()} [{string.Join(",", _shape)}]";
        var place = Device.Kind == DeviceKind.Cpu ? "" : $" on {Device}";
        return $"{DType.Name()} [{string.Join(",", Shape)}]{place}";
    }

    private long[] Inspect([CallerMemberName] string method = "")
    {
        ThrowIfClosed(method);
        NativeTensorInfo info;
        var sizes = stackalloc long[MaximumRank];
        TorchRuntime.Check(NativeMethods.TensorInfo(Pointer, &info, sizes, MaximumRank));
        GC.KeepAlive(this);
        if (info.Rank > MaximumRank)
            throw new TorchException($"{method} on a tensor of {info.Rank} axes, expected at most {MaximumRank}; join some with View or Reshape before");
        _dtype = (DType)info.DType;
        _device = new((DeviceKind)info.DeviceType, Math.Max(0, info.DeviceIndex));
        return _shape = new ReadOnlySpan<long>(sizes, info.Rank).ToArray();
    }

    private void ThrowIfClosed([CallerMemberName] string method = "")
    {
        if (IsClosed)
            throw new TorchException($"{method} on {Describe()}: the tensor is closed, expected an open one; its scope ended or it was disposed: keep it with TensorScope.Keep");
    }

    /// <summary>Turns a failed status into an error that names the method and this tensor.</summary>
    private void Check(int status, [CallerMemberName] string method = "")
    {
        if (status != 0)
            throw new TorchException($"{method} on {Describe()}: {Operator.FirstLine(NativeMethods.LastErrorText())}");
    }

    private void CheckItem(int status, [CallerMemberName] string method = "")
    {
        if (status != 0 && Count != 1)
            throw new TorchException($"{method} on {Describe()}: it has {Count} elements, expected exactly one; reduce it first, for instance with Sum or Mean, or read them all with ToDoubles");
        Check(status, method);
    }

    private sealed class TensorHandle : SafeHandle
    {
        private readonly LiveTensorCount _count = LiveTensorCount.OfThread;

        public TensorHandle(nint pointer) : base(0, ownsHandle: true)
        {
            SetHandle(pointer);
            _count.Opened();
        }

        public override bool IsInvalid => handle == 0;

        /// <summary>Closes it without freeing: somebody else owns what it held.</summary>
        public void Abandon()
        {
            _count.Closed(leaked: false);
            SetHandleAsInvalid();
        }

        protected override void Dispose(bool disposing)
        {
            // The finalizer comes here with false: nobody closed the tensor.
            if (!IsClosed && !IsInvalid)
                _count.Closed(leaked: !disposing);
            base.Dispose(disposing);
        }

        protected override bool ReleaseHandle()
        {
            NativeMethods.TensorFree(handle);
            return true;
        }
    }
}
