using Attune.Torch.Testing;

namespace Attune.Torch.Tests;

/// <summary>Operators of two tensors, of shapes and of indices against values worked by hand, grouped by kind.</summary>
[NoTensorLeaks]
public sealed class TensorOperatorTests
{
    [Fact]
    public void New_tensors_hold_what_was_asked_for()
    {
        using var scope = TensorScope.Begin();
        var wide = new Compute(Device.Cpu, DType.Float64);
        Is([2, 1], [0, 0], Tensor.Zeros([2, 1]), DType.Float32);
        Is([2], [0, 0], Tensor.Zeros([2], DType.Int64), DType.Int64);
        Is([2], [1, 1], Tensor.Ones([2], wide), DType.Float64);
        Is([1, 2], [2.5, 2.5], Tensor.Full([1, 2], 2.5), DType.Float32);
        Is([2], [0, 0], Tensor.ZerosLike(Tensor.Of([3.0, 4])), DType.Float64);
        Is([2], [1, 1], Tensor.OnesLike(Tensor.From([3L, 4], 2)), DType.Int64);
        Is([3], [2, 5, 8], Tensor.Arange(2, 9, 3), DType.Int64);
        Is([], [7], Tensor.Of(7), DType.Float64);
        Is([1, 2, 1], [1, 2], Tensor.Of([[[1.0], [2]]]), DType.Float64);
        Is([2], [1, 2], Tensor.From((ReadOnlySpan<int>)[1, 2], 2), DType.Int32);
        Is([2], [1, 255], Tensor.From<byte>([1, 255], 2), DType.UInt8);
        Is([2], [1, -2], Tensor.FromBytes([0x80, 0x3F, 0x00, 0xC0], DType.BFloat16, 2), DType.BFloat16); // 1 is 3F80, −2 is C000
        Assert.Throws<ArgumentException>(() => Tensor.Of([[1.0, 2], [3]]));
        Assert.Throws<NotSupportedException>(() => Tensor.From<short>([1], 1));
    }

    [Fact]
    public void Arithmetic_of_two_tensors_broadcasts()
    {
        using var scope = TensorScope.Begin();
        var (column, row) = (Tensor.Of([[6.0], [8]]), Tensor.Of([1.0, 2]));
        (column + row).ShouldBeNear([[7, 8], [9, 10]], tolerance: 0);
        (column - row).ShouldBeNear([[5, 4], [7, 6]], tolerance: 0);
        (column * row).ShouldBeNear([[6, 12], [8, 16]], tolerance: 0);
        (column / row).ShouldBeNear([[6, 3], [8, 4]], tolerance: 0);
        (row - 3).ShouldBeNear([-2.0, -1], tolerance: 0);
        (3 + row).ShouldBeNear([4.0, 5], tolerance: 0);
        (3 * row).ShouldBeNear([3.0, 6], tolerance: 0);
        (row * 3).ShouldBeNear([3.0, 6], tolerance: 0);
    }

    [Fact]
    public void Comparisons_say_where_they_hold()
    {
        using var scope = TensorScope.Begin();
        var (x, y) = (Tensor.Of([1.0, 2, 3]), Tensor.Of([2.0, 2, 2]));
        Holds([false, true, false], x.Equal(y));
        Holds([false, true, false], x.Equal(2));
        Holds([true, false, true], x.NotEqual(2));
        Holds([true, false, false], x.Less(y));
        Holds([true, false, false], x.Less(2));
        Holds([false, false, true], x.Greater(y));
        Holds([false, false, true], x.Greater(2));
        Holds([false, true, true], x.GreaterEqual(2));
        Holds([true, true], Tensor.Of([1.0, 1]).Equal(1));
    }

    [Fact]
    public void Logic_follows_its_truth_tables()
    {
        using var scope = TensorScope.Begin();
        var (a, b) = (Tensor.From([false, false, true, true], 4), Tensor.From([false, true, false, true], 4));
        Holds([false, false, false, true], a.And(b));
        Holds([false, true, true, true], a.Or(b));
        Holds([true, true, false, false], a.Not());
        Assert.Equal([0L, 1], new[] { a.All(), a.Or(a.Not()).All() }.Select(t => t.ItemInt64()));
        var odd = Tensor.Of([1, double.NaN, double.PositiveInfinity, double.NegativeInfinity]);
        Holds([true, false, false, false], odd.IsFinite());
        Holds([false, true, false, false], odd.IsNaN());
    }

    [Fact]
    public void Products_of_matrices_match_sums_written_out()
    {
        using var scope = TensorScope.Begin();
        var a = Tensor.Of([[[1.0, 2], [3, 4]], [[0, 1], [1, 0]]]);
        var b = Tensor.Of([[[5.0], [6]], [[7], [8]]]);
        Is([2, 2, 1], [17, 39, 8, 7], a.Bmm(b)); // 1·5+2·6, 3·5+4·6, 8, 7
        Is([2, 2, 1], [17, 39, 8, 7], a.MatMul(b));
        Is([2, 2, 1], [18.5, 29.5, 4, 3.5], Tensor.AddBmm(Tensor.Of([[[10.0], [10]], [[0], [0]]]), a, b, scale: 0.5));
        a.Select(0, 0).Mv(Tensor.Of([5.0, 6])).ShouldBeNear([17.0, 39], tolerance: 0);
        Tensor.Linear(Tensor.Of([[1.0, 2]]), Tensor.Of([[3.0, 4], [5, 6]])).ShouldBeNear([[11, 17]], tolerance: 0);
    }

    [Fact]
    public void Reductions_keep_an_axis_where_asked()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([[1.0, 2, 3], [4, 5, 12]]);
        x.Min().ShouldBeNear(1, tolerance: 0);
        x.Sum(1, keepDim: true).ShouldBeNear([[6], [21]], tolerance: 0);
        x.Mean(0, keepDim: true).ShouldBeNear([[2.5, 3.5, 7.5]], tolerance: 0);
        x.Max(1, keepDim: true).ShouldBeNear([[3], [12]], tolerance: 0);
        x.Min(0, keepDim: true).ShouldBeNear([[1, 2, 3]], tolerance: 0);
        x.Var(1, unbiased: true, keepDim: true).ShouldBeNear([[1], [19]], tolerance: 1e-12);
        x.Std(1, unbiased: true).ShouldBeNear([1, Math.Sqrt(19)], tolerance: 1e-12);
        x.Std(1, unbiased: false, keepDim: true).ShouldBeNear([[Math.Sqrt(2.0 / 3)], [Math.Sqrt(38.0 / 3)]], tolerance: 1e-12);
        Is([2, 1], [2, 2], x.ArgMax(-1, keepDim: true), DType.Int64);
        Tensor.Of([[0.0, 0]]).LogSumExp(1, keepDim: true).ShouldBeNear([[Math.Log(2)]], tolerance: 1e-12);
    }

    [Fact]
    public void Shapes_change_without_moving_an_element()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([[1.0, 2, 3], [4, 5, 6]]);
        Is([3, 2], [1, 2, 3, 4, 5, 6], x.View(3, -1));
        Is([6], [1, 4, 2, 5, 3, 6], x.Transpose(0, 1).Reshape(-1)); // no view can do that: copied
        Is([2, 1, 3], [1, 2, 3, 4, 5, 6], x.Unsqueeze(1));
        Is([2, 3], [1, 2, 3, 4, 5, 6], x.Unsqueeze(1).Squeeze(1));
        Is([2, 3], [1, 2, 3, 4, 5, 6], x.Squeeze(0)); // its size is 2: nothing to remove
        Is([2, 2], [7, 7, 8, 8], Tensor.Of([[7.0], [8]]).Expand(-1, 2));
        Is([6], [1, 2, 3, 4, 5, 6], x.Flatten());
        Is([2, 3], [1, 2, 3, 4, 5, 6], x.View(2, 3, 1).Flatten(1));
        Is([2], [3, 6], x.Select(1, 2));
        Is([2, 2], [1, 3, 4, 6], x.Slice(1, 0, 3, step: 2));
        Is([2, 2], [1, 2, 4, 5], x.Slice(1, 0, -1));
        var parts = x.Split(1, 1, 2);
        Is([2, 1], [1, 4], parts[0]);
        Is([2, 2], [2, 3, 5, 6], parts[1]);
        Assert.Equal(2, parts.Length);
        Is([2, 2], [1, 2, 3, 4], Tensor.Stack(0, Tensor.Of([1.0, 2]), Tensor.Of([3.0, 4])));
        Is([2, 2], [1, 3, 2, 4], Tensor.Stack(1, Tensor.Of([1.0, 2]), Tensor.Of([3.0, 4])));
        Is([2, 3], [0, 2, 3, 0, 0, 6], x.Triu(1));
        Is([2, 3], [0, 0, 0, 4, 0, 0], x.Tril(-1));
        Assert.Equal([2, 3], new[] { x.Size(0), x.Size(-1) });
    }

    [Fact]
    public void Indices_pick_what_they_name()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([[1.0, 2, 3], [4, 5, 6]]);
        var (rows, columns) = (Tensor.From([0L, 1, 1], 3), Tensor.From([2L, 0, 2], 3));
        Is([3], [3, 4, 6], x.Index(rows, columns));
        Is([2, 3], [3, 1, 3, 6, 4, 6], x.Index(null, columns));
        Is([2, 1, 3], [4, 5, 6, 1, 2, 3], Tensor.Embedding(x, Tensor.From([1L, 0], 2, 1)));
        Is([2, 3], [1, 2, 9, 8, 5, 7], x.Clone().IndexPutInPlace([rows, columns], Tensor.Of([9.0, 8, 7])));
        var sorted = Tensor.Of([[3.0, 9, 1]]).Sort(1, descending: true);
        Is([1, 3], [9, 3, 1], sorted.Values);
        Is([1, 3], [1, 0, 2], sorted.Indices, DType.Int64);
    }

    [Fact]
    public void Copies_have_memory_of_their_own_and_views_share_it()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([1.0, 2]);
        var (copy, view) = (x.Clone(), x.Detach());
        x.CopyFrom(Tensor.From([5f], 1)); // converts and broadcasts
        x.ShouldBeNear([5.0, 5], tolerance: 0);
        view.ShouldBeNear([5.0, 5], tolerance: 0);
        copy.ShouldBeNear([1.0, 2], tolerance: 0);
        Assert.Equal([5.0, 5], x.AsSpan<double>());
        x.CopyBytesFrom([0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0xC0]); // 1 and −2, little-endian
        x.ShouldBeNear([1.0, -2], tolerance: 0);
        var bytes = new byte[8];
        x.Narrow(0, 1, 1).CopyBytesTo(bytes);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0xC0], bytes);
        Assert.Same(x, x.To(new Compute(Device.Cpu, DType.Float64)));
        Is([2], [1, -2], x.To(Compute.Cpu), DType.Float32);
        Assert.Equal(-2, x.Min().Item());
        Assert.Equal(1, x.To(DType.Int64).Max().ItemInt64());
    }

    private static void Is(long[] shape, double[] values, Tensor actual, DType dtype = DType.Float64)
    {
        Assert.Equal(dtype, actual.DType);
        Assert.Equal(shape, actual.Shape);
        Assert.Equal(values, actual.ToDoubles());
    }

    private static void Holds(bool[] expected, Tensor actual) => Assert.Equal(expected, actual.ToArray<bool>());
}
