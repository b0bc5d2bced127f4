using Attune.Runs;
using Attune.Torch.Optimisers;
using Attune.Updates;

namespace Attune.Tests.Updates;

public sealed class LanguageModelConfigTests
{
    private sealed record PretrainOnly
    {
        public LanguageModelConfig Pretrain { get; init; } = new();
    }

    private static LanguageModelConfig Load(string yaml) => Recipe.Parse<PretrainOnly>(yaml, "test.yaml", []).Pretrain;

    [Fact]
    public void The_defaults_and_the_ends_of_each_range_are_in_order()
    {
        Assert.Empty(new LanguageModelConfig().Check());
        var ends = Load("pretrain: { gradientClip: null, warmUpSteps: 0, finalShare: 0, epochs: 0.1, optimiser: { beta1: 0, beta2: 0, weightDecay: 0, form: tensor-flow } }");
        Assert.Equal((null, 0.1, new AdamWOptions { Beta1 = 0, Beta2 = 0, Form = AdamForm.TensorFlow }), (ends.GradientClip, ends.Epochs, ends.Optimiser));
    }

    public static TheoryData<string, string> Impossible() => new()
    {
        { "batch: 0", "pretrain.batch  is 0, expected at least 1; 32 is usual" },
        { "microBatch: 0", "pretrain.microBatch  is 0, expected at least 1; 8 is usual; lower it only where memory is short" },
        { "epochs: 0", "pretrain.epochs  is 0, expected above 0; 1 is usual" },
        { "epochs: .inf", "pretrain.epochs  is Infinity, expected above 0, at most 1e30; 1 is usual" },
        { "steps: 0", "pretrain.steps  is 0, expected at least 1; leave it out to count epochs" },
        { "learningRate: 0", "pretrain.learningRate  is 0, expected above 0; 0.001 is usual for a small model" },
        { "learningRate: .inf", "pretrain.learningRate  is Infinity, expected above 0, at most 1e30; 0.001 is usual for a small model" },
        { "warmUpSteps: -1", "pretrain.warmUpSteps  is -1, expected 0 or more; a hundredth to a tenth of the steps is usual" },
        { "validateEvery: 0", "pretrain.validateEvery  is 0, expected at least 1; 200 is usual" },
        { "validationRows: 0", "pretrain.validationRows  is 0, expected at least 1; 64 is usual" },
        { "gradientClip: 0", "pretrain.gradientClip  is 0, expected above 0; 1 is usual; write null for no clip" },
        { "gradientClip: .inf", "pretrain.gradientClip  is Infinity, expected above 0, at most 1e30; 1 is usual; write null for no clip" },
        { "optimiser: { beta1: 1 }", "pretrain.optimiser.beta1  is 1, expected at least 0 and below 1; 0.9 is usual" },
        { "optimiser: { beta2: 2 }", "pretrain.optimiser.beta2  is 2, expected at least 0 and below 1; 0.95 or 0.999 is usual" },
        { "optimiser: { epsilon: -1 }", "pretrain.optimiser.epsilon  is -1, expected above 0; 1e-8 is usual" },
        { "optimiser: { epsilon: .inf }", "pretrain.optimiser.epsilon  is Infinity, expected above 0, at most 1e30; 1e-8 is usual" },
        { "optimiser: { weightDecay: -0.1 }", "pretrain.optimiser.weightDecay  is -0.1, expected at least 0 and below 1; 0.1 is usual, 0 is off" },
        { "optimiser: { weightDecay: 1 }", "pretrain.optimiser.weightDecay  is 1, expected at least 0 and below 1; 0.1 is usual, 0 is off" },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public void An_impossible_value_is_refused_with_what_to_do(string line, string expected)
    {
        var error = Assert.Throws<InputException>(() => Load($"pretrain:\n  {line}"));
        Assert.Single(error.Problems);
        Assert.EndsWith(expected, error.Message.TrimEnd());
    }

    [Fact]
    public void What_is_no_number_is_refused_too()
    {
        // A recipe cannot say NaN; code can.
        const double No = double.NaN;
        var config = new LanguageModelConfig
        {
            Epochs = No,
            LearningRate = No,
            FinalShare = No,
            GradientClip = No,
            Optimiser = new() { Beta1 = No, Beta2 = No, Epsilon = No, WeightDecay = No },
        };
        string[] expected = ["epochs", "learningRate", "finalShare", "gradientClip", "optimiser.beta1", "optimiser.beta2", "optimiser.epsilon", "optimiser.weightDecay"];
        Assert.Equal(expected, config.Check().Select(p => p.Key));
        Assert.All(config.Check(), problem => Assert.Matches("^is NaN, expected .+; .+", problem.Message));
    }
}
