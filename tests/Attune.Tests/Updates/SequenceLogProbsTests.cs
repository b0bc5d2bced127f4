using Attune.Models;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class SequenceLogProbsTests
{
    [Fact]
    public void Sequences_match_the_golden_sums_and_means()
    {
        using var scope = TensorScope.Begin();
        var golden = Golden.Read("trainers/batch-logps.json");
        var (inputs, outputs) = (golden.GetProperty("inputs"), golden.GetProperty("outputs"));
        var labels = inputs.Integers("labels");
        var mask = labels.NotEqual(-100);
        var perToken = LogProbs.OfNext(inputs.Numbers("logits"), labels.MaskedFill(mask.Not(), 0)); // -100 is how that system says "ignore"
        var sequences = SequenceLogProbs.Of(perToken, mask.Narrow(1, 1, labels.Size(1) - 1));
        sequences.Sums.ShouldBeNear(outputs.Numbers("sum"), 1e-5);
        sequences.Means.ShouldBeNear(outputs.Numbers("average"), 3e-6);
    }

    [Fact] // open-instruct's test
    public void Means_leave_out_what_is_masked_and_are_zero_for_nothing()
    {
        using var scope = TensorScope.Begin();
        var perToken = Tensor.Of([[-1.0, -2, -3], [-1, -2, -3], [-1, -2, double.NaN]]); // the last log-prob, -4, has no label after the shift
        var mask = Tensor.Of([[1.0, 1, 1], [1, 1, 0], [0, 0, 0]]);
        SequenceLogProbs.Of(perToken, mask).Means.ShouldBeNear([-2, -1.5, 0], 0);
    }
}
