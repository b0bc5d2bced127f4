using Attune.Runs;
using Attune.Torch.Optimisers;

namespace Attune.Updates;

/// <summary>Where the distance from the reference model is charged.</summary>
public enum KlPlace
{
    /// <summary>Taken off each token's reward (Ziegler 2019, InstructGPT, TRL).</summary>
    Reward,

    /// <summary>Added to the policy's loss, as GRPO programs do.</summary>
    Loss,
}

/// <summary>What happens to raw scores before anything else.</summary>
public enum ScoreScaling
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>They are divided by the standard deviation of all scores of the run so far.</summary>
    RunningDeviation,
}

/// <summary>Every choice of <see cref="PpoTrainer"/>. The defaults are TRL's; <see cref="Presets"/> say where the literature differs.</summary>
public sealed record PpoConfig : IChecked
{
    /// <summary>
    /// Named choices (design note 0009). <c>openai-2019</c>: Ziegler 2019 with the constants of its program, books task.
    /// <c>instructgpt</c>: Ouyang 2022, constants partly from memory of the paper. <c>trl</c>: the current TRL PPO script.
    /// </summary>
    public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Presets { get; } =
        new Dictionary<string, IReadOnlyDictionary<string, string>>
        {
            ["openai-2019"] = new Dictionary<string, string>
            {
                ["learningRate"] = "1e-5",
                ["optimiser.epsilon"] = "1e-5",
                ["optimiser.form"] = "tensor-flow",
                ["gradientClip"] = "null",
                ["klCoefficient"] = "0.15",
                ["klController"] = "adaptive",
                ["klTarget"] = "6",
                ["klHorizon"] = "10000",
                ["whitensRewards"] = "true",
                ["variance"] = "population",
                ["endTokenRule"] = "replace",
                ["endTokenValue"] = "-1",
            },
            ["instructgpt"] = new Dictionary<string, string>
            {
                ["learningRate"] = "9e-6",
                ["klCoefficient"] = "0.02",
                ["pretrainingCoefficient"] = "27.8",
            },
            ["trl"] = new Dictionary<string, string>
            {
                ["learningRate"] = "3e-6",
                ["klCoefficient"] = "0.05",
                ["whitensRewards"] = "false",
                ["variance"] = "unbiased",
            },
        };

    /// <summary>Rollout batches of the whole run; the learning rate falls over them.</summary>
    public int Steps { get; init; } = 1_000;

    /// <summary>Passes over each rollout batch.</summary>
    public int Epochs { get; init; } = 4;

    /// <summary>Optimiser steps an epoch; each reads its share of the answers.</summary>
    public int Minibatches { get; init; } = 1;

    /// <summary>Answers in one forward and backward pass: bounds memory, changes results by rounding only.</summary>
    [ResultNeutral]
    public int MicroBatch { get; init; } = 16;

    /// <summary>Learning rate of the first step (after the warm-up).</summary>
    public double LearningRate { get; init; } = 3e-6;

    /// <summary>The separate critic's; null for the same.</summary>
    public double? CriticLearningRate { get; init; }

    /// <summary>How the learning rate falls over <see cref="Steps"/>.</summary>
    public ScheduleShape Schedule { get; init; } = ScheduleShape.Linear;

    /// <summary>Steps of linear rise before that.</summary>
    public int WarmUpSteps { get; init; }

    /// <summary>Adam's other settings.</summary>
    public AdamWOptions Optimiser { get; init; } = new() { Epsilon = 1e-5 };

    /// <summary>Largest joint length of the gradient; null does not clip.</summary>
    public double? GradientClip { get; init; } = 1;

    /// <summary>γ: what a reward one token later is worth.</summary>
    public double Discount { get; init; } = 1;

    /// <summary>λ of advantage estimation: 0 trusts the values, 1 the rewards.</summary>
    public double Lambda { get; init; } = 0.95;

    /// <summary>How far below 1 the probability ratio may move before its gradient stops.</summary>
    public double ClipRange { get; init; } = 0.2;

    /// <summary>The same above 1; null for the same distance.</summary>
    public double? ClipRangeHigh { get; init; }

    /// <summary>Bound on the loss of tokens with negative advantage, above 1; null for none.</summary>
    public double? DualClip { get; init; }

    /// <summary>How far a value may move before its gradient stops; null does not clip.</summary>
    public double? ValueClipRange { get; init; } = 0.2;

    /// <summary>Weight of the value loss, which carries its own ½.</summary>
    public double ValueCoefficient { get; init; } = 0.1;

    /// <summary>Price of lost entropy per nat and token; 0 for none.</summary>
    public double EntropyCoefficient { get; init; }

    /// <summary>Price per nat of distance from the reference model; where a controller starts.</summary>
    public double KlCoefficient { get; init; } = 0.05;

    /// <summary>How that price changes.</summary>
    public KlController KlController { get; init; } = KlController.Fixed;

    /// <summary>Wanted distance in nats an answer, for the controllers.</summary>
    public double KlTarget { get; init; } = 6;

    /// <summary>Answers over which the adaptive controller changes the price by up to 20 %.</summary>
    public double KlHorizon { get; init; } = 10_000;

    /// <summary>Where the distance is charged.</summary>
    public KlPlace KlPlace { get; init; } = KlPlace.Reward;

    /// <summary>Which estimate of it.</summary>
    public KlEstimator KlEstimator { get; init; } = KlEstimator.K1;

    /// <summary>Log-ratios are clamped to ± this before the estimate; null does not clamp.</summary>
    public double? KlClamp { get; init; }

    /// <summary>The step's remaining epochs are dropped once a minibatch's mean ½(log-ratio)² exceeds this; null never stops.</summary>
    public double? KlStop { get; init; }

    /// <summary>What happens to raw scores first.</summary>
    public ScoreScaling ScoreScaling { get; init; } = ScoreScaling.None;

    /// <summary>Scores are clamped to ± this; null does not clamp.</summary>
    public double? ScoreClip { get; init; }

    /// <summary>What happens to answers that did not end.</summary>
    public EndTokenRuleKind EndTokenRule { get; init; } = EndTokenRuleKind.None;

    /// <summary>The score in place of theirs, or the penalty to take off.</summary>
    public double EndTokenValue { get; init; }

    /// <summary>Whether token rewards are scaled to unit variance.</summary>
    public bool WhitensRewards { get; init; }

    /// <summary>Whether whitened rewards lose their mean too.</summary>
    public bool CentresRewards { get; init; }

    /// <summary>Whether advantages are scaled to unit variance.</summary>
    public bool WhitensAdvantages { get; init; } = true;

    /// <summary>Whether whitened advantages lose their mean too.</summary>
    public bool CentresAdvantages { get; init; } = true;

    /// <summary>Which variance whitening divides by.</summary>
    public VarianceKind Variance { get; init; } = VarianceKind.Unbiased;

    /// <summary>γ of PPO-ptx: weight of the next-token loss on pretraining text (InstructGPT eq. 2); 0 for none.</summary>
    public double PretrainingCoefficient { get; init; }

    /// <summary>Allows top-k, top-p and the like while sampling. Ratios are then biased: they are of the full distribution, draws are not.</summary>
    public bool AllowsTruncatedSampling { get; init; }

    /// <summary>Largest |log-ratio| of the first minibatch; null takes the bound of the model's dtype, see <see cref="PpoRounding"/>.</summary>
    public double? FirstRatioBound { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check() =>
        Counts().Concat(Shares()).Concat(Bounds());

    private IEnumerable<Problem> Counts()
    {
        foreach (var (key, value) in new[] { ("steps", Steps), ("epochs", Epochs), ("minibatches", Minibatches), ("microBatch", MicroBatch) })
        {
            if (value < 1)
                yield return new(key, $"is {value}, expected at least 1");
        }

        if (WarmUpSteps < 0 || WarmUpSteps > Steps)
            yield return new("warmUpSteps", $"is {WarmUpSteps}, expected between 0 and steps ({Steps})");
    }

    private IEnumerable<Problem> Shares()
    {
        if (ClipRange is not (> 0 and < 1))
            yield return new("clipRange", $"is {ClipRange}, expected between 0 and 1; 0.2 is usual");
        if (Discount is not (> 0 and <= 1))
            yield return new("discount", $"is {Discount}, expected above 0 and at most 1; 1 is usual for text");
        if (Lambda is not (>= 0 and <= 1))
            yield return new("lambda", $"is {Lambda}, expected between 0 and 1; 0.95 is usual");
        if (DualClip is { } dual && !(dual > 1))
            yield return new("dualClip", $"is {dual}, expected above 1; 3 is usual, null for none");
    }

    private IEnumerable<Problem> Bounds()
    {
        var positive = new (string Key, double? Value)[]
        {
            ("criticLearningRate", CriticLearningRate), ("gradientClip", GradientClip), ("clipRangeHigh", ClipRangeHigh),
            ("valueClipRange", ValueClipRange), ("klTarget", KlTarget), ("klHorizon", KlHorizon), ("klClamp", KlClamp), ("klStop", KlStop),
            ("scoreClip", ScoreClip), ("firstRatioBound", FirstRatioBound),
        };
        foreach (var (key, value) in positive)
        {
            if (value is { } number && !(number > 0 && double.IsFinite(number)))
                yield return new(key, $"is {number}, expected above 0");
        }

        var notNegative = new (string Key, double Value)[]
        {
            ("learningRate", LearningRate), ("valueCoefficient", ValueCoefficient), ("entropyCoefficient", EntropyCoefficient),
            ("klCoefficient", KlCoefficient), ("pretrainingCoefficient", PretrainingCoefficient),
        };
        foreach (var (key, value) in notNegative)
        {
            if (!(value >= 0 && double.IsFinite(value)))
                yield return new(key, $"is {value}, expected 0 or more");
        }

        if (EndTokenRule == EndTokenRuleKind.Penalise && !(EndTokenValue > 0))
            yield return new("endTokenValue", $"is {EndTokenValue}, expected above 0 for a penalty; 1 is usual");
    }
}
