using System.Runtime.InteropServices;
using Attune.Torch.Native;

namespace Attune.Torch;

/// <summary>What this machine's libtorch is and how it runs.</summary>
public static unsafe class TorchRuntime
{
    /// <summary>libtorch's version, for instance <c>1.13.1</c>.</summary>
    public static string Version => Marshal.PtrToStringUTF8((nint)NativeMethods.Version()) ?? "unknown";

    /// <summary>libtorch's description of its build: BLAS, vector extensions, thread pool.</summary>
    public static string Configuration => Marshal.PtrToStringUTF8((nint)NativeMethods.Configuration()) ?? "unknown";

    /// <summary>
    /// Whether the bridge shares matrix products out among threads, as libtorch 1.13 without MKL does not: a thread takes whole matrices of a batch, or a
    /// part of one large matrix.
    /// </summary>
    public static bool SharesProducts => NativeMethods.SharesProducts() != 0;

    /// <summary>Threads that one operator may use on this thread. Debian's build may start with one: set it.</summary>
    public static int Threads
    {
        get => NativeMethods.Threads();
        set => Check(NativeMethods.SetThreads(value));
    }

    /// <summary>Usable CUDA devices.</summary>
    public static int CudaDevices => NativeMethods.CudaCount();

    /// <summary>Tensors made on this thread that are still open. A metric to log: it must not grow from step to step.</summary>
    public static int LiveTensors => LiveTensorCount.OfThread.Live;

    /// <summary>Tensors made on this thread that no scope and no owner closed, so that the finalizer had to. Always a defect.</summary>
    public static int LeakedTensors => LiveTensorCount.OfThread.Leaked;

    /// <summary>Gives memory of freed tensors back to the system, where the C library can: it would be kept for the next ones.</summary>
    public static void TrimMemory() => NativeMethods.TrimMemory();

    /// <summary>Refuses a device that this machine lacks.</summary>
    /// <exception cref="TorchException">There is no such device.</exception>
    public static void Require(Device device)
    {
        if (device.Kind == DeviceKind.Cuda && device.Index >= CudaDevices)
            throw new TorchException($"device is {device}, but this machine's libtorch {Version} sees {CudaDevices} CUDA devices; use cpu, or install a libtorch with CUDA and set ATTUNE_LIBTORCH");
    }

    internal static void Check(int status)
    {
        if (status != 0)
            throw new TorchException(Operator.FirstLine(NativeMethods.LastErrorText()));
    }

    /// <summary>The last native error, with what was being done.</summary>
    internal static TorchException Failure(string doing) => new($"{doing}: {Operator.FirstLine(NativeMethods.LastErrorText())}");
}

/// <summary>Counts tensors per thread, so that tests can run side by side.</summary>
internal sealed class LiveTensorCount
{
    [ThreadStatic]
    private static LiveTensorCount? t_ofThread;
    private int _live;
    private int _leaked;

    public static LiveTensorCount OfThread => t_ofThread ??= new();

    public int Live => Volatile.Read(ref _live);

    public int Leaked => Volatile.Read(ref _leaked);

    public void Opened() => Interlocked.Increment(ref _live);

    public void Closed(bool leaked)
    {
        Interlocked.Decrement(ref _live);
        if (leaked)
            Interlocked.Increment(ref _leaked);
    }
}
