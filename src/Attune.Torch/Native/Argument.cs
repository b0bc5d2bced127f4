using Attune.Torch.Native;

namespace Attune.Torch;

/// <summary>One argument of an operator call. Converts from what C# code has at hand; lives on the stack only.</summary>
public readonly struct Argument
{
    internal readonly object? Reference;
    internal readonly long Payload;
    internal readonly int Tag;
    internal readonly int Count;

    private Argument(int tag, long payload, object? reference = null, int count = 0)
    {
        Tag = tag;
        Payload = payload;
        Reference = reference;
        Count = count;
    }

    /// <summary>An absent optional argument.</summary>
    public static Argument None => default;

    /// <summary>A tensor; null is an absent one.</summary>
    public static implicit operator Argument(Tensor? value) => value is null ? default : new(NativeTag.Tensor, 0, value);

    /// <summary>An integer.</summary>
    public static implicit operator Argument(long value) => new(NativeTag.Int, value);

    /// <summary>A number.</summary>
    public static implicit operator Argument(double value) => new(NativeTag.Double, BitConverter.DoubleToInt64Bits(value));

    /// <summary>A truth value.</summary>
    public static implicit operator Argument(bool value) => new(NativeTag.Bool, value ? 1 : 0);

    /// <summary>An element type.</summary>
    public static implicit operator Argument(DType value) => new(NativeTag.Int, (long)value);

    /// <summary>A device.</summary>
    public static implicit operator Argument(Device value) => new(NativeTag.Device, (long)value.Kind, null, value.Kind == DeviceKind.Cpu ? -1 : value.Index);

    /// <summary>A list of integers: sizes or axes.</summary>
    public static implicit operator Argument(long[] value) => new(NativeTag.IntList, 0, value, value.Length);

    /// <summary>A list of tensors; null entries where the operator allows them.</summary>
    public static implicit operator Argument(Tensor?[] value) => new(NativeTag.TensorList, 0, value, value.Length);

    /// <summary>A list of numbers.</summary>
    public static implicit operator Argument(double[] value) => new(NativeTag.DoubleList, 0, value, value.Length);

    /// <summary>A text.</summary>
    public static implicit operator Argument(string value)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(value);
        return new(NativeTag.String, 0, bytes, bytes.Length);
    }

    internal static string Describe(ReadOnlySpan<Argument> arguments)
    {
        var parts = new List<string>(arguments.Length);
        foreach (var argument in arguments)
            parts.Add(argument.Describe());
        return string.Join(", ", parts);
    }

    private string Describe() => Tag switch
    {
        NativeTag.None => "none",
        NativeTag.Tensor => ((Tensor)Reference!).Describe(),
        NativeTag.Int => Payload.ToString(),
        NativeTag.Double => BitConverter.Int64BitsToDouble(Payload).ToString(),
        NativeTag.Bool => Payload != 0 ? "true" : "false",
        NativeTag.IntList => $"[{string.Join(",", (long[])Reference!)}]",
        NativeTag.DoubleList => $"[{string.Join(",", (double[])Reference!)}]",
        NativeTag.TensorList => $"[{string.Join(", ", ((Tensor?[])Reference!).Take(4).Select(t => t?.Describe() ?? "none"))}{(Count > 4 ? $", … {Count} tensors" : "")}]",
        NativeTag.String => $"\"{System.Text.Encoding.UTF8.GetString((byte[])Reference!)}\"",
        _ => "?",
    };
}
