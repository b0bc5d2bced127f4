using Attune.Torch.Modules;
using Attune.Torch.Optimisers;
using Attune.Torch.Testing;

namespace Attune.Torch.Tests.Optimisers;

[NoTensorLeaks]
public sealed class AdamWTests
{
    /// <summary>Worked out from both published forms: the first step with ε 1e-5 and learning rate 1e-5.</summary>
    [Theory]
    [InlineData(AdamForm.PyTorch, 1e-3, 9.901e-6)]
    [InlineData(AdamForm.TensorFlow, 1e-3, 7.597e-6)]
    public void The_first_step_of_each_form_has_its_published_size(AdamForm form, double gradient, double expected)
    {
        Assert.Equal(expected, FirstStep(form, gradient), 5e-10);
    }

    [Fact]
    public void With_a_tiny_gradient_the_forms_differ_sixteen_fold()
    {
        Assert.Equal(16.3, FirstStep(AdamForm.PyTorch, 1e-5) / FirstStep(AdamForm.TensorFlow, 1e-5), 0.05);
    }

    /// <summary>
    /// Of w², from 2, with an ε that cannot be overlooked. The first step by hand: decay leaves 2·(1 − 0.001) = 1.998; the gradient is 4, so m = 0.4 and √v = 0.4,
    /// corrected 4 and 4: PyTorch's form takes 0.01·4/(4 + 0.5) = 0.00889 off, TensorFlow's 0.01·(0.1/0.1)·0.4/(0.4 + 0.5) = 0.00444.
    /// </summary>
    [Theory]
    [InlineData(AdamForm.PyTorch, 1.989111111111111, 1.978237004004767, 1.9673784757281128)]
    [InlineData(AdamForm.TensorFlow, 1.9935555555555555, 1.9862645058000816, 1.9784917327874527)]
    public void Three_steps_with_weight_decay_match_the_recurrence_worked_out(AdamForm form, params double[] expected)
    {
        using var scope = TensorScope.Begin();
        using var layer = new Scalar(2.0);
        using var optimiser = new AdamW(layer.NamedParameters(), new AdamWOptions { Beta1 = 0.9, Beta2 = 0.99, Epsilon = 0.5, WeightDecay = 0.1, Form = form });
        foreach (var w in expected)
        {
            layer.Value.Square().Sum().Backward();
            optimiser.Step(0.01);
            Assert.Equal(w, layer.Value.Item(), 1e-12);
        }
    }

    [Fact]
    public void Parameters_move_alike_whoever_they_share_a_group_with()
    {
        using var scope = TensorScope.Begin();
        Parameter[] together = [New(300_000), New(7), New(200_000), New(50_000)]; // more than one group
        Parameter[] alone = [New(300_000), New(7), New(200_000), New(50_000)];
        var options = new AdamWOptions { WeightDecay = 0.1 };
        using var optimiser = new AdamW(together.Select((p, k) => ($"{k}", p)), options);
        var each = alone.Select(p => new AdamW([("", p)], options)).ToArray();
        for (var step = 0; step < 2; step++)
        {
            foreach (var parameter in together.Concat(alone))
                parameter.Value.Square().Sum().Backward();
            optimiser.Step(0.01);
            foreach (var one in each)
                one.Step(0.01);
        }

        foreach (var (a, b) in together.Zip(alone))
            Assert.Equal(b.Value.ToArray<float>(), a.Value.ToArray<float>());
        foreach (var one in each)
            one.Dispose();

        static Parameter New(int size)
        {
            var value = Tensor.From(new Seed(1).Normals(size), size);
            value.RequiresGrad = true;
            return new("weight", value);
        }
    }

    [Fact]
    public void Sgd_moves_against_the_gradient()
    {
        using var scope = TensorScope.Begin();
        using var layer = new Scalar(2.0);
        layer.Value.Square().Sum().Backward();
        new Sgd(layer.NamedParameters()).Step(0.25);
        Assert.Equal(1.0, layer.Value.Item()); // 2 − 0.25·4
        Assert.Null(layer.Value.Grad);
    }

    [Fact]
    public void Clipping_scales_all_gradients_to_the_joint_length()
    {
        using var scope = TensorScope.Begin();
        using var a = new Scalar(3.0);
        using var b = new Scalar(4.0);
        (a.Value * 3 + b.Value * 4).Sum().Backward();
        Parameter[] both = [.. a.Parameters, .. b.Parameters];
        Assert.Equal(5, GradientClip.ByGlobalNorm(both, null), 1e-12);
        Assert.Equal(5, GradientClip.ByGlobalNorm(both, 1.0), 1e-12);
        a.Value.Grad!.ShouldBeNear([0.6], tolerance: 1e-6);
        b.Value.Grad!.ShouldBeNear([0.8], tolerance: 1e-6);
    }

    [Fact]
    public void Clipping_leaves_gradients_below_the_length_as_they_are()
    {
        using var scope = TensorScope.Begin();
        using var a = new Scalar(3.0);
        (a.Value * 0.1).Sum().Backward();
        Assert.Equal(0.1, GradientClip.ByGlobalNorm(a.Parameters, 0.11), 1e-12);
        Assert.Equal([0.1], a.Value.Grad!.ToArray<double>()); // to the bit
    }

    [Theory]
    [InlineData(ScheduleShape.Constant, 0, 0.25)]
    [InlineData(ScheduleShape.Constant, 3, 1)]
    [InlineData(ScheduleShape.Constant, 9, 1)]
    [InlineData(ScheduleShape.Linear, 4, 1)]
    [InlineData(ScheduleShape.Linear, 8, 0.6)]
    [InlineData(ScheduleShape.Linear, 13, 0.1)] // the last step: the end lies one further
    [InlineData(ScheduleShape.Linear, 14, 0)]
    [InlineData(ScheduleShape.Cosine, 9, 0.5)]
    [InlineData(ScheduleShape.Cosine, 14, 0)]
    public void A_schedule_warms_up_over_four_steps_and_falls_over_ten(ScheduleShape shape, int step, double expected)
    {
        Assert.Equal(expected, new LearningRateSchedule(1, shape, Steps: 14, WarmUpSteps: 4).At(step), 1e-12);
    }

    private static double FirstStep(AdamForm form, double gradient)
    {
        using var scope = TensorScope.Begin();
        using var layer = new Scalar(0);
        using var optimiser = new AdamW(layer.NamedParameters(), new AdamWOptions { Epsilon = 1e-5, Form = form });
        (layer.Value * gradient).Sum().Backward();
        optimiser.Step(1e-5);
        return -layer.Value.Item();
    }

    private sealed class Scalar : Module
    {
        private readonly Parameter _value;

        public Scalar(double value) => _value = Register("value", Tensor.Of([value]));

        public Tensor Value => _value.Value;
    }
}
