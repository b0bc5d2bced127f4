using Attune.Torch.Testing;

namespace Attune.Torch.Tests;

/// <summary>Each error names the method, shapes and element types, what was expected and what to do.</summary>
[NoTensorLeaks]
public sealed class TensorErrorTests
{
    [Fact]
    public void One_number_of_many_is_refused()
    {
        using var scope = TensorScope.Begin();
        var many = Tensor.Zeros([2, 3]);
        const string Why = "it has 6 elements, expected exactly one; reduce it first, for instance with Sum or Mean, or read them all with ToDoubles";
        Refused($"Item on float32 [2,3]: {Why}", () => many.Item());
        Refused($"ItemInt64 on int64 [2,3]: {Why}", () => many.To(DType.Int64).ItemInt64());
        Refused("Item on float32 [0]: it has 0 elements", () => Tensor.Zeros([0]).Item());
    }

    [Fact]
    public void Reading_with_the_wrong_type_is_refused()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([[1.5, 2], [3, 4]]);
        Refused("ToArray<Single> on float64 [2,2]: expected float32; convert with To(DType.Float32)", () => x.ToArray<float>());
        const string How = "without gaps in host memory; convert with To(DType.";
        Refused($"AsSpan<Single> on float64 [2,2]: expected float32 {How}Float32), or read a copy with ToArray", () => { _ = x.AsSpan<float>(); });
        Refused($"AsSpan<Double> on float64 [2,2]: expected float64 {How}", () => { _ = x.Transpose(0, 1).AsSpan<double>(); });
        Refused("ItemInt64 on float64 []: the element type has fractions, expected integers or bool; read it with Item", () => x.Sum().ItemInt64());
        Refused("CopyBytesTo on float64 [2,2]: holds 32 bytes, asked for 4", () => x.CopyBytesTo(new byte[4]));
        Refused("CopyBytesFrom on float64 [2,2]: holds 32 bytes, given 4", () => x.CopyBytesFrom(new byte[4]));
    }

    [Fact]
    public void A_gradient_where_none_can_flow_is_refused()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([1.0, 2, 3]);
        Refused("Backward on float64 []: it has no history, expected the result of a tensor with RequiresGrad; set that before computing, and compute outside Autograd.NoGrad",
            x.Sum().Backward);
        x.RequiresGrad = true;
        Refused("Backward on float64 [3]: it has 3 elements and no gradient is given, expected a scalar; reduce it with Sum or Mean, or give Autograd a gradient of its shape",
            (x * 2).Backward);
        Refused("Backward on float64 [3]: the gradient given is float64 [2], expected the same shape and element type", () => Autograd.Backward([x * 2], [Tensor.Of([1.0, 1])]));
        Refused("Backward on float64 [3]: the gradient given is float32 [3], expected the same shape and element type", () => Autograd.Backward([x * 2], [Tensor.Ones([3])]));
        Refused("Autograd.Grad on float64 [3]: it has 3 elements and no gradient is given", () => Autograd.Grad([x * 2], [x]));
        Refused("Autograd.Grad on float64 []: it has no history", () => Autograd.Grad([x.Detach().Sum()], [x]));
        Refused("RequiresGrad on int64 [3]", () => Tensor.Arange(3).RequiresGrad = true);
        Assert.Throws<ArgumentException>(() => Autograd.Grad([x.Sum()], [x], []));
        var y = x.Square().Sum();
        y.Backward();
        Refused("Backward on float64 []: Trying to backward through the graph a second time", y.Backward);
    }

    [Fact]
    public void A_closed_tensor_is_refused_with_what_was_known_of_it()
    {
        using var scope = TensorScope.Begin();
        var (closed, unseen) = (Tensor.Of([1.0, 2]), Tensor.Of([1.0, 2]));
        Assert.Equal(2, closed.Count);
        closed.Dispose();
        unseen.Dispose();
        const string Why = "expected an open one; its scope ended or it was disposed: keep it with TensorScope.Keep";
        Refused($"aten::add.Tensor(float64 [1], closed float64 [2]): argument 2 is a closed tensor, {Why}", () => Tensor.Of([1.0]) + closed);
        Refused($"aten::cat([float64 [1], closed tensor], 0): argument 1 is a closed tensor, {Why}", () => Tensor.Cat(0, Tensor.Of([1.0]), unseen));
        Refused($"Item on closed float64 [2]: the tensor is closed, {Why}", () => closed.Item());
        Refused("Shape on closed tensor", () => unseen.Shape);
        Refused("RequiresGrad on closed tensor", () => unseen.RequiresGrad);
        Refused("Grad on closed tensor", () => unseen.Grad);
        Refused("CopyBytesTo on closed tensor", () => unseen.CopyBytesTo(new byte[16]));
        Refused("Backward on closed tensor", unseen.Backward);
        Refused("Autograd.Grad on closed tensor", () => Autograd.Grad([unseen], [unseen]));
    }

    [Fact]
    public void Results_of_another_kind_than_asked_for_are_refused()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Zeros([2, 3]);
        var size = Operator.Find("aten::size", "int");
        Refused("aten::max.dim(float32 [2,3], 0) gave 2 results, expected one tensor; use Run for its effect alone, CallMany for several", () => Operator.Find("aten::max", "dim").Call(x, 0));
        Refused("aten::size.int(float32 [2,3], 0) gave a result that is no tensor, expected one tensor", () => size.Call(x, 0));
        Refused("aten::size.int(float32 [2,3], 0): result 1 is no tensor, expected tensors only; ask for fewer results", () => size.CallMany(1, x, 0));
        Assert.Empty(size.CallMany(0, x, 0));
    }

    [Fact]
    public void Shapes_that_do_not_fit_a_linear_map_are_refused()
    {
        using var scope = TensorScope.Begin();
        const string Why = "the shapes do not fit, expected x [..., in] and weight [out, in]; transpose the weight or correct the widths";
        Refused($"Linear(float32 [2,2], float32 [3,4]): {Why}", () => Tensor.Linear(Tensor.Zeros([2, 2]), Tensor.Zeros([3, 4]))); // as many numbers as one row has
        Refused($"Linear(float32 [1,4], float32 [4]): {Why}", () => Tensor.Linear(Tensor.Zeros([1, 4]), Tensor.Zeros([4])));
        Refused($"Linear(float32 [], float32 [3,1]): {Why}", () => Tensor.Linear(Tensor.Zeros([]), Tensor.Zeros([3, 1])));
    }

    [Fact]
    public void More_axes_than_there_is_room_for_are_refused()
    {
        using var scope = TensorScope.Begin();
        var most = Tensor.Zeros([.. Enumerable.Repeat(1L, 16)]);
        Assert.Equal(16, most.Shape.Length);
        Refused("Shape on a tensor of 17 axes, expected at most 16; join some with View or Reshape before", () => most.Unsqueeze(0).Shape);
    }

    private static void Refused(string beginning, Action action) => Assert.StartsWith(beginning, Assert.Throws<TorchException>(action).Message);

    private static void Refused(string beginning, Func<object?> read) => Refused(beginning, () => { _ = read(); });
}
