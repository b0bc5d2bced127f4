namespace Attune.Torch.Modules;

/// <summary>
/// A matrix in 4-bit NormalFloat (Dettmers et al. 2023, arXiv:2305.14314 §3): blocks of 64 values share a scale, the largest magnitude among them,
/// and each value is one of 16 that are spread as a normal distribution is. That takes 4.5 bits a value. With double quantisation the scales are
/// themselves 8-bit numbers, 256 of them with a step of their own about the mean of all: 4.13 bits.
/// </summary>
/// <remarks>
/// The paper's second quantisation has 8-bit floating-point numbers; here they are evenly spaced, as scales of one matrix lie close together.
/// The matrix cannot learn.
/// </remarks>
public sealed class Nf4Matrix : IPackedMatrix
{
    /// <summary>Values that share a scale.</summary>
    public const int BlockSize = 64;

    private const int ScaleBlock = 256;
    private const int ScaleZero = 128; // the code of a scale that is the mean
    private const long ValuesAtOnce = 1 << 20; // what rounding takes besides the matrix: a few times so many numbers; whole blocks
    private static readonly Operator Bucketize = Operator.Find("aten::bucketize", "Tensor");
    private static readonly Operator Product = Operator.Find("attune::nf4_linear");

    private readonly Compute _compute;
    private readonly long[] _shape;
    private readonly Tensor _codes; // two values a byte, the first one in the upper half [blocks·32]
    private readonly Tensor _scales; // float32 [blocks]; or codes of the steps below [⌈blocks/256⌉·256]
    private readonly Tensor? _steps; // float32 [⌈blocks/256⌉, 1]
    private readonly double _meanScale;
    private readonly Tensor _pairs; // the two values of each byte [256,2]

    /// <summary>Rounds a matrix; it stays its owner's.</summary>
    /// <param name="matrix">The values, of any floating-point type.</param>
    /// <param name="hasDoubleQuantisation">Whether the scales are rounded, too.</param>
    public Nf4Matrix(Tensor matrix, bool hasDoubleQuantisation = false)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        (_shape, _compute) = (matrix.Shape, new Compute(matrix.Device, matrix.DType));
        var flat = matrix.Detach().Reshape(-1);
        var count = (flat.Count + BlockSize - 1) / BlockSize;
        var scales = Tensor.Empty([count, 1], _compute with { DType = DType.Float32 });
        _codes = TensorScope.Detach(Tensor.Empty([count * BlockSize / 2], _compute with { DType = DType.UInt8 }));
        var boundaries = Tensor.Of([.. Values.Zip(Values.Skip(1), (a, b) => ((double)a + b) / 2)]).To(DType.Float32).To(matrix.Device);
        for (var from = 0L; from < flat.Count; from += ValuesAtOnce)
        {
            using var piece = TensorScope.Begin();
            var blocks = Padded(flat.Narrow(0, from, Math.Min(ValuesAtOnce, flat.Count - from)).To(DType.Float32), BlockSize).View(-1, BlockSize);
            var largest = blocks.Abs().Max(1, keepDim: true); // [blocks,1]
            scales.Narrow(0, from / BlockSize, largest.Count).CopyFrom(largest);
            var codes = Bucketize.Call(blocks / largest.ClampMin(float.Epsilon), boundaries, true).View(-1, 2);
            _codes.Narrow(0, from / 2, codes.Size(0)).CopyFrom(codes.Select(1, 0) * 16 + codes.Select(1, 1));
        }

        _pairs = TensorScope.Detach(Tensor.From(Array.ConvertAll(Enumerable.Range(0, 512).ToArray(), k => Values[k % 2 == 0 ? k / 2 / 16 : k / 2 % 16]), 256, 2).To(_compute));
        if (!hasDoubleQuantisation)
        {
            _scales = TensorScope.Detach(scales.View(-1));
            return;
        }

        _meanScale = scales.Mean().Item();
        var centred = Padded(scales.Squeeze(1) - _meanScale, ScaleBlock).View(-1, ScaleBlock);
        var steps = centred.Abs().Max(1, keepDim: true) / (ScaleZero - 1.0);
        _scales = TensorScope.Detach(((centred / steps.ClampMin(float.Epsilon)).Round() + ScaleZero).To(DType.UInt8).Reshape(-1));
        _steps = TensorScope.Detach(steps);
    }

    /// <summary>The 16 values (the paper's appendix E): quantiles of the normal distribution, 8 below zero, zero, and 7 above, as shares of the largest.</summary>
    public static IReadOnlyList<float> Values { get; } =
    [
        -1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1,
    ];

    /// <inheritdoc/>
    public IReadOnlyList<long> Shape => _shape;

    /// <inheritdoc/>
    public long ByteLength => new[] { _codes, _scales, _steps, _pairs }.Sum(t => t is null ? 0 : t.Count * t.DType.Size());

    /// <inheritdoc/>
    public Tensor Unpack()
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var scales = Scales();
        var count = _shape[0] * _shape[1];
        var blocks = (count + BlockSize - 1) / BlockSize;
        var units = Tensor.Embedding(_pairs, _codes.To(DType.Int32)).View(-1, BlockSize); // [blocks,64]
        var values = (units * scales.Narrow(0, 0, blocks).To(_compute.DType).Unsqueeze(1)).Reshape(-1);
        return scope.Keep(values.Narrow(0, 0, count).View(_shape));
    }

    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Tensor? bias) => Linear(x, bias, PackedForms.FastestKernel);

    /// <summary>The same by a kernel of choice: 0 for plain code, 1 for AVX2, 2 for AVX-512, as far as the machine has them.</summary>
    internal Tensor Linear(Tensor x, Tensor? bias, int kernel)
    {
        using var scope = TensorScope.Begin();
        return scope.Keep(PackedForms.HasKernel(_compute, x)
            ? Product.Call(x, _codes, Scales(), _pairs, _shape[0], _shape[1], bias, kernel)
            : Tensor.Linear(x, Unpack(), bias));
    }

    /// <summary>A scale a block, float32, maybe more.</summary>
    private Tensor Scales() => _steps is null ? _scales : ((_scales.To(DType.Float32) - ScaleZero).View(-1, ScaleBlock) * _steps + _meanScale).Reshape(-1);

    /// <inheritdoc/>
    public void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
        _steps?.Dispose();
        _pairs.Dispose();
    }

    /// <summary>A vector with zeros behind it, so that it can be cut into equal pieces.</summary>
    private static Tensor Padded(Tensor flat, int piece)
    {
        var missing = (piece - flat.Count % piece) % piece;
        return missing == 0 ? flat : Tensor.Cat(0, flat, Tensor.Zeros([missing], new Compute(flat.Device, flat.DType)));
    }
}
