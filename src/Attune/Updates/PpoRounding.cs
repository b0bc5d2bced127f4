using Attune.Torch;

namespace Attune.Updates;

/// <summary>
/// How far log-probs of one token may lie apart when sampling (token by token, with a cache) and learning (whole rows) compute them with the
/// same weights: decision 0004. Beyond it something other than rounding differs: weights, temperature, dropout, padding.
/// </summary>
/// <remarks>
/// float32: logits of size 30 carry errors near 1e-5 after some tens of layers; 1e-3 leaves two digits. bfloat16 keeps 8 bits, so logits of
/// size 16 come in steps of 0.125; float16 has 3 bits more. Sampled log-probs are kept as float32, so float64 gains one digit only.
/// </remarks>
public static class PpoRounding
{
    /// <summary>Largest |log-ratio| of a first minibatch, in nats.</summary>
    public static double Bound(DType dtype) => dtype switch
    {
        DType.Float64 => 1e-4,
        DType.Float32 => 1e-3,
        DType.Float16 => 0.05,
        DType.BFloat16 => 0.3,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "expected a floating-point element type; models have no other"),
    };
}
