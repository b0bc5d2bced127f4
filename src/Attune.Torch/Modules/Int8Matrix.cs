namespace Attune.Torch.Modules;

/// <summary>
/// A matrix in 8-bit integers with a scale for each row (the symmetric, vector-wise form of Dettmers et al. 2022, arXiv:2208.07339 §2.1, of weights
/// alone): w ≈ s·q with q = round(w/s) from −127 to 127 and s = max|w|/127 over the row. So no value is off by more than s/2.
/// </summary>
/// <remarks>Not here: rounding of activations, and columns of outliers that stay as they are, which larger models need for that.</remarks>
public sealed class Int8Matrix : IPackedMatrix
{
    private const int Largest = 127;
    private const long ValuesAtOnce = 1 << 20; // what rounding takes besides the matrix: a few times so many numbers
    private static readonly Operator Product = Operator.Find("attune::int8_linear");

    private readonly Compute _compute;
    private readonly long[] _shape;
    private readonly Tensor _codes; // int8 [rows, columns]
    private readonly Tensor _scales; // float32 [rows]

    /// <summary>Rounds a matrix; it stays its owner's.</summary>
    /// <param name="matrix">The values <c>[rows, columns]</c>, of any floating-point type.</param>
    public Int8Matrix(Tensor matrix)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        (_shape, _compute) = (matrix.Shape, new Compute(matrix.Device, matrix.DType));
        _codes = TensorScope.Detach(Tensor.Empty(_shape, _compute with { DType = DType.Int8 }));
        _scales = TensorScope.Detach(Tensor.Empty([_shape[0]], _compute with { DType = DType.Float32 }));
        var rows = Math.Max(1, ValuesAtOnce / Math.Max(1, _shape[1]));
        for (var from = 0L; from < _shape[0]; from += rows)
        {
            using var piece = TensorScope.Begin();
            var count = Math.Min(rows, _shape[0] - from);
            var values = matrix.Detach().Narrow(0, from, count).To(DType.Float32);
            var scales = values.Abs().Max(1, keepDim: true) / Largest; // [count,1]
            _scales.Narrow(0, from, count).CopyFrom(scales.Squeeze(1));
            _codes.Narrow(0, from, count).CopyFrom((values / scales.ClampMin(float.Epsilon)).Round().Clamp(-Largest, Largest)); // a row of zeros has scale 0
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<long> Shape => _shape;

    /// <inheritdoc/>
    public long ByteLength => _codes.Count + (_scales.Count * sizeof(float));

    /// <summary>The codes <c>[rows, columns]</c>, int8.</summary>
    public Tensor Codes => _codes;

    /// <summary>The scales <c>[rows]</c>, float32.</summary>
    public Tensor Scales => _scales;

    /// <inheritdoc/>
    public Tensor Unpack()
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        return scope.Keep((_codes.To(DType.Float32) * _scales.Unsqueeze(1)).To(_compute.DType));
    }

    /// <summary>Some of its rows.</summary>
    /// <param name="ids">Which, int64 <c>[…]</c>.</param>
    /// <returns><c>[…, columns]</c>, the same numbers as in <see cref="Unpack"/>.</returns>
    public Tensor Rows(Tensor ids)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var flat = ids.Reshape(-1);
        var rows = _codes.IndexSelect(0, flat).To(DType.Float32) * _scales.IndexSelect(0, flat).Unsqueeze(1);
        return scope.Keep(rows.To(_compute.DType).View([.. ids.Shape, _shape[1]]));
    }

    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Tensor? bias) => Linear(x, bias, PackedForms.FastestKernel);

    /// <summary>The same by a kernel of choice: 0 for plain code, 1 for AVX2, 2 for AVX-512, as far as the machine has them.</summary>
    internal Tensor Linear(Tensor x, Tensor? bias, int kernel)
    {
        if (PackedForms.HasKernel(_compute, x))
            return Product.Call(x, _codes, _scales, bias, kernel);
        using var scope = TensorScope.Begin();
        return scope.Keep(Tensor.Linear(x, Unpack(), bias));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
    }
}
