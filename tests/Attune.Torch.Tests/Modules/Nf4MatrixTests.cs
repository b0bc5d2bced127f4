using Attune.Torch.Modules;
using Attune.Torch.Testing;

namespace Attune.Torch.Tests.Modules;

[NoTensorLeaks]
public sealed class Nf4MatrixTests
{
    /// <summary>
    /// The paper's recipe: equal steps of probability on both sides of zero, 8 of them below and 9 above with the zero in common, from a tail share
    /// that is the mean of 1/30 and 1/32, divided by the largest.
    /// </summary>
    [Fact]
    public void The_sixteen_values_are_quantiles_of_the_normal_distribution()
    {
        const double Tail = 1 - (((1 - 1.0 / 30) + (1 - 1.0 / 32)) / 2);
        var above = Enumerable.Range(0, 8).Select(k => Quantile(1 - Tail - k * (0.5 - Tail) / 8)).ToArray();
        var below = Enumerable.Range(0, 7).Select(k => -Quantile(1 - Tail - k * (0.5 - Tail) / 7)).ToArray();
        var expected = above.Concat(below).Append(0).Order().Select(v => v / above[0]).ToArray();

        Assert.Equal(16, Nf4Matrix.Values.Count);
        for (var k = 0; k < 16; k++)
            Assert.Equal(expected[k], Nf4Matrix.Values[k], 2e-6); // the published numbers are float32
    }

    /// <summary>The number that a standard normal draw is below with this probability, by bisection of an integrated density.</summary>
    private static double Quantile(double probability)
    {
        static double Below(double x)
        {
            const int Steps = 2000; // Simpson's rule from 0
            var h = x / Steps;
            var sum = Enumerable.Range(0, Steps + 1).Sum(k => (k is 0 or Steps ? 1 : k % 2 == 1 ? 4 : 2) * Math.Exp(-k * h * k * h / 2));
            return 0.5 + (sum * h / 3 / Math.Sqrt(2 * Math.PI));
        }

        var (low, high) = (0.0, 5.0);
        for (var k = 0; k < 60; k++)
            (low, high) = Below((low + high) / 2) < probability ? ((low + high) / 2, high) : (low, (low + high) / 2);
        return low;
    }

    [Fact]
    public void A_block_of_table_values_comes_back_exactly_and_others_as_the_nearest()
    {
        using var scope = TensorScope.Begin();
        var table = Enumerable.Range(0, 64).Select(k => 3f * Nf4Matrix.Values[k % 16]).ToArray();
        using var exact = new Nf4Matrix(Tensor.From(table, 8, 8));
        Assert.Equal(table, exact.Unpack().ToArray<float>());

        var draws = new Seed(1).Normals(5 * 77);
        using var rounded = new Nf4Matrix(Tensor.From(draws, 5, 77)); // 385 values: the last block is short
        var back = rounded.Unpack();
        Assert.Equal([5, 77], back.Shape);
        var values = back.ToArray<float>();
        for (var from = 0; from < draws.Length; from += Nf4Matrix.BlockSize)
        {
            var block = draws.AsSpan(from, Math.Min(Nf4Matrix.BlockSize, draws.Length - from)).ToArray();
            var scale = block.Max(Math.Abs);
            for (var k = 0; k < block.Length; k++)
                Assert.Equal(Nf4Matrix.Values.MinBy(v => Math.Abs(v - block[k] / scale)) * scale, values[from + k], 1e-6f);
        }
    }

    [Fact]
    public void The_error_of_normal_weights_is_a_tenth_and_double_quantisation_adds_little()
    {
        using var scope = TensorScope.Begin();
        var weight = Tensor.From(new Seed(2).Normals(256 * 512), 256, 512);
        double Error(bool doubled)
        {
            using var packed = new Nf4Matrix(weight, doubled);
            return (packed.Unpack() - weight).Square().Mean().Sqrt().Item();
        }

        Assert.InRange(Error(false), 0.08, 0.1); // 16 even steps between the extremes of a block would be off by 0.09 to 0.1 at the best
        Assert.InRange(Error(true), Error(false), 1.01 * Error(false));
    }

    [Fact]
    public void A_weight_takes_four_and_a_half_bits_or_four_and_an_eighth()
    {
        using var scope = TensorScope.Begin();
        var weight = Tensor.From(new Seed(3).Normals(1024 * 1024), 1024, 1024);
        using var single = new Nf4Matrix(weight);
        using var doubled = new Nf4Matrix(weight, hasDoubleQuantisation: true);

        Assert.Equal(4.5, 8.0 * single.ByteLength / weight.Count, 0.02);
        Assert.Equal(4.127, 8.0 * doubled.ByteLength / weight.Count, 0.02);
    }

    [Fact]
    public void Zeros_stay_zeros()
    {
        using var scope = TensorScope.Begin();
        foreach (var doubled in new[] { false, true })
        {
            using var packed = new Nf4Matrix(Tensor.Zeros([4, 32]), doubled);
            Assert.All(packed.Unpack().ToArray<float>(), v => Assert.Equal(0, v));
        }
    }

    [Fact]
    public void A_packed_layer_computes_with_its_rounded_weights_and_passes_their_gradient_on()
    {
        using var scope = TensorScope.Begin();
        var weight = Tensor.From(new Seed(4).Normals(6 * 5), 6, 5).To(DType.Float64);
        using var layer = new Linear(weight.Clone(), Tensor.Ones([6], Compute.Cpu with { DType = DType.Float64 }));
        layer.Bias!.IsTrained = false;
        using var packed = new Nf4Matrix(weight);
        var rounded = packed.Unpack();

        layer.Pack(PackedForm.Nf4);

        var x = Tensor.From(new Seed(5).Normals(2 * 3 * 5), 2, 3, 5).To(DType.Float64);
        layer.Forward(x).ShouldBeNear(Tensor.Linear(x, rounded, layer.Bias.Value), 1e-12);
        FiniteDifference.Check(() => layer.Forward(x).Square().Sum(), [x]);
        FiniteDifference.Check(() => Autograd.Checkpoint(y => layer.Forward(y.Tanh()), x).Square().Sum(), [x]);
        Assert.Equal(["bias"], layer.NamedParameters().Select(p => p.Name));
    }

    [Fact]
    public void Nothing_of_an_unpacked_weight_is_kept_for_backward()
    {
        using var scope = TensorScope.Begin();
        using var layer = new Linear(Tensor.Ones([64, 64]), bias: null);
        layer.Pack(PackedForm.Nf4Doubled);
        var x = Tensor.Ones([2, 64]);
        x.RequiresGrad = true;
        var before = TorchRuntime.LiveTensors;

        var y = layer.Forward(x);

        Assert.Equal(before + 1, TorchRuntime.LiveTensors);
        y.Sum().Backward();
        Assert.All(x.Grad!.ToArray<float>(), g => Assert.Equal(64, g, 1e-3f));
    }
}
