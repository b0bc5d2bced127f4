namespace Attune.Torch.Modules;

/// <summary>How the weights of a matrix are rounded.</summary>
public enum PackedForm
{
    /// <summary>8-bit integers with a scale for each row: <see cref="Int8Matrix"/>.</summary>
    Int8,

    /// <summary>4-bit NormalFloat: <see cref="Nf4Matrix"/>, 4.5 bits a value.</summary>
    Nf4,

    /// <summary>The same with rounded scales, 4.13 bits a value: a little smaller, and slower to compute with.</summary>
    Nf4Doubled,
}

/// <summary>A rounded matrix in less memory. It cannot learn.</summary>
public interface IPackedMatrix : IDisposable
{
    /// <summary>Rows and columns.</summary>
    IReadOnlyList<long> Shape { get; }

    /// <summary>Bytes that it takes.</summary>
    long ByteLength { get; }

    /// <summary>Its values, in the device and element type of the matrix that it was made from; the current scope owns them.</summary>
    Tensor Unpack();

    /// <summary>
    /// x·Wᵀ + b without recording a gradient. In float32 on a processor a kernel reads the codes themselves, and what it gives for a row does not
    /// depend on the rows beside it nor on the number of threads; elsewhere the matrix is unpacked for the product.
    /// </summary>
    /// <param name="x">Activations <c>[…, input]</c>.</param>
    /// <param name="bias">The bias <c>[output]</c>, if there is one.</param>
    Tensor Linear(Tensor x, Tensor? bias);
}

/// <summary>Rounding of matrices.</summary>
public static class PackedForms
{
    /// <summary>The one that the machine is fastest with.</summary>
    internal const int FastestKernel = -1;

    /// <summary>Rounds a matrix; it stays its owner's.</summary>
    /// <param name="form">How.</param>
    /// <param name="matrix">The values <c>[output, input]</c>, of any floating-point type.</param>
    public static IPackedMatrix Pack(this PackedForm form, Tensor matrix) =>
        form == PackedForm.Int8 ? new Int8Matrix(matrix) : new Nf4Matrix(matrix, hasDoubleQuantisation: form == PackedForm.Nf4Doubled);

    /// <summary>Bits that a weight takes, scales included where rows are long.</summary>
    public static double BitsPerWeight(this PackedForm form) => form switch { PackedForm.Int8 => 8, PackedForm.Nf4 => 4.5, _ => 4.127 };

    /// <summary>Whether the kernels can compute it: they know float32 on a processor alone.</summary>
    internal static bool HasKernel(Compute compute, Tensor x) =>
        compute.Device.Kind == DeviceKind.Cpu && compute.DType == DType.Float32 && x.Device.Kind == DeviceKind.Cpu && x.DType == DType.Float32;
}
