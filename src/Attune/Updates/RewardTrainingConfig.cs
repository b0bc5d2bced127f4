using Attune.Models;
using Attune.Runs;
using Attune.Torch.Optimisers;

namespace Attune.Updates;

/// <summary>How a reward model learns from comparisons. Defaults follow Ziegler et al. 2019 where they say something.</summary>
public sealed record RewardTrainingConfig : IChecked
{
    /// <summary>Passes over the comparisons; more than one overfits (InstructGPT).</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>Comparisons a step; a ranking of K answers is one.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Sequences in one forward pass: memory against speed. An example with more sequences still goes in one pass.</summary>
    public int MicroBatchSequences { get; init; } = 32;

    /// <summary>Whether layers are computed again in backward instead of keeping their activations: less memory, more time, the same result.</summary>
    public bool Checkpointing { get; init; }

    /// <summary>How wide a fresh head's weights are drawn; says nothing where a reward model is trained on.</summary>
    public HeadStart HeadStart { get; init; } = HeadStart.Root;

    /// <summary>Highest learning rate.</summary>
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>How the learning rate falls.</summary>
    public ScheduleShape Schedule { get; init; } = ScheduleShape.Linear;

    /// <summary>Steps of rising learning rate.</summary>
    public int WarmUpSteps { get; init; }

    /// <summary>Share of the highest learning rate that is left at the end.</summary>
    public double FinalShare { get; init; }

    /// <summary>AdamW's decay of the mean of gradients.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>AdamW's decay of the mean of squared gradients.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>AdamW's ε.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>AdamW's decay of weights.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Where AdamW adds its ε.</summary>
    public AdamForm AdamForm { get; init; } = AdamForm.PyTorch;

    /// <summary>Largest joint length of the gradient; null never clips.</summary>
    public double? MaximumGradientNorm { get; init; } = 1;

    /// <summary>Coefficient of (r_c + r_r)², which pulls scores to 0; 0.01 is usual where wanted.</summary>
    public double Centring { get; init; }

    /// <summary>Steps between looks at the validation comparisons; 0 for only after the last step.</summary>
    [ResultNeutral]
    public int ValidationInterval { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check() =>
    [
        .. Problem.Refuse("epochs", Epochs, Epochs >= 1, "at least 1", "1 is usual"),
        .. Problem.Refuse("batchSize", BatchSize, BatchSize >= 1, "at least 1", "32 is usual"),
        .. Problem.Refuse("microBatchSequences", MicroBatchSequences, MicroBatchSequences >= 1, "at least 1", "lower it only where memory is short"),
        .. Problem.Refuse("learningRate", LearningRate, LearningRate > 0, "above 0", "5e-5 is usual"),
        .. Problem.Refuse("warmUpSteps", WarmUpSteps, WarmUpSteps >= 0, "0 or more", "0 is usual"),
        .. Problem.Refuse("finalShare", FinalShare, FinalShare is >= 0 and <= 1, "between 0 and 1", "0 is usual"),
        .. Problem.Refuse("beta1", Beta1, Beta1 is >= 0 and < 1, "at least 0 and below 1", "0.9 is usual"),
        .. Problem.Refuse("beta2", Beta2, Beta2 is >= 0 and < 1, "at least 0 and below 1", "0.999 is usual"),
        .. Problem.Refuse("epsilon", Epsilon, Epsilon > 0, "above 0", "1e-8 is usual"),
        .. Problem.Refuse("weightDecay", WeightDecay, WeightDecay is >= 0 and < 1, "at least 0 and below 1", "0 is usual"),
        .. Problem.Refuse("maximumGradientNorm", MaximumGradientNorm, MaximumGradientNorm is not <= 0, "above 0, or null", "1 is usual"),
        .. Problem.Refuse("centring", Centring, Centring >= 0, "0 or more", "0.01 is usual where scores should stay near 0"),
        .. Problem.Refuse("validationInterval", ValidationInterval, ValidationInterval >= 0, "0 or more", "0 looks only at the end"),
    ];

    internal int StepsPerEpoch(int examples) => (int)(((long)examples + BatchSize - 1) / BatchSize);

    internal LearningRateSchedule ScheduleFor(int examples) => (long)StepsPerEpoch(examples) * Epochs is <= int.MaxValue and var steps
        ? new(LearningRate, Schedule, (int)steps, WarmUpSteps, FinalShare)
        : throw InputException.One("reward.epochs", $"is {Epochs}, which makes more than {int.MaxValue} steps of {examples} examples", $"at most {int.MaxValue / StepsPerEpoch(examples)}", "1 is usual");

    internal AdamWOptions Adam => new() { Beta1 = Beta1, Beta2 = Beta2, Epsilon = Epsilon, WeightDecay = WeightDecay, Form = AdamForm };
}
