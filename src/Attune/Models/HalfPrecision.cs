using Attune.Torch;

namespace Attune.Models;

/// <summary>Formulas are not computed in half precision.</summary>
internal static class HalfPrecision
{
    /// <summary>float32 for half-precision input; float32 and float64 stay as they are.</summary>
    internal static Tensor Wide(this Tensor x) => x.DType is DType.BFloat16 or DType.Float16 ? x.To(DType.Float32) : x;
}
