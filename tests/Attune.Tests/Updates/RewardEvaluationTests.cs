using Attune.Models;
using Attune.Runs;
using Attune.Tests.Models;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class RewardEvaluationTests
{
    private static readonly PreferenceExample Plain = new([1, 2], [3]);

    [Fact]
    public void Rows_are_worked_by_hand()
    {
        PreferenceExample[] pairs =
        [
            Plain with { PChosen = 0.6, AnnotatorGroup = "seen" },
            Plain with { PChosen = 0.4, AnnotatorGroup = "seen" },   // the rejected answer won, 0.6 to 0.4
            Plain with { PChosen = 1, AnnotatorGroup = "unseen" },
            Plain with { PChosen = 0.5, AnnotatorGroup = "unseen" }, // nobody won
            Plain,                                                   // one judge, unknown
        ];

        var found = RewardEvaluation.Of(pairs, [1, 2, 0, 5, 3], RewardScale.Identity);

        Assert.Equal(new(2.5, 4), found.Accuracy); // right, wrong, equal, –, right
        Assert.Equal(1, found.Undecided);
        Assert.Equal(2.2, found.MeanLead, 1e-12);
        Assert.Equal(["0.5–0.6", "0.6–0.7", "0.7–0.8", "0.8–0.9", "0.9–1.0"], found.ByAgreement.Select(r => r.Name));
        Assert.Equal([new(1, 2), new(0, 0), new(0, 0), new(0, 0), new(0.5, 1)], found.ByAgreement.Select(r => r.Accuracy));
        Assert.Equal([("seen", new(1, 2)), ("unseen", new(0.5, 1))], found.ByAnnotatorGroup.Select(r => (r.Name, r.Accuracy)));
        // Σ of log(1 + e^-lead) + (1 - p) · lead = 0.713262, 1.326928, 0.693147, 2.506715, 0.048587
        Assert.Equal(5.288639 / 5, found.Loss, 1e-6);
    }

    [Fact]
    public void Probabilities_that_come_true_have_no_calibration_error()
    {
        var lead = Math.Log(3); // σ = 0.75
        PreferenceExample[] pairs = [Plain with { PChosen = 0.75 }, Plain, Plain, Plain, Plain];

        var found = RewardEvaluation.Of(pairs, [lead, lead, lead, lead, -lead], RewardScale.Identity); // right in 3 of 4, and once to a share

        Assert.Equal(0, found.Calibration.ExpectedCalibrationError, 1e-12);
    }

    [Fact]
    public void Normalising_a_model_changes_neither_accuracy_nor_probabilities()
    {
        using var policy = TinyModel.Create("llama");
        using var model = RewardModel.Create(policy, new Seed(2));
        PreferenceExample[] pairs = [new([1, 2, 3], [4]), new([5, 6], [7, 8, 9]), new([10], [11, 12])];
        var before = RewardEvaluation.Of(model, pairs, RewardScale.Identity);

        var scale = RewardTrainer.Normalise(model, [[1, 2], [3, 4], [5], [6, 7, 8]]);
        var after = RewardEvaluation.Of(model, pairs, scale);

        Assert.True(Math.Abs(scale.Gain - 1) > 0.1, "a gain near 1 would prove nothing");
        Assert.Equal(before.Accuracy, after.Accuracy);
        Assert.Equal(before.Loss, after.Loss, 1e-5);
        Assert.Equal(before.Calibration.ExpectedCalibrationError, after.Calibration.ExpectedCalibrationError, 1e-5);
        Assert.Equal(before.MeanLead * scale.Gain, after.MeanLead, 1e-5);
    }

    [Fact]
    public void Every_comparison_needs_its_lead()
    {
        Assert.Throws<ArgumentException>(() => RewardEvaluation.Of([Plain], [1, 2], RewardScale.Identity));
        Assert.Throws<ArgumentException>(() => RewardEvaluation.Of([], [], RewardScale.Identity));
    }

    [Fact]
    public void Settings_that_make_no_sense_are_reported_all_at_once()
    {
        var config = new RewardTrainingConfig
        {
            Epochs = 0,
            BatchSize = 0,
            MicroBatchSequences = 0,
            LearningRate = double.NaN,
            WarmUpSteps = -1,
            FinalShare = 2,
            Beta1 = 1,
            Beta2 = -1,
            Epsilon = 0,
            WeightDecay = -1,
            MaximumGradientNorm = 0,
            Centring = -1,
            ValidationInterval = -1,
        };

        Assert.Equal(
            ["epochs", "batchSize", "microBatchSequences", "learningRate", "warmUpSteps", "finalShare", "beta1", "beta2", "epsilon",
                "weightDecay", "maximumGradientNorm", "centring", "validationInterval"],
            config.Check().Select(p => p.Key));
        Assert.Empty(new RewardTrainingConfig().Check());
    }
}
