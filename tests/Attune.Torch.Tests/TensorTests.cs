using Attune.Torch.Testing;

namespace Attune.Torch.Tests;

[NoTensorLeaks]
public sealed class TensorTests
{
    /// <summary>One row an operator: its name, what it computes, and values worked by hand.</summary>
    public static TheoryData<string, Func<Tensor, Tensor>, double[][]> ElementWise => new()
    {
        { "add", x => x + 1, [[2, -1], [1.5, 1]] },
        { "subtract from", x => 1 - x, [[0, 3], [0.5, 1]] },
        { "multiply", x => x * x, [[1, 4], [0.25, 0]] },
        { "divide", x => x / 2, [[0.5, -1], [0.25, 0]] },
        { "negate", x => -x, [[-1, 2], [-0.5, 0]] },
        { "abs", x => x.Abs(), [[1, 2], [0.5, 0]] },
        { "sign", x => x.Sign(), [[1, -1], [1, 0]] },
        { "exp", x => x.Exp(), [[Math.E, Math.Exp(-2)], [Math.Exp(0.5), 1]] },
        { "expm1", x => x.Expm1(), [[Math.E - 1, Math.Exp(-2) - 1], [Math.Exp(0.5) - 1, 0]] },
        { "log of exp", x => x.Exp().Log(), [[1, -2], [0.5, 0]] },
        { "log1p", x => (x + 2).Log1p(), [[Math.Log(4), 0], [Math.Log(3.5), Math.Log(3)]] },
        { "square root", x => x.Square().Sqrt(), [[1, 2], [0.5, 0]] },
        { "inverse root", x => (x + 3).Rsqrt(), [[0.5, 1], [1 / Math.Sqrt(3.5), 1 / Math.Sqrt(3)]] },
        { "power", x => x.Pow(3), [[1, -8], [0.125, 0]] },
        { "reciprocal", x => (x + 3).Reciprocal(), [[0.25, 1], [1 / 3.5, 1.0 / 3]] },
        { "number divided by", x => 2 / (x + 3), [[0.5, 2], [2 / 3.5, 2.0 / 3]] },
        { "sin", x => x.Sin(), [[Math.Sin(1), Math.Sin(-2)], [Math.Sin(0.5), 0]] },
        { "cos", x => x.Cos(), [[Math.Cos(1), Math.Cos(-2)], [Math.Cos(0.5), 1]] },
        { "tanh", x => x.Tanh(), [[Math.Tanh(1), Math.Tanh(-2)], [Math.Tanh(0.5), 0]] },
        { "floor", x => x.Floor(), [[1, -2], [0, 0]] },
        { "round", x => (x + 0.1).Round(), [[1, -2], [1, 0]] },
        { "sigmoid", x => x.Sigmoid(), [[1 / (1 + Math.Exp(-1)), 1 / (1 + Math.Exp(2))], [1 / (1 + Math.Exp(-0.5)), 0.5]] },
        { "log sigmoid", x => x.LogSigmoid(), [[-Math.Log(1 + Math.Exp(-1)), -Math.Log(1 + Math.Exp(2))], [-Math.Log(1 + Math.Exp(-0.5)), -Math.Log(2)]] },
        { "softplus", x => x.Softplus(), [[Math.Log(1 + Math.E), Math.Log(1 + Math.Exp(-2))], [Math.Log(1 + Math.Exp(0.5)), Math.Log(2)]] },
        { "relu", x => x.Relu(), [[1, 0], [0.5, 0]] },
        { "silu", x => x.Silu(), [[1 / (1 + Math.Exp(-1)), -2 / (1 + Math.Exp(2))], [0.5 / (1 + Math.Exp(-0.5)), 0]] },
        { "gelu", x => x.Gelu(approximateTanh: false), [[0.841344746, -0.045500264], [0.345731231, 0]] }, // x·Φ(x)
        { "gelu by tanh", x => x.Gelu(approximateTanh: true), [[0.841191991, -0.045402306], [0.345714010, 0]] },
        { "clamp", x => x.Clamp(-1, 0.75), [[0.75, -1], [0.5, 0]] },
        { "clamp from below", x => x.ClampMin(0.25), [[1, 0.25], [0.5, 0.25]] },
        { "clamp from above", x => x.ClampMax(0.25), [[0.25, -2], [0.25, 0]] },
        { "maximum", x => Tensor.Maximum(x, -x), [[1, 2], [0.5, 0]] },
        { "minimum", x => Tensor.Minimum(x, -x), [[-1, -2], [-0.5, 0]] },
        { "where", x => Tensor.Where(x.Greater(0), x, x * 10), [[1, -20], [0.5, 0]] },
        { "softmax", x => x.Softmax(-1), [[1 / (1 + Math.Exp(-3)), 1 / (1 + Math.Exp(3))], [1 / (1 + Math.Exp(-0.5)), 1 / (1 + Math.Exp(0.5))]] },
        { "log softmax", x => x.LogSoftmax(-1), [[-Math.Log(1 + Math.Exp(-3)), -Math.Log(1 + Math.Exp(3))], [-Math.Log(1 + Math.Exp(-0.5)), -Math.Log(1 + Math.Exp(0.5))]] },
        { "running sum", x => x.CumSum(1), [[1, -1], [0.5, 0.5]] },
        { "matrix product", x => x.MatMul(x), [[0, -2], [0.5, -1]] },
        { "linear", x => Tensor.Linear(x, Tensor.Of([[1.0, 2], [0, 1]]), Tensor.Of([10.0, 20])), [[7, 18], [10.5, 20]] },
        { "transpose", x => x.Transpose(0, 1), [[1, 0.5], [-2, 0]] },
        { "upper triangle", x => x.Triu(), [[1, -2], [0, 0]] },
        { "lower triangle", x => x.Tril(), [[1, 0], [0.5, 0]] },
        { "masked fill", x => x.MaskedFill(x.Less(0), 9), [[1, 9], [0.5, 0]] },
        { "index select", x => x.IndexSelect(1, Tensor.From([1L, 0], 2)), [[-2, 1], [0, 0.5]] },
        { "gather", x => x.Gather(1, Tensor.From([1L, 1], 2, 1)), [[-2], [0]] },
        { "repeat interleave", x => x.RepeatInterleave(2, 0), [[1, -2], [1, -2], [0.5, 0], [0.5, 0]] },
        { "concatenate", x => Tensor.Cat(1, x, x), [[1, -2, 1, -2], [0.5, 0, 0.5, 0]] },
        { "narrow", x => x.Narrow(1, 1, 1), [[-2], [0]] },
        { "slice", x => x.Slice(0, 1, 2), [[0.5, 0]] },
    };

    [Theory]
    [MemberData(nameof(ElementWise))]
    public void An_operator_gives_the_values_worked_by_hand(string name, Func<Tensor, Tensor> f, double[][] expected)
    {
        using var scope = TensorScope.Begin();
        Assert.NotEmpty(name);
        f(Tensor.Of([[1.0, -2], [0.5, 0]])).ShouldBeNear(expected, tolerance: 1e-8);
    }

    [Fact]
    public void Reductions_give_the_values_worked_by_hand()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([[1.0, 2, 3], [4, 5, 12]]);
        x.Sum().ShouldBeNear(27, tolerance: 0);
        x.Sum(0).ShouldBeNear([5.0, 7, 15], tolerance: 0);
        x.Mean().ShouldBeNear(4.5, tolerance: 0);
        x.Mean(1).ShouldBeNear([2.0, 7], tolerance: 0);
        x.Var(1, unbiased: true).ShouldBeNear([1.0, 19], tolerance: 1e-12);
        x.Var(1, unbiased: false).ShouldBeNear([2.0 / 3, 38.0 / 3], tolerance: 1e-12);
        x.Max().ShouldBeNear(12, tolerance: 0);
        x.Max(0).ShouldBeNear([4.0, 5, 12], tolerance: 0);
        x.Min(1).ShouldBeNear([1.0, 4], tolerance: 0);
        Assert.Equal([2L, 2], x.ArgMax(1).ToArray<long>());
        x.LogSumExp(1).ShouldBeNear([Math.Log(Math.Exp(1) + Math.Exp(2) + Math.Exp(3)), 12 + Math.Log(1 + Math.Exp(-8) + Math.Exp(-7))], tolerance: 1e-12);
        Tensor.Of([3.0, 4]).Norm().ShouldBeNear(5, tolerance: 1e-12);
        x.SumWhere(x.Greater(4)).ShouldBeNear(17, tolerance: 0);
        x.SumWhere(Tensor.Of([[1.0, 0, 0.5], [0, 0, 1]])).ShouldBeNear(14.5, tolerance: 0);
    }

    [Fact]
    public void A_masked_sum_ignores_a_value_that_is_not_a_number()
    {
        using var scope = TensorScope.Begin();
        Tensor.Of([1.0, double.NaN, 3]).SumWhere(Tensor.From([true, false, true], 3)).ShouldBeNear(4, tolerance: 0);
    }

    [Fact]
    public void Top_k_and_sort_give_values_and_their_places()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([3.0, 9, 1, 7]);
        var top = x.TopK(2);
        top.Values.ShouldBeNear([9.0, 7], tolerance: 0);
        Assert.Equal([1L, 3], top.Indices.ToArray<long>());
        Assert.Equal([2L, 0, 3, 1], x.Sort(0, descending: false).Indices.ToArray<long>());
        Assert.Equal([1L, 3], x.Greater(5).NonZero().Flatten().ToArray<long>());
    }

    [Fact]
    public void Changes_in_place_change_the_tensor_itself()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([1.0, 2]);
        x.AddInPlace(Tensor.Of([10.0, 20]), 0.5).MulInPlace(2).AddInPlace(1.0).AddProductInPlace(Tensor.Of([1.0, 2]), Tensor.Of([3.0, 4]), 10);
        x.ShouldBeNear([43.0, 105], tolerance: 0); // (1+5)·2+1+30 and (2+10)·2+1+80
        x.LerpInPlace(Tensor.Of([3.0, 5]), 0.5).ShouldBeNear([23.0, 55], tolerance: 0);
        x.AddQuotientInPlace(Tensor.Of([4.0, 9]), Tensor.Of([2.0, 3]), 1).ShouldBeNear([25.0, 58], tolerance: 0);
        x.IndexPutInPlace([Tensor.From([0L, 0], 2)], Tensor.Of([1.0, 2]), accumulate: true).ShouldBeNear([28.0, 58], tolerance: 0);
        x.ZeroInPlace().FillInPlace(4).ShouldBeNear([4.0, 4], tolerance: 0);
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    [InlineData(DType.Int64)]
    public void Small_whole_numbers_survive_every_element_type(DType dtype)
    {
        using var scope = TensorScope.Begin();
        var there = Tensor.Of([0.0, 1, -3, 128]).To(dtype);
        Assert.Equal(dtype, there.DType);
        there.To(DType.Float64).ShouldBeNear([0.0, 1, -3, 128], tolerance: 0);
    }

    [Fact]
    public void Printing_shows_type_shape_and_the_edges_of_long_axes()
    {
        using var scope = TensorScope.Begin();
        Assert.Equal("float64 [2,2]\n[[1, 2]\n [3, 4.5]]", Tensor.Of([[1.0, 2], [3, 4.5]]).ToString());
        Assert.Equal("int64 [9] [0, 1, 2, …, 6, 7, 8]", Tensor.Arange(9).ToString());
        Assert.Equal("bool [2] [true, false]", Tensor.From([true, false], 2).ToString());
    }

    [Fact]
    public void An_error_names_the_operator_and_the_shapes()
    {
        using var scope = TensorScope.Begin();
        var error = Assert.Throws<TorchException>(() => Tensor.Of([1.0, 2]) + Tensor.Of([1.0, 2, 3]));
        Assert.Contains("aten::add.Tensor(float64 [2], float64 [3])", error.Message);
    }

    [Fact]
    public void An_error_of_an_operator_without_results_is_not_swallowed()
    {
        using var scope = TensorScope.Begin();
        var op = Operator.Find("aten::_foreach_add_", "List");
        var error = Assert.Throws<TorchException>(() => op.Run(new[] { Tensor.Of([1.0, 2]) }, new[] { Tensor.Of([1.0, 2, 3]) }));
        Assert.Contains("aten::_foreach_add_.List", error.Message);
    }

    [Fact]
    public void A_wrong_element_type_is_named()
    {
        using var scope = TensorScope.Begin();
        var error = Assert.Throws<TorchException>(() => Tensor.Of([[1.0]]).MatMul(Tensor.Of([[1.0]]).To(DType.Float32)));
        Assert.Contains("float64 [1,1], float32 [1,1]", error.Message);
        Assert.Contains("ToArray<Single> on float64 [1]", Assert.Throws<TorchException>(() => Tensor.Of([1.0]).ToArray<float>()).Message);
    }

    [Fact]
    public void A_closed_tensor_is_named_with_its_place()
    {
        using var scope = TensorScope.Begin();
        var closed = Tensor.Of([1.0]);
        closed.Dispose();
        Assert.Contains("aten::add.Tensor(float64 [1], closed tensor): argument 2 is a closed tensor", Assert.Throws<TorchException>(() => Tensor.Of([1.0]) + closed).Message);
        Assert.Throws<TorchException>(() => closed.Shape);
        Assert.Equal("closed tensor", closed.ToString());
    }

    [Fact]
    public void An_unknown_operator_is_named_with_the_version_that_lacks_it()
    {
        var error = Assert.Throws<TorchException>(() => Operator.Find("aten::no_such_thing"));
        Assert.Contains("aten::no_such_thing", error.Message);
        Assert.Contains(TorchRuntime.Version, error.Message);
    }

    [Fact]
    public void A_device_that_is_not_there_is_refused_with_what_to_do()
    {
        using var scope = TensorScope.Begin();
        var error = Assert.Throws<TorchException>(() => Tensor.Of([1.0]).To(Device.Cuda(99)));
        Assert.Contains("cuda:99", error.Message);
        Assert.Contains("ATTUNE_LIBTORCH", error.Message);
    }

    [Fact]
    public void Data_that_does_not_fill_the_shape_is_refused()
    {
        Assert.Contains("expected 24", Assert.Throws<ArgumentException>(() => Tensor.From([1f, 2], 2, 3)).Message);
    }
}
