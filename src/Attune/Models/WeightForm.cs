using Attune.Torch.Modules;

namespace Attune.Models;

/// <summary>How a model's weights stand in memory while it answers and scores; what <c>--weights</c> chooses. See docs/quantisation.md.</summary>
public enum WeightForm
{
    /// <summary>As they are computed with.</summary>
    Full,

    /// <summary>The layers' matrices and the output layer in 8-bit integers.</summary>
    Int8,

    /// <summary>The layers' matrices in 4-bit NormalFloat, the output layer in 8-bit integers.</summary>
    Nf4,
}

/// <summary>What follows from it.</summary>
public static class WeightForms
{
    /// <summary>The form of the layers' matrices; null where they are as they are.</summary>
    internal static PackedForm? OfLayers(this WeightForm form) => form switch { WeightForm.Int8 => PackedForm.Int8, WeightForm.Nf4 => PackedForm.Nf4, _ => null };
}
