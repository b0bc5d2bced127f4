using Attune.Torch.Modules;
using Attune.Torch.Testing;

namespace Attune.Torch.Tests.Modules;

[NoTensorLeaks]
public sealed class PackedMatrixTests : IDisposable
{
    private readonly int _threads = TorchRuntime.Threads;

    public void Dispose() => TorchRuntime.Threads = _threads;

    [Fact]
    public void Int8_of_two_rows_is_worked_by_hand()
    {
        using var scope = TensorScope.Begin();
        // 1.27/127 = 0.01: 0.5 is 50 steps, 0.0042 less than half a step, 0.0061 more; 2.54/127 = 0.02: 0.047 is 2.35 steps
        using var packed = new Int8Matrix(Tensor.From((float[])[0.5f, -1.27f, 0.0042f, 0.0061f, 2.54f, 0.047f, -1, 0, 0, 0, 0, 0], 3, 4));

        Assert.Equal([50, -127, 0, 1, 127, 2, -50, 0, 0, 0, 0, 0], packed.Codes.ToArray<sbyte>());
        packed.Scales.ShouldBeNear([0.01, 0.02, 0], 1e-8);
        packed.Unpack().ShouldBeNear([[0.5, -1.27, 0, 0.01], [2.54, 0.04, -1, 0], [0, 0, 0, 0]], 1e-6);
        packed.Rows(Tensor.From((long[])[1, 0], 1, 2)).ShouldBeNear(packed.Unpack().IndexSelect(0, Tensor.From((long[])[1, 0], 2)).Unsqueeze(0), 0);
        // 0.5 + 2·(-1.27) + 4·0.01 and 2.54 + 2·0.04 - 3 and the bias
        packed.Linear(Tensor.From((float[])[1, 2, 3, 4], 1, 4), Tensor.From((float[])[0, 0, 7], 3)).ShouldBeNear([[-2, -0.38, 7]], 1e-5);
        Assert.Equal(12 + (3 * 4), packed.ByteLength);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(37, 129)]
    [InlineData(3, 4_200_000)] // more than is rounded at once
    public void No_int8_value_is_off_by_more_than_half_a_step(int rows, int columns)
    {
        using var scope = TensorScope.Begin();
        var weight = Drawn(1, rows, columns) * Tensor.From(Enumerable.Range(0, rows).Select(k => MathF.Pow(10, (k % 7) - 3)).ToArray(), rows, 1);
        using var packed = new Int8Matrix(weight);

        // float32 rounds w/s and s·q: six digits are as good as half a step here
        Assert.True(((packed.Unpack() - weight).Abs() / packed.Scales.Unsqueeze(1)).Max().Item() <= 0.5 + 1e-4);
        Assert.Equal(127, packed.Codes.To(DType.Float32).Abs().Max(1).Min().Item());
    }

    [Fact]
    public void A_row_is_rounded_by_itself_and_in_any_element_type()
    {
        using var scope = TensorScope.Begin();
        var weight = Drawn(2, 6, 40);
        using var all = new Int8Matrix(weight);
        using var one = new Int8Matrix(weight.Narrow(0, 4, 1));
        using var wide = new Int8Matrix(weight.To(DType.Float64));

        Assert.Equal(all.Codes.Narrow(0, 4, 1).ToArray<sbyte>(), one.Codes.ToArray<sbyte>());
        Assert.Equal(all.Codes.ToArray<sbyte>(), wide.Codes.ToArray<sbyte>());
        Assert.Equal(DType.Float64, wide.Unpack().DType);
        var x = Drawn(3, 2, 40).To(DType.Float64);
        wide.Linear(x, bias: null).ShouldBeNear(x.MatMul(wide.Unpack().Transpose(0, 1)), 1e-12);
    }

    [Fact]
    public void Nf4_of_more_than_is_rounded_at_once_is_that_of_its_parts()
    {
        using var scope = TensorScope.Begin();
        var weight = Drawn(4, 66, 65_536); // four times 2²⁰ values and two rows
        using var all = new Nf4Matrix(weight);
        using var tail = new Nf4Matrix(weight.Narrow(0, 63, 3));

        Assert.Equal(tail.Unpack().ToArray<float>(), all.Unpack().Narrow(0, 63, 3).ToArray<float>());
    }

    /// <summary>Every form on shapes with and without rests behind whole lanes, blocks and groups of outputs.</summary>
    public static TheoryData<PackedForm, int, int> Shapes()
    {
        var data = new TheoryData<PackedForm, int, int>();
        foreach (var form in Enum.GetValues<PackedForm>())
        {
            foreach (var (outputs, inputs) in ((int, int)[])[(1, 1), (3, 5), (4, 16), (7, 33), (64, 64), (65, 96), (5, 288), (130, 777), (9, 3072)])
                data.Add(form, outputs, inputs);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_product_is_that_of_the_unpacked_weights_in_float64(PackedForm form, int outputs, int inputs)
    {
        using var scope = TensorScope.Begin();
        using var packed = form.Pack(Drawn(5, outputs, inputs));
        var weight = packed.Unpack().To(DType.Float64).Transpose(0, 1);
        var bias = Drawn(6, outputs);
        foreach (var rows in (int[])[1, 2, 3, 4, 5, 19])
        {
            var x = Drawn(7, rows, inputs);
            var expected = x.To(DType.Float64).MatMul(weight);
            // What float32 rounds away of n/16 additions, on what is added; a wrong place or sign anywhere is a thousand times as much.
            var allowed = (x.To(DType.Float64).Abs().MatMul(weight.Abs()) + bias.Abs()) * (6e-8 * ((inputs / 16) + 24));
            foreach (var kernel in (int[])[-1, 0, 1, 2])
            {
                Assert.True(((By(packed, x, null, kernel) - expected).Abs() - allowed).Max().Item() <= 0, $"{rows} rows, kernel {kernel}");
                Assert.True(((By(packed, x, bias, kernel) - expected - bias).Abs() - allowed).Max().Item() <= 0, $"{rows} rows, kernel {kernel}, bias");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_rows_numbers_do_not_depend_on_rows_beside_it_on_threads_or_on_the_width_of_registers(PackedForm form, int outputs, int inputs)
    {
        using var scope = TensorScope.Begin();
        using var packed = form.Pack(Drawn(8, outputs, inputs));
        var x = Drawn(9, 23, inputs);
        foreach (var kernel in (int[])[-1, 0, 1, 2])
        {
            TorchRuntime.Threads = 1;
            var alone = Enumerable.Range(0, 23).SelectMany(k => By(packed, x.Narrow(0, k, 1), null, kernel).ToArray<float>()).ToArray();
            foreach (var threads in (int[])[1, 2, 3])
            {
                TorchRuntime.Threads = threads;
                Assert.Equal(alone, By(packed, x, null, kernel).ToArray<float>());
                Assert.Equal(alone[..(5 * outputs)], By(packed, x.Narrow(0, 0, 5), null, kernel).ToArray<float>());
            }
        }

        Assert.Equal(By(packed, x, null, 1).ToArray<float>(), By(packed, x, null, 2).ToArray<float>());
    }

    [Fact]
    public void A_large_product_is_shared_among_threads_and_stays_the_same()
    {
        using var scope = TensorScope.Begin();
        foreach (var form in Enum.GetValues<PackedForm>())
        {
            using var packed = form.Pack(Drawn(10, 1027, 1024));
            var x = Drawn(11, 1, 1024);
            TorchRuntime.Threads = 1;
            var one = packed.Linear(x, null).ToArray<float>();
            TorchRuntime.Threads = 4;
            Assert.Equal(one, packed.Linear(x, null).ToArray<float>());
        }
    }

    [Fact]
    public void X_may_lie_in_memory_in_any_way_and_have_any_axes()
    {
        using var scope = TensorScope.Begin();
        foreach (var form in Enum.GetValues<PackedForm>())
        {
            using var packed = form.Pack(Drawn(12, 6, 32));
            var x = Drawn(13, 32, 10).Transpose(0, 1); // [10,32]
            var expected = packed.Linear(x.Clone(), null);
            packed.Linear(x, null).ShouldBeNear(expected, 0);
            packed.Linear(x.Reshape(2, 5, 32), null).ShouldBeNear(expected.View(2, 5, 6), 0);
            Assert.Equal([0, 6], packed.Linear(x.Narrow(0, 0, 0), null).Shape);
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused_in_words()
    {
        using var scope = TensorScope.Begin();
        foreach (var form in Enum.GetValues<PackedForm>())
        {
            using var packed = form.Pack(Drawn(14, 6, 32));
            Assert.Contains("expected float32 with 32 values in its last axis", Assert.Throws<TorchException>(() => packed.Linear(Drawn(15, 2, 31), null)).Message);
            Assert.Contains("the bias is [5], expected float32 with 6 values", Assert.Throws<TorchException>(() => packed.Linear(Drawn(15, 2, 32), Drawn(16, 5))).Message);
        }
    }

    [Fact]
    public void A_packed_table_looks_up_the_rows_that_it_multiplies_with()
    {
        using var scope = TensorScope.Begin();
        using var table = new Embedding(Drawn(17, 11, 24).Clone());
        var ids = Tensor.From((long[])[3, 10, 0, 3, 7, 7], 2, 3);
        var x = Drawn(18, 2, 24);
        var (rows, products) = (table.Forward(ids), table.Products(x));

        table.Pack();

        Assert.Empty(table.NamedParameters());
        var unpacked = table.Packed!.Unpack();
        table.Forward(ids).ShouldBeNear(Tensor.Embedding(unpacked, ids), 0);
        Assert.True((table.Forward(ids) - rows).Abs().Max().Item() is > 0 and < 0.02);
        using (Autograd.NoGrad())
            table.Products(x).ShouldBeNear(Tensor.Linear(x, unpacked), 1e-5);
        table.Products(x).ShouldBeNear(products, 0.2);
        FiniteDifferenceOf(table);
    }

    private static void FiniteDifferenceOf(Embedding table)
    {
        using var scope = TensorScope.Begin();
        var x = Drawn(19, 1, 24);
        x.RequiresGrad = true;
        table.Products(x).Sum().Backward();
        using var frozen = Autograd.NoGrad();
        x.Grad!.ShouldBeNear(table.Packed!.Unpack().Sum(0, keepDim: true), 1e-5); // the sum over rows of x·Wᵀ
    }

    [Theory]
    [InlineData(PackedForm.Int8)]
    [InlineData(PackedForm.Nf4)]
    [InlineData(PackedForm.Nf4Doubled)]
    public void A_layer_computes_the_same_with_and_without_recording(PackedForm form)
    {
        using var scope = TensorScope.Begin();
        using var layer = new Linear(Drawn(20, 13, 80).Clone(), Drawn(21, 13).Clone());
        layer.Pack(form);
        var x = Drawn(22, 3, 80);
        var recorded = layer.Forward(x);

        using var frozen = Autograd.NoGrad();
        layer.Forward(x).ShouldBeNear(recorded.Detach(), 2e-5);
        Assert.Equal(layer.Packed!.Linear(x, layer.Bias!.Value).ToArray<float>(), layer.Forward(x).ToArray<float>());
    }

    private static Tensor By(IPackedMatrix packed, Tensor x, Tensor? bias, int kernel) =>
        packed is Int8Matrix int8 ? int8.Linear(x, bias, kernel) : ((Nf4Matrix)packed).Linear(x, bias, kernel);

    private static Tensor Drawn(ulong seed, params long[] shape) => Initialise.Normal(shape, 1, new Seed(seed), Compute.Cpu);
}
