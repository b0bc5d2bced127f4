using Attune.Models;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class ScalarHeadTests
{
    private const int Width = 4095; // 1/√(d+1) = 1/64

    [Fact]
    public void A_reward_head_starts_with_a_spread_of_one_over_the_root_of_its_inputs_and_no_bias()
    {
        using var head = ScalarHead.ForReward(Width, new Seed(3), Compute.Cpu);
        var (weight, bias) = Values(head);

        // 5 %: more than four standard errors of the deviation of 4095 draws, 1/√(2 · 4095) = 1.1 %
        Assert.InRange(Math.Sqrt(weight.Average(w => w * w)), 0.95 / 64, 1.05 / 64);
        Assert.Equal(0, weight.Average(), 4.0 / 64 / Math.Sqrt(Width)); // four standard errors of the mean
        Assert.Equal([0], bias);
    }

    [Fact]
    public void A_value_head_starts_at_nothing()
    {
        using var head = ScalarHead.ForValue(Width, Compute.Cpu);
        var (weight, bias) = Values(head);

        Assert.Equal(new float[Width], weight);
        Assert.Equal([0], bias);
    }

    private static (float[] Weight, float[] Bias) Values(ScalarHead head)
    {
        var values = head.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.Value.ToArray<float>());
        return (values["weight"], values["bias"]);
    }
}
