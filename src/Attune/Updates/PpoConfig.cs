using Attune.Runs;
using Attune.Torch.Optimisers;

namespace Attune.Updates;

/// <summary>Where the price of divergence is charged.</summary>
public enum KlPlace
{
    /// <summary>In each token's reward (Ziegler 2019, InstructGPT, TRL).</summary>
    Reward,

    /// <summary>As a term of the loss, with its own gradient.</summary>
    Loss,
}

/// <summary>Over what whitening takes its mean and variance.</summary>
public enum WhiteningScope
{
    /// <summary>Once over all rollouts of a step (TRL).</summary>
    Batch,

    /// <summary>Again in every minibatch, with advantages estimated anew there (OpenAI 2019).</summary>
    Minibatch,
}

/// <summary>What estimates values.</summary>
public enum CriticKind
{
    /// <summary>A head on the policy's own trunk.</summary>
    Shared,

    /// <summary>A model of its own.</summary>
    Separate,
}

/// <summary>How the value function begins.</summary>
public enum ValueStart
{
    /// <summary>A head of zero weights: every value is 0 at first.</summary>
    Zero,

    /// <summary>The whole critic is a copy of the reward model; needs a separate critic.</summary>
    RewardModel,
}

/// <summary>
/// The section <c>ppo</c> of a recipe. Keys left out keep the defaults below; <c>preset: openai-2019 | instructgpt | trl</c> takes a
/// published system's choices instead (<see cref="Presets"/>), and keys written beside it win. Rates are per optimiser step, KL in nats.
/// </summary>
public sealed record PpoConfig : IChecked
{
    /// <summary>The presets' keys and values; what each stands for is told in docs/algorithms/ppo.md.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Presets => PpoPresets.All;

    // How much

    /// <summary>Rollout batches to collect and learn from.</summary>
    public int Steps { get; init; } = 1_000;

    /// <summary>Different prompts in one step's rollouts.</summary>
    public int PromptsPerStep { get; init; } = 64;

    /// <summary>Answers sampled for each of them.</summary>
    public int SamplesPerPrompt { get; init; } = 1;

    /// <summary>Passes over a step's rollouts.</summary>
    public int Epochs { get; init; } = 4;

    /// <summary>Parts that each pass is cut into, one optimiser step each.</summary>
    public int Minibatches { get; init; } = 1;

    /// <summary>Answers that go through the model at once: memory only, the result moves by rounding.</summary>
    public int MicroBatch { get; init; } = 16;

    /// <summary>Whether layers are computed again in backward instead of keeping their activations: less memory, more time, the same result.</summary>
    public bool Checkpointing { get; init; }

    // The optimiser

    /// <summary>Peak learning rate of the policy.</summary>
    public double LearningRate { get; init; } = 1e-5;

    /// <summary>Peak learning rate of a separate critic; the policy's where not set.</summary>
    public double? ValueLearningRate { get; init; }

    /// <summary>How the rate falls after the warm-up.</summary>
    public ScheduleShape Schedule { get; init; } = ScheduleShape.Linear;

    /// <summary>Optimiser steps of linear rise.</summary>
    public int WarmUpSteps { get; init; }

    /// <summary>Share of the peak that is left at the end.</summary>
    public double FinalShare { get; init; }

    /// <summary>Where Adam adds its epsilon: the original program's form steps 1.3 to 16 times shorter at first.</summary>
    public AdamForm AdamForm { get; init; } = AdamForm.PyTorch;

    /// <summary>Adam's decay of the mean of gradients.</summary>
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>Adam's decay of the mean of squared gradients.</summary>
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>Adam's epsilon.</summary>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Share of each weight taken off per step, times the learning rate.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Longest gradient, global norm; not clipped where not set.</summary>
    public double? GradientClip { get; init; } = 1;

    // Distance from the reference

    /// <summary>Price per nat of distance from the reference model; where a controller starts.</summary>
    public double KlCoefficient { get; init; } = 0.05;

    /// <summary>Which per-token estimate is charged.</summary>
    public KlEstimator KlEstimator { get; init; } = KlEstimator.K1;

    /// <summary>Whether it is charged in the reward or in the loss.</summary>
    public KlPlace KlIn { get; init; } = KlPlace.Reward;

    /// <summary>Log-ratios are clamped to ± this many nats before the estimate; not where not set.</summary>
    public double? KlClampLogRatio { get; init; }

    /// <summary>How the coefficient changes.</summary>
    public KlController KlController { get; init; } = KlController.Fixed;

    /// <summary>Wanted distance of a whole answer, nats; for the adaptive controllers.</summary>
    public double KlTarget { get; init; } = 6;

    /// <summary>Answers over which the adaptive coefficient can change by a fifth.</summary>
    public double KlHorizon { get; init; } = 10_000;

    /// <summary>The step's remaining minibatches are skipped once the update's own KL (k2, nats per token) exceeds this; never where not set.</summary>
    public double? EarlyStopKl { get; init; }

    // Rewards and advantages

    /// <summary>Scores are clamped to ± this; not where not set.</summary>
    public double? ScoreClip { get; init; }

    /// <summary>Where in the answer the score is paid.</summary>
    public ScorePlace ScorePlace { get; init; } = ScorePlace.LastToken;

    /// <summary>What happens to the score of an answer without an end token.</summary>
    public EndTokenRuleKind EndTokenRule { get; init; } = EndTokenRuleKind.None;

    /// <summary>The score that replaces it, or the penalty (positive) that is taken off it.</summary>
    public double EndTokenValue { get; init; }

    /// <summary>Whether per-token rewards are scaled to unit variance.</summary>
    public bool WhitenRewards { get; init; }

    /// <summary>Whether whitened rewards are shifted to mean 0 as well.</summary>
    public bool WhitenRewardsShiftMean { get; init; }

    /// <summary>Whether advantages are scaled to mean 0 and unit variance.</summary>
    public bool WhitenAdvantages { get; init; } = true;

    /// <summary>The variance that both whitenings use.</summary>
    public VarianceKind WhitenVariance { get; init; } = VarianceKind.Unbiased;

    /// <summary>Over what both whitenings go.</summary>
    public WhiteningScope WhitenOver { get; init; } = WhiteningScope.Batch;

    /// <summary>γ: what a reward one token later is worth.</summary>
    public double Discount { get; init; } = 1;

    /// <summary>λ: 0 trusts the value function, 1 trusts the rewards.</summary>
    public double Lambda { get; init; } = 0.95;

    // The losses

    /// <summary>How far the probability ratio may fall below 1 (and rise above it) before its gradient stops.</summary>
    public double ClipRange { get; init; } = 0.2;

    /// <summary>How far the ratio may rise above 1; as far as it may fall where not set.</summary>
    public double? ClipRangeHigh { get; init; }

    /// <summary>Where set, above 1: a bad token's loss is at most this times its advantage's size.</summary>
    public double? DualClip { get; init; }

    /// <summary>How far a value may move before its gradient stops; not clipped where not set.</summary>
    public double? ValueClipRange { get; init; } = 0.2;

    /// <summary>Weight of the value loss, which has a ½ of its own.</summary>
    public double ValueCoefficient { get; init; } = 0.1;

    /// <summary>Weight of the entropy bonus.</summary>
    public double EntropyCoefficient { get; init; }

    /// <summary>γ of PPO-ptx: weight of the next-token loss on pretraining text, mixed into every optimiser step; 0 for none.</summary>
    public double PretrainingCoefficient { get; init; }

    /// <summary>What estimates values.</summary>
    public CriticKind Critic { get; init; } = CriticKind.Shared;

    /// <summary>How the value function begins.</summary>
    public ValueStart ValueStart { get; init; } = ValueStart.Zero;

    // Sampling

    /// <summary>Logits are divided by it, in sampling and wherever log-probs and entropies are taken.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the k most likely tokens are sampled; 0 is off. Log-probs stay those of all tokens, so ratios are biased: the run warns.</summary>
    public int TopK { get; init; }

    /// <summary>Only the most likely tokens of this total probability are sampled; 1 is off. Biases ratios as top-k does.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Fewest tokens of an answer: no end token before. Above 0 it biases ratios as top-k does.</summary>
    public int MinimumLength { get; init; }

    /// <summary>Most tokens of an answer.</summary>
    public int MaximumLength { get; init; } = 64;

    /// <summary>Answers in one step.</summary>
    public int RolloutsPerStep => PromptsPerStep * SamplesPerPrompt;

    internal LearningRateSchedule ScheduleTo(double peak) => new(peak, Schedule, Steps * Epochs * Minibatches, WarmUpSteps, FinalShare);

    /// <summary>The policy loss's bounds.</summary>
    public RatioClip RatioClip => new(ClipRange, ClipRangeHigh ?? ClipRange, DualClip);

    /// <summary>How a step's rewards are made at the controller's current coefficient; a KL in the loss is not in the reward.</summary>
    /// <param name="coefficient">The controller's coefficient.</param>
    public KlPenaltySettings KlPenaltyAt(double coefficient) => new()
    {
        Coefficient = KlIn == KlPlace.Reward ? coefficient : 0,
        Estimator = KlEstimator,
        ClampLogRatio = KlClampLogRatio,
        Place = ScorePlace,
    };

    /// <summary>The coefficient after a step.</summary>
    /// <param name="coefficient">The one it was made with.</param>
    /// <param name="kl">Mean over answers of the summed log-ratio, nats.</param>
    public double NextKlCoefficient(double coefficient, double kl) => KlController switch
    {
        KlController.Fixed => coefficient,
        KlController.Adaptive => AdaptiveKl.Next(coefficient, kl, KlTarget, RolloutsPerStep, KlHorizon),
        KlController.AdaptivePerStep => AdaptiveKl.NextPerStep(coefficient, kl, KlTarget),
        _ => throw new InvalidOperationException($"unknown controller {KlController}"),
    };

    internal static string TruncationWarning(string by) => $"Answers are sampled from a truncated distribution ({by}), but log-probs are those of the full one: ratios and KL are biased.";

    /// <summary>What the user should know of settings that are allowed but bend the method; a run prints them.</summary>
    public IEnumerable<string> Warnings()
    {
        if (TopK > 0 || TopP < 1 || MinimumLength > 0)
            yield return TruncationWarning("topK, topP or minimumLength");
        if (KlCoefficient == 0)
            yield return "klCoefficient is 0: nothing holds the policy near the reference, so expect it to find the reward's loopholes.";
        if (this is { KlIn: KlPlace.Loss, KlEstimator: KlEstimator.K1, KlCoefficient: > 0 })
            yield return "klIn is loss with klEstimator k1, whose gradient is 0 on average: it holds the policy near nothing; choose k2 or k3-plus, or klIn: reward.";
        if (Discount < 1)
            yield return $"discount is {Discount}: a score paid {MaximumLength} tokens later counts {Math.Pow(Discount, MaximumLength):P0}; 1 is usual for language.";
    }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check() => PpoConfigCheck.Of(this);
}
