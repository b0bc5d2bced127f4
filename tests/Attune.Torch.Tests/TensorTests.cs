using Attune.Torch.Testing;

namespace Attune.Torch.Tests;

[NoTensorLeaks]
public sealed class TensorTests
{
    [Fact]
    public void Adding_two_matrices_adds_their_elements()
    {
        using var scope = TensorScope.Begin();
        var sum = Tensor.Of([[1.0, 2], [3, 4]]) + Tensor.Of([[10.0, 20], [30, 40]]);
        sum.ShouldBeNear([[11, 22], [33, 44]], tolerance: 0);
    }

    [Fact]
    public void An_error_names_the_operator_and_the_shapes()
    {
        using var scope = TensorScope.Begin();
        var error = Assert.Throws<TorchException>(() => Tensor.Of([1.0, 2]) + Tensor.Of([1.0, 2, 3]));
        Assert.Contains("aten::add.Tensor", error.Message);
        Assert.Contains("float64 [2]", error.Message);
        Assert.Contains("float64 [3]", error.Message);
    }

    [Fact]
    public void Gradients_flow_through_a_checkpointed_function_exactly_as_without()
    {
        using var scope = TensorScope.Begin();
        var weight = Tensor.Of([[0.5, -1], [2, 0.25]]);
        weight.RequiresGrad = true;
        var x = Tensor.Of([[1.0, 2], [3, 4]]);
        x.RequiresGrad = true;
        Tensor F(Tensor t) => t.MatMul(weight).Tanh().MatMul(weight);

        F(x).Square().Sum().Backward();
        var (plainX, plainW) = (x.Grad!.Clone(), weight.Grad!.Clone());
        x.Grad = null;
        weight.Grad = null;
        Autograd.Checkpoint(F, x).Square().Sum().Backward();

        x.Grad!.ShouldBeNear(plainX, tolerance: 0);
        weight.Grad!.ShouldBeNear(plainW, tolerance: 0);
    }

    [Fact]
    public void A_gradient_matches_finite_differences()
    {
        using var scope = TensorScope.Begin();
        var x = Tensor.Of([[0.3, -0.7], [1.1, 0.2]]);
        FiniteDifference.Check(() => (x.Gelu(approximateTanh: true) * x.Sigmoid()).LogSumExp(-1).Sum(), [x]);
    }
}
