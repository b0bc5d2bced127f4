using Attune.Torch;

namespace Attune.Updates;

/// <summary>What the formulas of this folder ask of a mask: true (or any number but 0) where a place counts.</summary>
internal static class Masks
{
    /// <summary>The mask as bool.</summary>
    internal static Tensor Real(Tensor mask) => mask.DType == DType.Bool ? mask : mask.NotEqual(0);

    /// <summary>The tensor with exact zeros outside the mask, in value and in gradient; a product would let NaN · 0 = NaN through.</summary>
    internal static Tensor ZeroOutside(this Tensor x, Tensor mask) => x.MaskedFill(Real(mask).Not(), 0);
}
