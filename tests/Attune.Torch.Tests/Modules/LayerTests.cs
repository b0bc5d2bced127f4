using Attune.Torch.Modules;
using Attune.Torch.Testing;

namespace Attune.Torch.Tests.Modules;

[NoTensorLeaks]
public sealed class LayerTests
{
    private static readonly Compute Double = new(Device.Cpu, DType.Float64);

    [Fact]
    public void A_linear_layer_matches_a_product_worked_by_hand_and_its_gradients_finite_differences()
    {
        using var scope = TensorScope.Begin();
        using var layer = new Linear(Tensor.Of([[1.0, 2], [3, 4], [5, 6]]), Tensor.Of([10.0, 20, 30]));
        var x = Tensor.Of([[1.0, -1], [0.5, 2]]);
        layer.Forward(x).ShouldBeNear([[9, 19, 29], [14.5, 29.5, 44.5]], tolerance: 1e-12);
        FiniteDifference.Check(() => layer.Forward(x).Square().Sum() * 0.01, [x, layer.Weight.Value, layer.Bias!.Value]);
    }

    [Fact]
    public void One_row_takes_the_matrix_vector_road_to_the_same_values_and_gradients()
    {
        using var scope = TensorScope.Begin();
        using var layer = new Linear(Tensor.Of([[1.0, 2], [3, 4], [5, 6]]), Tensor.Of([10.0, 20, 30]));
        var x = Tensor.Of([[[1.0, -1]]]);
        var y = layer.Forward(x);
        Assert.Equal([1, 1, 3], y.Shape);
        y.Flatten().ShouldBeNear([9.0, 19, 29], tolerance: 1e-12);
        FiniteDifference.Check(() => layer.Forward(x).Square().Sum() * 0.01, [x, layer.Weight.Value, layer.Bias!.Value]);
    }

    [Fact]
    public void An_embedding_looks_rows_up_and_adds_the_gradients_of_repeats()
    {
        using var scope = TensorScope.Begin();
        using var layer = new Embedding(Tensor.Of([[1.0, 2], [3, 4]]));
        var ids = Tensor.From([1L, 0, 1], 3);
        layer.Forward(ids).ShouldBeNear([[3, 4], [1, 2], [3, 4]], tolerance: 0);
        FiniteDifference.Check(() => layer.Forward(ids).Pow(3).Sum() * 0.01, [layer.Weight.Value]);
    }

    [Fact]
    public void Layer_norm_gives_mean_zero_and_variance_one()
    {
        using var scope = TensorScope.Begin();
        using var layer = new LayerNorm(4, 1e-5, Double);
        var x = Tensor.Of([[1.0, 2, 3, 4]]);
        var s = 1 / Math.Sqrt(1.25 + 1e-5); // variance of 1, 2, 3, 4 is 1.25
        layer.Forward(x).ShouldBeNear([[-1.5 * s, -0.5 * s, 0.5 * s, 1.5 * s]], tolerance: 1e-12);
        var weight = Tensor.Of([[0.3, -0.2, 0.7, 0.1]]);
        FiniteDifference.Check(() => (layer.Forward(x) * weight).Sum(), [x, .. layer.Parameters.Select(p => p.Value)]);
    }

    [Fact]
    public void Rms_norm_gives_mean_square_one()
    {
        using var scope = TensorScope.Begin();
        using var layer = new RmsNorm(2, 1e-6, Double);
        var x = Tensor.Of([[3.0, 4]]);
        var s = 1 / Math.Sqrt(12.5 + 1e-6);
        layer.Forward(x).ShouldBeNear([[3 * s, 4 * s]], tolerance: 1e-12);
        var weight = Tensor.Of([[0.3, -0.2]]);
        FiniteDifference.Check(() => (layer.Forward(x) * weight).Sum(), [x, .. layer.Parameters.Select(p => p.Value)]);
    }

    [Fact]
    public void Initial_values_have_the_spread_asked_for()
    {
        using var scope = TensorScope.Begin();
        var normal = Initialise.Normal([200, 500], 0.02, new Seed(1), Compute.Cpu);
        Assert.InRange(normal.Flatten().Std(0, unbiased: true).Item(), 0.0198, 0.0202); // standard error 0.00004
        Assert.InRange(normal.Mean().Item(), -0.0003, 0.0003);
        var uniform = Initialise.Uniform([200, 500], 0.1, new Seed(1), Compute.Cpu);
        Assert.InRange(uniform.Abs().Max().Item(), 0.0999, 0.1);
    }

    [Fact]
    public void Names_of_parameters_join_the_path_and_a_nameless_child_is_transparent()
    {
        using var outer = new Nested();
        Assert.Equal(["inner.weight", "inner.bias", "weight"], outer.NamedParameters().Select(p => p.Name));
    }

    private sealed class Nested : Module
    {
        public Nested()
        {
            using var scope = TensorScope.Begin();
            Register("inner", new Linear(Tensor.Zeros([1, 1]), Tensor.Zeros([1])));
            Register("", new RmsNorm(1, 1e-6, Compute.Cpu));
        }
    }
}
