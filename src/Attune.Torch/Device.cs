using System.Globalization;

namespace Attune.Torch;

/// <summary>Kinds of device; the values are libtorch's <c>DeviceType</c> codes.</summary>
public enum DeviceKind
{
    /// <summary>The processor.</summary>
    Cpu = 0,

    /// <summary>A CUDA graphics processor.</summary>
    Cuda = 1,
}

/// <summary>Where a tensor lives.</summary>
/// <param name="Kind">Processor or graphics processor.</param>
/// <param name="Index">Which graphics processor, from 0; 0 for the processor.</param>
public readonly record struct Device(DeviceKind Kind, int Index)
{
    /// <summary>The processor.</summary>
    public static Device Cpu => new(DeviceKind.Cpu, 0);

    /// <summary>The graphics processor with the given index.</summary>
    public static Device Cuda(int index = 0) => new(DeviceKind.Cuda, index);

    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:1</c>.</summary>
    /// <exception cref="FormatException">The text is none of these.</exception>
    public static Device Parse(string text)
    {
        if (text == "cpu")
            return Cpu;
        if (text == "cuda")
            return Cuda();
        if (text.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            return Cuda(index);
        throw new FormatException($"device is '{text}', expected cpu, cuda or cuda:N");
    }

    /// <inheritdoc/>
    public override string ToString() => Kind == DeviceKind.Cpu ? "cpu" : $"cuda:{Index}";
}

/// <summary>Where and in which precision to compute; travels explicitly instead of living in ambient state.</summary>
/// <param name="Device">The device that holds the tensors.</param>
/// <param name="DType">The element type of weights and activations.</param>
public sealed record Compute(Device Device, DType DType)
{
    /// <summary>float32 on the processor.</summary>
    public static Compute Cpu { get; } = new(Device.Cpu, DType.Float32);
}
