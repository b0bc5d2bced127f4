using Attune.Torch;

namespace Attune.Models;

/// <summary>In which element type formulas are computed.</summary>
internal static class Precision
{
    /// <summary>float32 for half-precision input; float32 and float64 stay as they are.</summary>
    internal static Tensor Wide(this Tensor x) => x.DType is DType.BFloat16 or DType.Float16 ? x.To(DType.Float32) : x;
}
