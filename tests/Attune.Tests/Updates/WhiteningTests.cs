using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class WhiteningTests
{
    private const double SixDigits = 5.1e-7; // the numbers were given with six decimals
    private static readonly double[] TuneAdvantages = [0.6579225, 0.7695, 0.9, 0];
    private static readonly double[] ShortAdvantages = [0.44575, 0.585, 0.7];

    [Fact]
    public void Two_numbers_go_to_plus_and_minus_the_root_of_a_half()
    {
        using var scope = TensorScope.Begin();
        Whitening.Apply(Tensor.Of([1.0, 2, 3, 4]), Tensor.Of([0.0, 1, 1, 0]), VarianceKind.Unbiased, shiftMean: true)
            .ShouldBeNear([0, -0.7071068, 0.7071068, 0], 6e-8); // seven digits given; epsilon moves the eighth
    }

    [Theory] // the advantages of torchtune's test; whitened values worked out from them
    [InlineData(VarianceKind.Unbiased, true, 0.190015, 0.468736, 0.794725, -1.453476)]
    [InlineData(VarianceKind.Population, true, 0.219411, 0.541250, 0.917669, -1.678330)]
    [InlineData(VarianceKind.Unbiased, false, 0.771871, 1.050592, 1.376581, -0.871620)]
    public void Variance_kind_and_mean_shift_do_what_they_say(VarianceKind kind, bool shiftMean, double a, double b, double c, double d)
    {
        using var scope = TensorScope.Begin();
        var values = Tensor.Of(TuneAdvantages);
        Whitening.Apply(values, Tensor.OnesLike(values), kind, shiftMean).ShouldBeNear([a, b, c, d], SixDigits);
    }

    [Fact]
    public void Only_the_masked_three_are_whitened()
    {
        using var scope = TensorScope.Begin();
        Whitening.Apply(Tensor.Of(TuneAdvantages), Tensor.Of([1.0, 1, 1, 0]), VarianceKind.Unbiased, shiftMean: true)
            .ShouldBeNear([-0.972954, -0.052058, 1.025012, 0], SixDigits);
    }

    [Theory]
    [InlineData(VarianceKind.Population, -1.261771, 0.077758, 1.184012)]
    [InlineData(VarianceKind.Unbiased, -1.030232, 0.063490, 0.966742)]
    public void Three_advantages_whitened_both_ways(VarianceKind kind, double a, double b, double c)
    {
        using var scope = TensorScope.Begin();
        var values = Tensor.Of(ShortAdvantages);
        Whitening.Apply(values, Tensor.OnesLike(values), kind, shiftMean: true).ShouldBeNear([a, b, c], SixDigits);
    }

    [Fact]
    public void Whitening_matches_the_golden_values_inside_the_mask()
    {
        using var scope = TensorScope.Begin();
        var golden = Golden.Read("trainers/core.json");
        var (inputs, outputs) = (golden.GetProperty("inputs"), golden.GetProperty("outputs"));
        var (values, mask) = (inputs.Numbers("values"), inputs.Mask("mask"));
        var outside = mask.Not();

        Whitening.Apply(values, mask, VarianceKind.Unbiased, shiftMean: true)
            .ShouldBeNear(outputs.Numbers("masked_whiten").MaskedFill(outside, 0), 3e-6);
        Whitening.Apply(values, mask, VarianceKind.Unbiased, shiftMean: false)
            .ShouldBeNear(outputs.Numbers("masked_whiten_keep_mean").MaskedFill(outside, 0), 3e-6);
        Whitening.Apply(values, Tensor.OnesLike(values), VarianceKind.Unbiased, shiftMean: true)
            .ShouldBeNear(outputs.Numbers("whiten"), 3e-6);
    }

    [Fact]
    public void The_result_has_the_moments_asked_for()
    {
        using var scope = TensorScope.Begin();
        var values = Tensor.From(new Seed(1).Normals(60), 4, 15).To(DType.Float64) * 3 + 2;
        var mask = Tensor.From(new Seed(2).Uniforms(60), 4, 15).Less(0.7);
        foreach (var kind in Enum.GetValues<VarianceKind>())
        {
            var before = MaskedStatistics.Of(values, mask);
            var centred = MaskedStatistics.Of(Whitening.Apply(values, mask, kind, shiftMean: true), mask);
            var kept = MaskedStatistics.Of(Whitening.Apply(values, mask, kind, shiftMean: false), mask);
            Assert.Equal((0.0, 1.0), (Math.Round(centred.Mean, 12), Math.Round(centred.Variance(kind), 7))); // epsilon takes 1e-8 / variance off
            Assert.Equal(before.Mean, kept.Mean, 1e-12);
        }
    }

    [Fact]
    public void Epsilon_stands_inside_the_root()
    {
        using var scope = TensorScope.Begin();
        // variance 1, epsilon 3: x / sqrt(4), where outside the root it would be x / 4
        Whitening.Apply(Tensor.Of([-1.0, 1]), Tensor.Of([1.0, 1]), VarianceKind.Population, shiftMean: true, epsilon: 3).ShouldBeNear([-0.5, 0.5], 1e-12);
    }

    [Fact]
    public void Padding_changes_nothing_not_even_NaN()
    {
        using var scope = TensorScope.Begin();
        var plain = Whitening.Apply(Tensor.Of(ShortAdvantages), Tensor.Of([1.0, 1, 1]), VarianceKind.Unbiased, shiftMean: true).ToDoubles();
        Whitening.Apply(Tensor.Of([double.NaN, .. ShortAdvantages, 1e30]), Tensor.Of([0.0, 1, 1, 1, 0]), VarianceKind.Unbiased, shiftMean: true)
            .ShouldBeNear([0, .. plain, 0], 0);
    }

    [Fact]
    public void Equal_rewards_one_reward_and_none_stay_finite()
    {
        using var scope = TensorScope.Begin();
        var equal = Tensor.Full([7], 0.35);
        foreach (var kind in Enum.GetValues<VarianceKind>())
        {
            // float32 0.35 minus the mean, which is exactly it
            Whitening.Apply(equal, Tensor.OnesLike(equal), kind, shiftMean: true).ShouldBeNear(new double[7], 0);
            Whitening.Apply(Tensor.Of([5.0, 9]), Tensor.Of([1.0, 0]), kind, shiftMean: true).ShouldBeNear([0, 0], 0);
            Whitening.Apply(Tensor.Of([5.0, 9]), Tensor.Of([0.0, 0]), kind, shiftMean: true).ShouldBeNear([0, 0], 0);
        }
    }
}
