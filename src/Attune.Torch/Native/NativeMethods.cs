using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace Attune.Torch.Native;

/// <summary>A tagged value as native/torch_bridge.cpp lays it out: 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeValue
{
    public int Tag;
    public int Count;
    public long Payload;
}

/// <summary>What the bridge tells about a tensor.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeTensorInfo
{
    public int Rank;
    public int DType;
    public int DeviceType;
    public int DeviceIndex;
    public long Count;
}

/// <summary>Tags of <see cref="NativeValue"/>.</summary>
internal static class NativeTag
{
    public const int None = 0, Tensor = 1, Int = 2, Double = 3, Bool = 4, IntList = 5, TensorList = 6, DoubleList = 7, String = 9, Device = 10;
}

/// <summary>The functions of native/torch_bridge.cpp. Status 0 is success; <see cref="LastError"/> explains any other.</summary>
internal static unsafe partial class NativeMethods
{
    internal const string Library = "attune_torch";

    [LibraryImport(Library, EntryPoint = "attune_last_error")]
    internal static partial byte* LastError();

    [LibraryImport(Library, EntryPoint = "attune_version")]
    internal static partial byte* Version();

    [LibraryImport(Library, EntryPoint = "attune_configuration")]
    internal static partial byte* Configuration();

    [LibraryImport(Library, EntryPoint = "attune_operator_find")]
    internal static partial int OperatorFind(byte* name, byte* overload, nint* result);

    [LibraryImport(Library, EntryPoint = "attune_operator_call")]
    internal static partial int OperatorCall(nint op, NativeValue* arguments, int argumentCount, NativeValue* results, int capacity, int* resultCount);

    [LibraryImport(Library, EntryPoint = "attune_tensor_free")]
    internal static partial void TensorFree(nint tensor);

    [LibraryImport(Library, EntryPoint = "attune_tensor_info")]
    internal static partial int TensorInfo(nint tensor, NativeTensorInfo* info, long* sizes, int capacity);

    [LibraryImport(Library, EntryPoint = "attune_tensor_from")]
    internal static partial int TensorFrom(void* data, long* sizes, int rank, int dtype, nint* result);

    [LibraryImport(Library, EntryPoint = "attune_tensor_read")]
    internal static partial int TensorRead(nint tensor, void* destination, long bytes);

    [LibraryImport(Library, EntryPoint = "attune_tensor_write")]
    internal static partial int TensorWrite(nint tensor, void* source, long bytes);

    [LibraryImport(Library, EntryPoint = "attune_tensor_item")]
    internal static partial int TensorItem(nint tensor, double* result);

    [LibraryImport(Library, EntryPoint = "attune_tensor_item_int64")]
    internal static partial int TensorItemInt64(nint tensor, long* result);

    [LibraryImport(Library, EntryPoint = "attune_tensor_data")]
    internal static partial int TensorData(nint tensor, void** result);

    [LibraryImport(Library, EntryPoint = "attune_grad_mode")]
    internal static partial int GradMode();

    [LibraryImport(Library, EntryPoint = "attune_set_grad_mode")]
    internal static partial void SetGradMode(int on);

    [LibraryImport(Library, EntryPoint = "attune_begin_inference")]
    internal static partial int BeginInference(nint* guard);

    [LibraryImport(Library, EntryPoint = "attune_end_inference")]
    internal static partial void EndInference(nint guard);

    [LibraryImport(Library, EntryPoint = "attune_requires_grad")]
    internal static partial int RequiresGrad(nint tensor);

    [LibraryImport(Library, EntryPoint = "attune_set_requires_grad")]
    internal static partial int SetRequiresGrad(nint tensor, int on);

    [LibraryImport(Library, EntryPoint = "attune_grad")]
    internal static partial int Grad(nint tensor, nint* result);

    [LibraryImport(Library, EntryPoint = "attune_set_grad")]
    internal static partial int SetGrad(nint tensor, nint grad);

    [LibraryImport(Library, EntryPoint = "attune_backward")]
    internal static partial int Backward(nint* roots, nint* gradients, int count, int retainGraph);

    [LibraryImport(Library, EntryPoint = "attune_gradients")]
    internal static partial int Gradients(nint* outputs, nint* gradients, int outputCount, nint* inputs, int inputCount, nint* results);

    [LibraryImport(Library, EntryPoint = "attune_recompute")]
    internal static partial int Recompute(
        nint output, nint input, delegate* unmanaged<long, nint, nint*, int> recompute, delegate* unmanaged<long, void> release, long token, nint* result);

    [LibraryImport(Library, EntryPoint = "attune_shares_products")]
    internal static partial int SharesProducts();

    [LibraryImport(Library, EntryPoint = "attune_trim_memory")]
    internal static partial void TrimMemory();

    [LibraryImport(Library, EntryPoint = "attune_threads")]
    internal static partial int Threads();

    [LibraryImport(Library, EntryPoint = "attune_set_threads")]
    internal static partial int SetThreads(int count);

    [LibraryImport(Library, EntryPoint = "attune_cuda_count")]
    internal static partial int CudaCount();

    internal static string LastErrorText() => Marshal.PtrToStringUTF8((nint)LastError()) ?? "unknown native error";
}
