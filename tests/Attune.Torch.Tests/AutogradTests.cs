using Attune.Torch.Modules;
using Attune.Torch.Optimisers;
using Attune.Torch.Testing;

namespace Attune.Torch.Tests;

[NoTensorLeaks]
public sealed class AutogradTests
{
    [Fact]
    public void The_gradient_of_a_product_is_the_other_factor()
    {
        using var scope = TensorScope.Begin();
        var (x, y) = (Leaf([2.0, 3]), Leaf([5.0, 7]));
        (x * y).Sum().Backward();
        x.Grad!.ShouldBeNear([5.0, 7], tolerance: 0);
        y.Grad!.ShouldBeNear([2.0, 3], tolerance: 0);
    }

    [Fact]
    public void Backward_from_given_gradients_weighs_the_roots()
    {
        using var scope = TensorScope.Begin();
        var x = Leaf([2.0, 3]);
        Autograd.Backward([x.Square(), x * 10], [Tensor.Of([1.0, 0]), Tensor.Of([0.0, 1])]);
        x.Grad!.ShouldBeNear([4.0, 10], tolerance: 0);
    }

    [Fact]
    public void Gradients_on_request_leave_the_leaves_alone()
    {
        using var scope = TensorScope.Begin();
        var (x, unused) = (Leaf([2.0]), Leaf([1.0]));
        var found = Autograd.Grad([x.Pow(3).Sum()], [x, unused]);
        found[0]!.ShouldBeNear([12.0], tolerance: 1e-12);
        Assert.Null(found[1]);
        Assert.Null(x.Grad);
    }

    [Fact]
    public void Nothing_is_recorded_without_gradients_and_after_detaching()
    {
        using var scope = TensorScope.Begin();
        var x = Leaf([2.0]);
        using (Autograd.NoGrad())
            Assert.False((x * 2).RequiresGrad);
        Assert.True((x * 2).RequiresGrad);
        Assert.False(x.Detach().RequiresGrad);
    }

    [Fact]
    public void What_was_made_for_inference_takes_no_part_in_gradients_and_afterwards_they_flow_again()
    {
        using var scope = TensorScope.Begin();
        var x = Leaf([2.0]);
        Tensor number;
        using (Autograd.Inference())
        {
            Assert.False(Autograd.IsEnabled);
            using (Autograd.NoGrad())
                number = x * 3;
            Assert.False(Autograd.IsEnabled);
            number.AddInPlace(Tensor.Of([1.0]));
        }

        number.ShouldBeNear([7.0], tolerance: 0);
        Assert.False(number.RequiresGrad);
        Assert.True(Autograd.IsEnabled);
        Assert.Throws<TorchException>(() => x * number); // libtorch cannot keep it for backward
        (x * 5).Sum().Backward();
        x.Grad!.ShouldBeNear([5.0], tolerance: 0);
    }

    [Fact]
    public void Gradients_flow_through_a_checkpointed_function_exactly_as_without()
    {
        using var scope = TensorScope.Begin();
        var weight = Tensor.Of([[0.5, -1], [2, 0.25]]);
        weight.RequiresGrad = true;
        var x = Tensor.Of([[1.0, 2], [3, 4]]);
        x.RequiresGrad = true;
        var calls = 0;
        Tensor F(Tensor t)
        {
            calls++;
            return Dropout.Apply(t.MatMul(weight).Tanh(), 0.5, new Seed(3), firstRow: 0).MatMul(weight);
        }

        F(x).Square().Sum().Backward();
        var (plainX, plainWeight) = (x.Grad!.Clone(), weight.Grad!.Clone());
        x.Grad = null;
        weight.Grad = null;
        Autograd.Checkpoint(F, x).Square().Sum().Backward();

        Assert.Equal(3, calls);
        x.Grad!.ShouldBeNear(plainX, tolerance: 0);
        weight.Grad!.ShouldBeNear(plainWeight, tolerance: 0);
    }

    [Fact]
    public void An_error_during_recomputation_reaches_the_caller_of_backward()
    {
        using var scope = TensorScope.Begin();
        var x = Leaf([1.0]);
        var calls = 0;
        var y = Autograd.Checkpoint(t => calls++ == 0 ? t * 2 : throw new InvalidOperationException("second time"), x);
        Assert.Equal("second time", Assert.Throws<InvalidOperationException>(y.Sum().Backward).Message);
    }

    [Fact]
    public void Gradients_on_request_through_a_checkpointed_function_are_refused()
    {
        using var scope = TensorScope.Begin();
        var (x, weight) = (Leaf([2.0, 3]), Leaf([5.0, 7]));
        var y = (Autograd.Checkpoint(t => t * weight, x) + 1).Sum();
        foreach (var input in new[] { x, weight })
        {
            var error = Assert.Throws<TorchException>(() => Autograd.Grad([y], [input]));
            Assert.Equal("Autograd.Grad on float64 []: the graph passes a checkpointed function, whose gradients go to Grad of its leaves alone, "
                + "expected none; call Backward, or compute without the checkpoint", error.Message);
        }

        Assert.Null(weight.Grad); // as before the call
        y.Backward();
        weight.Grad!.ShouldBeNear([2.0, 3], tolerance: 0);
    }

    [Fact]
    public void The_same_training_step_with_indexing_embedding_and_dropout_is_bit_equal_twice()
    {
        var index = Enumerable.Range(0, 4096).Select(k => (long)(k * 7919 % 64)).ToArray(); // each of 64 rows 64 times
        float[] Run()
        {
            using var scope = TensorScope.Begin();
            using var table = new Embedding(Tensor.From(new Seed(1).Normals(64 * 32), 64, 32));
            using var optimiser = new AdamW(table.NamedParameters(), new AdamWOptions());
            var ids = Tensor.From(index, 4096);
            var scale = Tensor.From(new Seed(2).Normals(4096 * 32), 4096, 32);
            for (var step = 0; step < 2; step++)
            {
                var dropped = Dropout.Apply(table.Forward(ids), 0.1, new Seed(3).For(step), firstRow: 0);
                ((dropped * scale).Sum() + (table.Weight.Value.Index(ids) * scale).Sum()).Backward();
                optimiser.Step(0.01);
            }

            return table.Weight.Value.ToArray<float>();
        }

        var before = TorchRuntime.Threads;
        TorchRuntime.Threads = 4; // one thread would add in one order anyway
        try
        {
            Assert.Equal(Run(), Run());
        }
        finally
        {
            TorchRuntime.Threads = before;
        }
    }

    [Fact]
    public void A_graph_that_is_kept_gives_its_gradient_twice()
    {
        using var scope = TensorScope.Begin();
        var x = Leaf([2.0, 3]);
        var y = x.Square().Sum();
        Autograd.Backward([y], [null], retainGraph: true);
        y.Backward();
        x.Grad!.ShouldBeNear([8.0, 12], tolerance: 0); // 2·2x
    }

    private static Tensor Leaf(double[] values)
    {
        var leaf = Tensor.Of(values);
        leaf.RequiresGrad = true;
        return leaf;
    }
}
