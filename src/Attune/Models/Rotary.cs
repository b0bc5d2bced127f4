using Attune.Runs;
using Attune.Torch;

namespace Attune.Models;

/// <summary>How rotary angles are stretched beyond the texts of pretraining.</summary>
public enum RopeScalingKind
{
    /// <summary>Every angle divided by the factor (Chen et al. 2023, arXiv:2306.15595).</summary>
    Linear,

    /// <summary>
    /// Llama 3.1's: pairs that turn slowly are divided by the factor, those that turn fast are not, and between the two wavelengths it goes over
    /// smoothly (Grattafiori et al. 2024, arXiv:2407.21783).
    /// </summary>
    Llama3,
}

/// <summary>A stretching of rotary angles.</summary>
public sealed record RopeScaling
{
    /// <summary>Which one.</summary>
    public required RopeScalingKind Kind { get; init; }

    /// <summary>By how much, at least 1.</summary>
    public required double Factor { get; init; }

    /// <summary>Pairs that turn fewer times than this over <see cref="OriginalPositions"/> are divided whole. Llama 3 only.</summary>
    public double LowFrequencyFactor { get; init; }

    /// <summary>Pairs that turn more often than this are left as they are. Llama 3 only.</summary>
    public double HighFrequencyFactor { get; init; }

    /// <summary>Longest text of pretraining, in tokens. Llama 3 only.</summary>
    public int OriginalPositions { get; init; }

    /// <summary>An angle a place, in radians, after the stretching.</summary>
    /// <param name="frequency">θ^(−2k/R).</param>
    public double Apply(double frequency)
    {
        if (Kind == RopeScalingKind.Linear)
            return frequency / Factor;
        var turns = OriginalPositions * frequency / (2 * Math.PI);
        var kept = Math.Clamp((turns - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor), 0, 1);
        return frequency * (kept + ((1 - kept) / Factor));
    }

    internal IEnumerable<Problem> Check()
    {
        if (!(Factor >= 1 && double.IsFinite(Factor)))
            yield return Problem.Of("ropeScaling.factor", $"is {Factor}", "a number of at least 1", "1 stretches nothing");
        if (Kind == RopeScalingKind.Linear)
            yield break;
        if (!(LowFrequencyFactor > 0 && HighFrequencyFactor > LowFrequencyFactor && double.IsFinite(HighFrequencyFactor)))
        {
            var found = $"are {LowFrequencyFactor} and {HighFrequencyFactor}";
            yield return Problem.Of("ropeScaling low and high frequency factor", found, "two numbers above 0, the low one below the high one", "1 and 4 are usual");
        }

        if (OriginalPositions < 1)
            yield return Problem.Of("ropeScaling.originalPositions", $"is {OriginalPositions}", "the longest text of pretraining in tokens", "8192 is usual");
    }
}

/// <summary>
/// cos and sin of one pass's positions <c>[B or 1, T, 1, R]</c>; the first half of sin carries the minus of the rotation
/// (Su et al. 2021, arXiv:2104.09864).
/// </summary>
internal sealed record RotaryAngles(Tensor Cos, Tensor Sin)
{
    private static readonly Operator Roll = Operator.Find("aten::roll");
    private static readonly Operator AddProduct = Operator.Find("aten::addcmul");

    /// <summary>Radians a place of every pair of a head, <c>[R/2]</c>, outside every scope: in float32, as published models have them, or float64 where all is.</summary>
    public static Tensor Frequencies(TransformerConfig config, Compute compute)
    {
        var half = config.RotaryWidth / 2;
        var frequencies = new double[half];
        for (var k = 0; k < half; k++)
        {
            var plain = 1 / Math.Pow(config.RopeTheta, 2.0 * k / config.RotaryWidth);
            frequencies[k] = config.RopeScaling?.Apply(plain) ?? plain;
        }

        var all = Tensor.Of(frequencies).To(compute.DType == DType.Float64 ? DType.Float64 : DType.Float32);
        return TensorScope.Detach(all.To(compute.Device));
    }

    /// <summary>The angles of places <c>[B,T]</c>.</summary>
    public static RotaryAngles At(Tensor positions, Tensor frequencies, DType dtype)
    {
        var angles = positions.To(frequencies.DType).Unsqueeze(-1) * frequencies; // [B,T,R/2]
        var (cos, sin) = (angles.Cos(), angles.Sin());
        return new(Tensor.Cat(-1, cos, cos).Unsqueeze(2).To(dtype), Tensor.Cat(-1, -sin, sin).Unsqueeze(2).To(dtype));
    }

    /// <summary>
    /// Rotates each pair (i, i + R/2) of the first R values of <c>[B,T,H,W]</c> by its position's angle; of one token also <c>[B,H,1,W]</c>.
    /// </summary>
    public Tensor Apply(Tensor x)
    {
        using var scope = TensorScope.Begin();
        var (width, turning) = (x.Size(-1), Cos.Size(-1));
        if (turning == width)
            return scope.Keep(Rotate(x));
        var parts = x.Split(-1, turning, width - turning);
        return scope.Keep(Tensor.Cat(-1, Rotate(parts[0]), parts[1]));
    }

    private Tensor Rotate(Tensor x)
    {
        var swapped = Roll.Call(x, new long[] { x.Size(-1) / 2 }, new long[] { -1 }); // (second half, first half)
        return AddProduct.Call(x * Cos, swapped, Sin);
    }
}
