using Attune.Torch.Modules;
using Attune.Torch.Optimisers;
using Attune.Torch.Testing;

namespace Attune.Torch.Tests.Modules;

[NoTensorLeaks]
public sealed class DropoutTests
{
    private static readonly Compute Double = new(Device.Cpu, DType.Float64);

    [Fact]
    public void It_drops_its_share_scales_the_rest_and_repeats_for_its_seed()
    {
        using var scope = TensorScope.Begin();
        var ones = Tensor.Ones([100, 1000]);
        var values = Dropout.Apply(ones, 0.2, new Seed(7), firstRow: 0).ToArray<float>();
        Assert.All(values, v => Assert.True(v is 0 or 1.25f));
        Assert.InRange(values.Count(v => v == 0) / 100_000.0, 0.195, 0.205); // four standard deviations are 0.005
        Assert.Equal(values, Dropout.Apply(ones, 0.2, new Seed(7), firstRow: 0).ToArray<float>());
        Assert.NotEqual(values, Dropout.Apply(ones, 0.2, new Seed(8), firstRow: 0).ToArray<float>());
        Assert.Same(ones, Dropout.Apply(ones, 0, new Seed(7), firstRow: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Dropout.Apply(ones, 1, new Seed(7), firstRow: 0));
        var x = Tensor.Of([[0.5, -1], [2, 3]]);
        FiniteDifference.Check(() => Dropout.Apply(x, 0.5, new Seed(1), firstRow: 0).Square().Sum(), [x]);
    }

    [Fact]
    public void An_element_falls_where_its_rows_uniform_draw_is_below_the_probability()
    {
        using var scope = TensorScope.Begin();
        var dropped = Dropout.Apply(Tensor.Ones([2, 3, 5]), 0.5, new Seed(3), firstRow: 6).ToArray<float>();
        var expected = Enumerable.Range(0, 30).Select(k => new Seed(3).Uniform(6 + k / 15, k % 15) < 0.5 ? 0f : 2f);
        Assert.Equal(expected, dropped);
        Assert.Equal([new Seed(3).Uniform(4) < 0.5 ? 0.0 : 2], Dropout.Apply(Tensor.Of(1), 0.5, new Seed(3), firstRow: 4).ToDoubles());
        Assert.Equal([0, 3], Dropout.Apply(Tensor.Zeros([0, 3]), 0.5, new Seed(3), firstRow: 0).Shape);
    }

    [Fact]
    public void The_halves_of_a_batch_drop_what_the_batch_drops()
    {
        using var scope = TensorScope.Begin();
        var batch = Tensor.From(new Seed(1).Normals(4 * 7 * 9), 4, 7, 9);
        var whole = Dropout.Apply(batch, 0.3, new Seed(2), firstRow: 0);
        var halves = Tensor.Cat(0,
            Dropout.Apply(batch.Narrow(0, 0, 2), 0.3, new Seed(2), firstRow: 0),
            Dropout.Apply(batch.Narrow(0, 2, 2), 0.3, new Seed(2), firstRow: 2));
        Assert.Equal(whole.ToArray<float>(), halves.ToArray<float>());
    }

    [Fact]
    public void Places_drop_what_their_row_and_place_say_whichever_others_are_there()
    {
        using var scope = TensorScope.Begin();
        (long, long)[] all = [(0, 0), (0, 1), (5, 0), (5, 1)];
        var whole = Dropout.Apply(Tensor.Ones([2, 2, 9]), 0.4, new Seed(2), all).ToArray<float>();
        var some = Dropout.Apply(Tensor.Ones([2, 9]), 0.4, new Seed(2), [all[1], all[2]]).ToArray<float>();

        Assert.Equal(whole[9..27], some);
        Assert.Equal(Enumerable.Range(0, 9).Select(k => new Seed(2).For(5).Uniform(1, k) < 0.4 ? 0f : (float)(1 / 0.6)), whole[27..]);
        Assert.Throws<ArgumentException>(() => Dropout.Apply(Tensor.Ones([3, 9]), 0.4, new Seed(2), all));
    }

    [Fact]
    public void More_padding_on_the_right_changes_no_draw()
    {
        using var scope = TensorScope.Begin();
        var narrow = Dropout.Apply(Tensor.Ones([4, 7, 9]), 0.3, new Seed(2), firstRow: 0);
        var wide = Dropout.Apply(Tensor.Ones([4, 32, 9]), 0.3, new Seed(2), firstRow: 0);
        Assert.Equal(narrow.ToArray<float>(), wide.Narrow(1, 0, 7).ToArray<float>());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_training_step_does_not_depend_on_the_micro_batch(int microBatch)
    {
        var (whole, parts) = (Trained(4), Trained(microBatch));
        foreach (var (expected, actual) in whole.Zip(parts))
            Assert.Equal(expected, actual, 1e-6);
    }

    /// <summary>The weights after one step of a small network with dropout 0.1 on four rows of eight ids.</summary>
    private static double[] Trained(int microBatch)
    {
        using var scope = TensorScope.Begin();
        using var table = new Embedding(Initialise.Normal([5, 6], 1, new Seed(1), Double));
        using var linear = new Linear(Initialise.Normal([5, 6], 1, new Seed(2), Double), bias: null);
        (string, Parameter)[] parameters = [("table", table.Weight), ("linear", linear.Weight)];
        using var optimiser = new AdamW(parameters, new AdamWOptions());
        var ids = Tensor.From(Enumerable.Range(0, 32).Select(k => (long)(k * 7 % 5)).ToArray(), 4, 8);
        for (var row = 0; row < 4; row += microBatch)
        {
            var part = ids.Narrow(0, row, microBatch);
            var hidden = Dropout.Apply(table.Forward(part), 0.1, new Seed(3), row);
            var chosen = linear.Forward(hidden).LogSoftmax(-1).Gather(-1, part.Unsqueeze(-1));
            (-chosen.Sum() / 32).Backward();
        }

        optimiser.Step(0.01);
        return [.. table.Weight.Value.ToDoubles(), .. linear.Weight.Value.ToDoubles()];
    }
}
