using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class MaskedStatisticsTests
{
    private const double Exact = 1e-12; // float64 sums of a handful of numbers
    private static readonly double NaN = double.NaN;

    [Fact] // TRL's own test of masked whitening
    public void Mean_and_unbiased_variance_of_the_middle_two_of_four()
    {
        using var scope = TensorScope.Begin();
        var moments = MaskedStatistics.Of(Tensor.Of([1.0, 2, 3, 4]), Tensor.Of([0.0, 1, 1, 0]));
        Assert.Equal((2L, 2.5, 0.5, 0.25), (moments.Count, moments.Mean, moments.Variance(VarianceKind.Unbiased), moments.Variance(VarianceKind.Population)));
    }

    [Fact] // torchtune's test
    public void Mean_and_variance_of_the_first_three_of_five()
    {
        using var scope = TensorScope.Begin();
        var moments = MaskedStatistics.Of(Tensor.Of([1.0, 2, 3, 4, 5]), Tensor.Of([1.0, 1, 1, 0, 0]));
        Assert.Equal((2.0, 1.0), (moments.Mean, moments.Variance(VarianceKind.Unbiased)));
    }

    [Fact] // verl's test
    public void NaN_matters_only_inside_the_mask()
    {
        using var scope = TensorScope.Begin();
        var mask = Tensor.Of([1.0, 0, 0, 1]);
        Assert.Equal(2.5, MaskedStatistics.Of(Tensor.Of([1.0, 2, 3, 4]), mask).Mean);
        Assert.Equal(2.5, MaskedStatistics.Of(Tensor.Of([1.0, 2, NaN, 4]), mask).Mean);
        Assert.Equal(NaN, MaskedStatistics.Of(Tensor.Of([1.0, 2, 3, NaN]), mask).Mean);
        Assert.Equal(NaN, MaskedStatistics.Of(Tensor.Of([NaN, 2, 3, 4]), mask).Variance(VarianceKind.Population));
    }

    [Theory] // verl's distributed test: rank k holds the value k + 1
    [InlineData(1), InlineData(2), InlineData(4), InlineData(7)]
    public void Ranks_combine_to_the_moments_of_all(int ranks)
    {
        var all = Enumerable.Range(1, ranks).Select(v => new Moments(1, v, 0, v, v)).Aggregate(Moments.None, (a, b) => a.Combine(b));
        Assert.Equal((ranks + 1) / 2.0, all.Mean, Exact);
        Assert.Equal((1.0, (double)ranks), (all.Min, all.Max));
        // 1 … W has unbiased variance W (W + 1) / 12; of one number there is none
        Assert.Equal(ranks == 1 ? NaN : Math.Sqrt(ranks * (ranks + 1) / 12.0), all.Std(VarianceKind.Unbiased), Exact);
    }

    [Fact] // open-instruct's test
    public void Means_of_rows_of_all_and_of_nothing()
    {
        using var scope = TensorScope.Begin();
        var values = Tensor.Of([[1.0, 2, 3], [4, 5, 6]]);
        double RowMean(double[][] mask) => MaskedStatistics.OfRows(values, Tensor.Of(mask)).Average(row => row.Mean);

        Assert.Equal(2.75, RowMean([[1, 1, 0], [1, 0, 0]]));
        Assert.Equal(7 / 3.0, MaskedStatistics.Of(values, Tensor.Of([[1.0, 1, 0], [1, 0, 0]])).Mean, Exact);
        Assert.Equal(0, MaskedStatistics.Of(values, Tensor.ZerosLike(values)).Mean);
        Assert.Equal(0.75, RowMean([[1, 1, 0], [0, 0, 0]]));
    }

    [Fact]
    public void Rows_of_a_stack_are_taken_in_order()
    {
        using var scope = TensorScope.Begin();
        var values = Tensor.Arange(24).To(DType.Float64).View(4, 2, 3);
        Assert.Equal([1, 4, 7, 10, 13, 16, 19, 22], MaskedStatistics.OfRows(values, Tensor.OnesLike(values)).Select(row => row.Mean));
    }

    [Fact] // TRL's test of a standard deviation that leaves NaN out
    public void Spread_of_what_is_not_NaN()
    {
        using var scope = TensorScope.Begin();
        double[] Std(double[][] rows)
        {
            var values = Tensor.Of(rows);
            return [.. MaskedStatistics.OfRows(values, values.IsNaN().Not()).Select(row => row.Std(VarianceKind.Unbiased))];
        }

        Assert.Equal([1.0], Std([[1, 2, 3, NaN]]));
        Assert.Equal([NaN, Math.Sqrt(2)], Std([[1, NaN], [3, 5]]));
        Assert.Equal([NaN], Std([[NaN, NaN]]));
    }

    [Fact] // trlX's test of running moments; the totals are worked out from its numbers
    public void Running_moments_of_four_batches()
    {
        using var scope = TensorScope.Begin();
        double[][] batches =
        [
            [.. Enumerable.Range(0, 100).Select(i => (double)i)], [.. Enumerable.Repeat(1.0, 100)],
            [.. Enumerable.Range(0, 10).Select(i => Math.Exp(i))], [-10, -1, 0, 1, 10],
        ];
        var each = batches.Select(b => MaskedStatistics.Of(Tensor.Of(b), Tensor.OnesLike(Tensor.Of(b)))).ToArray();
        double[] spreads = [29.011492, 0, 2571.337967, 7.106335];
        for (var i = 0; i < 4; i++)
            Assert.Equal(spreads[i], each[i].Std(VarianceKind.Unbiased), 5e-7); // six decimals were given

        var total = each.Aggregate(Moments.None, (a, b) => a.Combine(b));
        Assert.Equal(215, total.Count);
        Assert.Equal(83.108410, total.Mean, 5e-7);
        Assert.Equal(591.136075, total.Std(VarianceKind.Unbiased), 5e-7);
    }

    [Fact]
    public void Equal_numbers_have_no_spread_at_all()
    {
        // the one-pass form in float32 gives about 1.5e-4 here
        using var scope = TensorScope.Begin();
        foreach (var value in new[] { 0.35f, 0.1f, 1e8f, -3.3e-7f })
        {
            var rewards = Tensor.From(Enumerable.Repeat(value, 7).ToArray(), 7);
            var moments = MaskedStatistics.Of(rewards, Tensor.OnesLike(rewards));
            Assert.Equal((value, 0.0), ((float)moments.Mean, moments.Std(VarianceKind.Unbiased)));
        }

        double[] tenths = [.. Enumerable.Repeat(0.1, 10)]; // their float64 sum is 0.9999999999999999, so a mean by division is not 0.1
        Assert.Equal(new Moments(10, 0.1, 0, 0.1, 0.1), MaskedStatistics.Of(tenths, [.. Enumerable.Repeat(1.0, 10)]));
    }

    [Fact]
    public void Spread_of_nearly_equal_numbers_survives_a_large_mean()
    {
        using var scope = TensorScope.Begin();
        var values = Tensor.Of([1e8 - 1, 1e8, 1e8 + 1]);
        Assert.Equal(1, MaskedStatistics.Of(values, Tensor.OnesLike(values)).Variance(VarianceKind.Unbiased), 1e-9);
    }

    [Fact]
    public void A_mask_of_another_shape_is_refused()
    {
        using var scope = TensorScope.Begin();
        Assert.Contains("[2] and mask [3]", Assert.Throws<ArgumentException>(() => MaskedStatistics.Of(Tensor.Of([1.0, 2]), Tensor.Of([1.0, 1, 1]))).Message);
    }

    [Fact]
    public void Statistics_match_the_golden_ones()
    {
        using var scope = TensorScope.Begin();
        var golden = Golden.Read("trainers/core.json");
        var (inputs, outputs) = (golden.GetProperty("inputs"), golden.GetProperty("outputs"));
        var (values, mask) = (inputs.Numbers("values"), inputs.Mask("mask"));

        var moments = MaskedStatistics.Of(values, mask);
        Assert.Equal(outputs.Number("masked_mean"), moments.Mean, 3e-6);
        Assert.Equal(outputs.Number("masked_var_unbiased"), moments.Variance(VarianceKind.Unbiased), 3e-6);
        Assert.Equal(outputs.Number("masked_var_biased"), moments.Variance(VarianceKind.Population), 3e-6);
        Tensor.Of([.. MaskedStatistics.OfRows(values, mask).Select(row => row.Mean)])
            .ShouldBeNear(outputs.Numbers("masked_mean_axis1"), 3e-6);
    }
}
