using System.Runtime.InteropServices;
using System.Text;
using Attune.Torch.Native;

namespace Attune.Torch;

/// <summary>
/// An operator of libtorch, looked up once by name. Everything that Attune computes goes through here, so gradients, CUDA and
/// fused kernels need no code of their own.
/// </summary>
public sealed unsafe class Operator
{
    private const int StackWords = 1024;
    private readonly nint _handle;

    private Operator(string name, nint handle)
    {
        Name = name;
        _handle = handle;
    }

    /// <summary>The full name, for instance <c>aten::add.Tensor</c>.</summary>
    public string Name { get; }

    /// <summary>Looks an operator up.</summary>
    /// <exception cref="TorchException">This libtorch has no operator of that name and overload.</exception>
    public static Operator Find(string name, string overload = "")
    {
        var full = overload.Length == 0 ? name : $"{name}.{overload}";
        nint handle;
        fixed (byte* n = Encoding.UTF8.GetBytes(name + '\0'))
        fixed (byte* o = Encoding.UTF8.GetBytes(overload + '\0'))
        {
            if (NativeMethods.OperatorFind(n, o, &handle) != 0)
                throw new TorchException($"{full}: this libtorch ({TorchRuntime.Version}) has no such operator. {FirstLine(NativeMethods.LastErrorText())}");
        }

        return new(full, handle);
    }

    /// <summary>Calls an operator that has one tensor as its result; the current scope owns it.</summary>
    /// <exception cref="TorchException">The operator refused the arguments.</exception>
    public Tensor Call(params ReadOnlySpan<Argument> arguments)
    {
        NativeValue result;
        var count = Invoke(arguments, &result, 1);
        if (count == 1 && result.Tag == NativeTag.Tensor)
            return new Tensor((nint)result.Payload);
        Free(&result, Math.Min(count, 1));
        throw new TorchException($"{Name}({Argument.Describe(arguments)}) gave {(count == 1 ? "a result that is no tensor" : $"{count} results")}, expected one tensor; use Run for its effect alone, CallMany for several");
    }

    /// <summary>Calls an operator for its effect on its arguments, for instance <c>aten::add_</c>.</summary>
    /// <exception cref="TorchException">The operator refused the arguments.</exception>
    public void Run(params ReadOnlySpan<Argument> arguments) => Invoke(arguments, null, 0);

    /// <summary>Calls an operator that has several tensors as its results; the current scope owns them.</summary>
    /// <param name="capacity">At most so many results are kept.</param>
    /// <param name="arguments">The operator's arguments in the order of its schema.</param>
    /// <exception cref="TorchException">The operator refused the arguments, or a result is no tensor.</exception>
    public Tensor[] CallMany(int capacity, params ReadOnlySpan<Argument> arguments)
    {
        var values = new NativeValue[capacity];
        int count;
        fixed (NativeValue* results = values)
        {
            count = Math.Min(capacity, Invoke(arguments, results, capacity));
            for (var k = 0; k < count; k++)
            {
                if (values[k].Tag == NativeTag.Tensor)
                    continue;
                Free(results, count);
                throw new TorchException($"{Name}({Argument.Describe(arguments)}): result {k + 1} is no tensor, expected tensors only; ask for fewer results");
            }
        }

        var tensors = new Tensor[count];
        for (var k = 0; k < count; k++)
            tensors[k] = new Tensor((nint)values[k].Payload);
        return tensors;
    }

    /// <summary>Frees the tensors among results that no <see cref="Tensor"/> owns.</summary>
    private static void Free(NativeValue* results, int count)
    {
        for (var k = 0; k < count; k++)
        {
            if (results[k].Tag == NativeTag.Tensor)
                NativeMethods.TensorFree((nint)results[k].Payload);
        }
    }

    private int Invoke(ReadOnlySpan<Argument> arguments, NativeValue* results, int capacity)
    {
        var words = 0;
        foreach (ref readonly var argument in arguments)
            words += argument.Tag is NativeTag.IntList or NativeTag.TensorList or NativeTag.DoubleList ? argument.Count : (argument.Count + 7) / 8;
        var values = stackalloc NativeValue[arguments.Length];
        if (words <= StackWords)
        {
            var scratch = stackalloc long[words];
            return Invoke(arguments, values, scratch, results, capacity);
        }

        var heap = (long*)NativeMemory.Alloc((nuint)words, sizeof(long));
        try
        {
            return Invoke(arguments, values, heap, results, capacity);
        }
        finally
        {
            NativeMemory.Free(heap);
        }
    }

    private int Invoke(ReadOnlySpan<Argument> arguments, NativeValue* values, long* scratch, NativeValue* results, int capacity)
    {
        for (var k = 0; k < arguments.Length; k++)
            scratch = Lower(arguments, k, values + k, scratch);
        int count;
        var status = NativeMethods.OperatorCall(_handle, values, arguments.Length, results, capacity, &count);
        if (status != 0)
            throw new TorchException($"{Name}({Argument.Describe(arguments)}): {FirstLine(NativeMethods.LastErrorText())}");
        // Only raw handles crossed the boundary: the owners must outlive the call.
        foreach (ref readonly var argument in arguments)
            GC.KeepAlive(argument.Reference);
        return count;
    }

    private long* Lower(ReadOnlySpan<Argument> arguments, int position, NativeValue* value, long* scratch)
    {
        ref readonly var argument = ref arguments[position];
        value->Tag = argument.Tag;
        value->Count = argument.Count;
        switch (argument.Tag)
        {
            case NativeTag.Tensor:
                value->Payload = HandleOf((Tensor)argument.Reference!, arguments, position);
                return scratch;
            case NativeTag.IntList:
                ((long[])argument.Reference!).AsSpan().CopyTo(new Span<long>(scratch, argument.Count));
                break;
            case NativeTag.DoubleList:
                ((double[])argument.Reference!).AsSpan().CopyTo(new Span<double>(scratch, argument.Count));
                break;
            case NativeTag.TensorList:
                var tensors = (Tensor?[])argument.Reference!;
                for (var k = 0; k < tensors.Length; k++)
                    scratch[k] = tensors[k] is { } t ? HandleOf(t, arguments, position) : 0;
                break;
            case NativeTag.String:
                ((byte[])argument.Reference!).AsSpan().CopyTo(new Span<byte>(scratch, argument.Count));
                value->Payload = (long)scratch;
                return scratch + (argument.Count + 7) / 8;
            default:
                value->Payload = argument.Payload;
                return scratch;
        }

        value->Payload = (long)scratch;
        return scratch + argument.Count;
    }

    private nint HandleOf(Tensor tensor, ReadOnlySpan<Argument> arguments, int position) => tensor.IsClosed
        ? throw new TorchException($"{Name}({Argument.Describe(arguments)}): argument {position + 1} is a closed tensor, expected an open one; its scope ended or it was disposed: keep it with TensorScope.Keep")
        : tensor.Pointer;

    internal static string FirstLine(string text)
    {
        var end = text.IndexOf('\n');
        return end < 0 ? text : text[..end];
    }
}
