using Attune.Torch.Modules;
using Attune.Torch.Testing;

namespace Attune.Torch.Tests;

/// <summary>Matrix products, which the bridge shares out among threads, against other ways to the same numbers, for every layout in memory.</summary>
[NoTensorLeaks]
public sealed class MatrixProductTests : IDisposable
{
    private readonly int _threads = TorchRuntime.Threads;

    public MatrixProductTests() => TorchRuntime.Threads = 2; // fewer than matrices: then the bridge's kernels take them, where it has any

    public static TheoryData<string, int, DType> Layouts()
    {
        var data = new TheoryData<string, int, DType>();
        foreach (var layout in (string[])["rows", "columns", "part of wider rows", "part of longer columns", "one matrix for all", "one row for all", "every second value", "one batch entry"])
        {
            foreach (var rows in (int[])[1, 3]) // one row is multiplied as a vector
            {
                data.Add(layout, rows, DType.Float32);
                data.Add(layout, rows, DType.Float64);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void A_product_does_not_depend_on_how_its_factors_lie_in_memory(string layout, int rows, DType dtype)
    {
        using var scope = TensorScope.Begin();
        const int N = 5, Inner = 4, Columns = 6;
        var a = Laid(layout, N, rows, Inner, dtype, 1);
        var b = Laid(layout, N, Inner, Columns, dtype, 2);
        var added = Drawn([N, rows, Columns], dtype, 3);
        var expected = (a.Unsqueeze(3) * b.Unsqueeze(1)).Sum(2);
        var tolerance = dtype == DType.Float64 ? 1e-12 : 1e-5;

        AssertClose(expected, a.Bmm(b), tolerance);
        AssertClose(added + expected * 0.5, Tensor.AddBmm(added, a, b, 0.5), tolerance);
        AssertClose(expected * 0.5 + added.Narrow(0, 0, 1), Tensor.AddBmm(added.Narrow(0, 0, 1), a, b, 0.5), tolerance); // the addend broadcasts
    }

    [Theory]
    [InlineData(7, 1, 4, 6)]
    [InlineData(7, 3, 1, 6)]
    [InlineData(7, 3, 4, 1)]
    [InlineData(7, 1, 1, 1)]
    [InlineData(33, 40, 64, 40)]
    public void Axes_of_one_and_many_matrices(int count, int rows, int inner, int columns)
    {
        using var scope = TensorScope.Begin();
        var (a, b) = (Drawn([count, rows, inner], DType.Float64, 4), Drawn([count, columns, inner], DType.Float64, 5).Transpose(1, 2));

        AssertClose((a.Unsqueeze(3) * b.Unsqueeze(1)).Sum(2), a.Bmm(b), 1e-12);
    }

    [Theory]
    [InlineData(32, 65, 64, 130)]
    [InlineData(600, 1, 64, 200)]
    [InlineData(4, 3, 8, 5)]
    public void A_shared_out_product_is_the_same_with_one_thread_and_with_two(int count, int rows, int inner, int columns)
    {
        using var scope = TensorScope.Begin();
        var (a, b) = (Drawn([count, rows, inner], DType.Float32, 6), Drawn([count, inner, columns], DType.Float32, 7));
        var two = a.Bmm(b).ToArray<float>();
        TorchRuntime.Threads = 1;
        var one = a.Bmm(b).ToArray<float>();

        if (TorchRuntime.SharesProducts && rows > 1) // a single row is a vector for two threads, and for one where it is small
            Assert.Equal(one, two);
        Assert.All(one.Zip(two), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Theory]
    [InlineData(300, 40, 130, 2)] // parts of rows
    [InlineData(257, 40, 129, 2)] // with an odd rest
    [InlineData(130, 40, 300, 2)] // parts of columns
    [InlineData(400, 3, 128, 3)]
    [InlineData(385, 3, 128, 3)] // the last part is smaller than the others
    [InlineData(127, 40, 300, 2)] // too small to be shared out
    public void A_large_product_does_not_depend_on_how_its_factors_lie_in_memory(int rows, int inner, int columns, int threads)
    {
        TorchRuntime.Threads = threads;
        foreach (var dtype in (DType[])[DType.Float32, DType.Float64])
        {
            foreach (var layout in (string[])["rows", "columns", "part of wider rows", "part of longer columns", "one row for all", "every second value"])
            {
                using var scope = TensorScope.Begin();
                var a = Laid(layout, 1, rows, inner, dtype, 1).Select(0, 0);
                var b = Laid(layout, 1, inner, columns, dtype, 2).Select(0, 0);
                var bias = Drawn([columns], dtype, 3);
                var expected = a.Unsqueeze(0).Bmm(b.Unsqueeze(0)).Select(0, 0); // a batch of one is libtorch's own
                var tolerance = dtype == DType.Float64 ? 1e-12 : 1e-4;

                AssertClose(expected, a.MatMul(b), tolerance);
                AssertClose(expected + bias, Tensor.Linear(a, b.Transpose(0, 1), bias), tolerance);
                AssertClose(expected * 0.5 + bias * 2, Operator.Find("aten::addmm").Call(bias, a, b, 2.0, 0.5), tolerance);
            }
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 3)]
    [InlineData(257, 300)]
    public void A_single_row_meets_a_weight_as_the_first_of_several_does(int inner, int outer)
    {
        using var scope = TensorScope.Begin();
        var (x, weight, bias) = (Drawn([4, inner], DType.Float64, 11), Drawn([outer, inner], DType.Float64, 12), Drawn([outer], DType.Float64, 13));
        var row = x.Narrow(0, 0, 1);

        AssertClose(Tensor.Linear(x, weight, bias).Narrow(0, 0, 1), Tensor.Linear(row, weight, bias), 1e-12);
        AssertClose(Tensor.Linear(x, weight).Narrow(0, 0, 1), Tensor.Linear(row, weight), 1e-12);
        AssertClose(Tensor.Linear(x, weight, bias).Narrow(0, 0, 1).Unsqueeze(0), Tensor.Linear(row.Unsqueeze(0), weight, bias), 1e-12);
        AssertClose(x.MatMul(weight.Transpose(0, 1)).Narrow(0, 0, 1), row.MatMul(weight.Transpose(0, 1)), 1e-12);
        var rows = Drawn([inner, outer], DType.Float64, 18); // laid out the other way
        AssertClose(x.MatMul(rows).Narrow(0, 0, 1), row.MatMul(rows), 1e-12);
    }

    [Theory]
    [InlineData(256, 257)] // the last outputs are fewer than share what is read
    [InlineData(509, 260)] // inputs that are no whole vectors
    public void Few_rows_meet_a_large_weight_each_as_it_would_in_other_company(int inner, int outer)
    {
        using var scope = TensorScope.Begin();
        var (x, weight, bias) = (Drawn([9, inner], DType.Float32, 20), Drawn([outer, inner], DType.Float32, 21), Drawn([outer], DType.Float32, 22));
        var exact = Tensor.Linear(x.To(DType.Float64), weight.To(DType.Float64), bias.To(DType.Float64)).To(DType.Float32);
        var two = Tensor.Linear(x.Narrow(0, 0, 2), weight, bias).ToArray<float>();
        for (var rows = 2; rows <= 9; rows++)
        {
            AssertClose(exact.Narrow(0, 0, rows), Tensor.Linear(x.Narrow(0, 0, rows), weight, bias), 1e-4);
            AssertClose(exact.Narrow(0, 0, rows) - bias, x.Narrow(0, 0, rows).MatMul(weight.Transpose(0, 1)), 1e-4);
            AssertClose(exact.Narrow(0, 0, rows) * 0.5 + bias * 1.5, Operator.Find("aten::addmm").Call(bias, x.Narrow(0, 0, rows), weight.Transpose(0, 1), 2.0, 0.5), 1e-4);
            TorchRuntime.Threads = 1 + rows % 2;
            if (rows <= 8 && TorchRuntime.SharesProducts && System.Runtime.Intrinsics.X86.Fma.IsSupported)
                Assert.Equal(two, Tensor.Linear(x.Narrow(0, 0, rows), weight, bias).Narrow(0, 0, 2).ToArray<float>());
        }
    }

    [Fact]
    public void Gradients_of_a_single_row_are_worked_by_hand()
    {
        using var scope = TensorScope.Begin();
        var (x, weight, bias) = (Drawn([1, 5], DType.Float64, 14), Drawn([3, 5], DType.Float64, 15), Drawn([3], DType.Float64, 16));
        foreach (var leaf in new[] { x, weight, bias })
            leaf.RequiresGrad = true;
        var scale = Drawn([1, 3], DType.Float64, 17);

        (Tensor.Linear(x, weight, bias) * scale).Sum().Backward();

        // d/dx Σ s·(Wx + b) = sᵀW, d/dW = s xᵀ, d/db = s
        using var frozen = Autograd.NoGrad();
        AssertClose(scale.MatMul(weight), x.Grad!, 1e-12);
        AssertClose(scale.Transpose(0, 1) * x, weight.Grad!, 1e-12);
        AssertClose(scale.Flatten(0, 1), bias.Grad!, 1e-12);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8192)]
    [InlineData(8193)]
    public void Gelu_of_few_values_is_that_of_many(int count)
    {
        using var scope = TensorScope.Begin();
        var x = Drawn([30_000], DType.Float32, 19);

        AssertClose(x.Gelu(approximateTanh: false).Narrow(0, 0, count), x.Narrow(0, 0, count).Gelu(approximateTanh: false), 1e-6);
        AssertClose(x.Gelu(approximateTanh: true).Narrow(0, 0, count), x.Narrow(0, 0, count).Gelu(approximateTanh: true), 1e-6);
        Assert.Equal(2, TorchRuntime.Threads); // as before
    }

    [Fact]
    public void A_thread_keeps_its_number_of_threads_when_another_asks_for_more()
    {
        using var other = new ManualResetEventSlim();
        var seen = 0;
        var thread = new Thread(() =>
        {
            TorchRuntime.Threads = 1;
            other.Wait();
            seen = TorchRuntime.Threads;
        });
        thread.Start();
        while (thread.ThreadState != ThreadState.WaitSleepJoin)
            Thread.Sleep(1);
        TorchRuntime.Threads = 2;
        other.Set();
        thread.Join();

        Assert.Equal((1, 2), (seen, TorchRuntime.Threads));
    }

    [Fact]
    public void Where_openblas_uses_openmp_the_bridge_shares_products_out()
    {
        const string Maps = "/proc/self/maps";
        var isExpected = TorchRuntime.Version.StartsWith("1.", StringComparison.Ordinal) && File.Exists(Maps) && File.ReadAllText(Maps).Contains("openblas-openmp", StringComparison.Ordinal);

        Assert.Equal(isExpected, TorchRuntime.SharesProducts);
    }

    [Fact]
    public void Gradients_of_a_batch_are_those_of_each_matrix()
    {
        using var scope = TensorScope.Begin();
        var (a, b) = (Drawn([6, 3, 4], DType.Float64, 8), Drawn([6, 4, 2], DType.Float64, 9));
        a.RequiresGrad = true;
        b.RequiresGrad = true;
        var weight = Drawn([6, 3, 2], DType.Float64, 10);

        (a.Bmm(b) * weight).Sum().Backward();

        // d/dA Σ w·(AB) = W·Bᵀ, d/dB = Aᵀ·W
        using var frozen = Autograd.NoGrad();
        AssertClose((weight.Unsqueeze(3) * b.Transpose(1, 2).Unsqueeze(1)).Sum(2), a.Grad!, 1e-12);
        AssertClose((a.Transpose(1, 2).Unsqueeze(3) * weight.Unsqueeze(1)).Sum(2), b.Grad!, 1e-12);
    }

    public void Dispose() => TorchRuntime.Threads = _threads;

    private static Tensor Laid(string layout, int count, int rows, int columns, DType dtype, ulong seed) => layout switch
    {
        "rows" => Drawn([count, rows, columns], dtype, seed),
        "columns" => Drawn([count, columns, rows], dtype, seed).Transpose(1, 2),
        "part of wider rows" => Drawn([count, rows, columns + 3], dtype, seed).Narrow(2, 1, columns),
        "part of longer columns" => Drawn([count, columns, rows + 3], dtype, seed).Narrow(2, 2, rows).Transpose(1, 2),
        "one matrix for all" => Drawn([1, rows, columns], dtype, seed).Expand(count, rows, columns),
        "one row for all" => Drawn([count, 1, columns], dtype, seed).Expand(count, rows, columns),
        "every second value" => Drawn([count, rows, columns, 2], dtype, seed).Select(3, 0),
        "one batch entry" => Drawn([count, 1, rows, columns], dtype, seed).Select(0, 2).Expand(count, rows, columns),
        _ => throw new ArgumentOutOfRangeException(nameof(layout)),
    };

    private static Tensor Drawn(long[] shape, DType dtype, ulong seed) => Initialise.Normal(shape, 1, new Seed(seed), new Compute(Device.Cpu, dtype));

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.InRange((expected - actual).Abs().Max().Item(), 0, tolerance);
    }
}
