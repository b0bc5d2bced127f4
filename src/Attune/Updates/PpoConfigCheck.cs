using Attune.Rollouts;
using Attune.Runs;

namespace Attune.Updates;

/// <summary>Which values of <see cref="PpoConfig"/> make sense, alone and together.</summary>
internal static class PpoConfigCheck
{
    internal static IEnumerable<Problem> Of(PpoConfig c) =>
    [
        .. Counts(c), .. Optimiser(c), .. Distance(c), .. Rewards(c), .. Losses(c), .. Sampling(c), .. Together(c),
    ];

    private static IEnumerable<Problem> Counts(PpoConfig c) =>
        from count in new (string Key, int Value, int Usual)[]
        {
            ("steps", c.Steps, 1000), ("promptsPerStep", c.PromptsPerStep, 64), ("samplesPerPrompt", c.SamplesPerPrompt, 1),
            ("epochs", c.Epochs, 4), ("minibatches", c.Minibatches, 1), ("microBatch", c.MicroBatch, 16), ("maximumLength", c.MaximumLength, 64),
        }
        where count.Value < 1
        select Problem.Of(count.Key, $"is {count.Value}", "at least 1", $"{count.Usual} is usual");

    private static IEnumerable<Problem> Optimiser(PpoConfig c) =>
    [
        .. Problem.Refuse("learningRate", c.LearningRate, c.LearningRate > 0, "above 0", "1e-5 is usual for small models, 1e-6 for large ones"),
        .. Problem.Refuse("valueLearningRate", c.ValueLearningRate, c.ValueLearningRate is not <= 0, "above 0", "leave it out to use learningRate"),
        .. Problem.Refuse("warmUpSteps", c.WarmUpSteps, c.WarmUpSteps >= 0, "0 or more", "0 is usual"),
        .. Problem.Refuse("finalShare", c.FinalShare, c.FinalShare is >= 0 and <= 1, "between 0 and 1", "0 is usual"),
        .. Problem.Refuse("adamBeta1", c.AdamBeta1, c.AdamBeta1 is >= 0 and < 1, "at least 0 and below 1", "0.9 is usual"),
        .. Problem.Refuse("adamBeta2", c.AdamBeta2, c.AdamBeta2 is >= 0 and < 1, "at least 0 and below 1", "0.999 or 0.95 is usual"),
        .. Problem.Refuse("adamEpsilon", c.AdamEpsilon, c.AdamEpsilon > 0, "above 0", "1e-8 or 1e-5 is usual"),
        .. Problem.Refuse("weightDecay", c.WeightDecay, c.WeightDecay is >= 0 and < 1, "at least 0 and below 1", "0 is usual"),
        .. Problem.Refuse("gradientClip", c.GradientClip, c.GradientClip is not <= 0, "above 0", "1 is usual; write null for no clip"),
    ];

    private static IEnumerable<Problem> Distance(PpoConfig c) =>
    [
        .. Problem.Refuse("klCoefficient", c.KlCoefficient, c.KlCoefficient >= 0, "0 or more", "0.05 is usual"),
        .. Problem.Refuse("klClampLogRatio", c.KlClampLogRatio, c.KlClampLogRatio is not <= 0, "above 0", "20 is usual; leave it out for no clamp"),
        .. Problem.Refuse("klTarget", c.KlTarget, c.KlTarget > 0, "above 0", "6 nats for answers of 24 tokens is usual"),
        .. Problem.Refuse("klHorizon", c.KlHorizon, c.KlHorizon > 0, "above 0", "10000 is usual"),
        .. Problem.Refuse("earlyStopKl", c.EarlyStopKl, c.EarlyStopKl is not <= 0, "above 0", "0.02 is usual; leave it out to never stop early"),
    ];

    private static IEnumerable<Problem> Rewards(PpoConfig c) =>
    [
        .. Problem.Refuse("scoreClip", c.ScoreClip, c.ScoreClip is not <= 0, "above 0", "5 or 10 is usual; leave it out for no clip"),
        .. Problem.Refuse("endTokenValue", c.EndTokenValue, c.EndTokenRule != EndTokenRuleKind.Penalise || c.EndTokenValue >= 0,
            "0 or more where endTokenRule is penalise", "a penalty is taken off: write it without the minus"),
        .. Problem.Refuse("discount", c.Discount, c.Discount is > 0 and <= 1, "above 0 and at most 1", "1 is usual"),
        .. Problem.Refuse("lambda", c.Lambda, c.Lambda is >= 0 and <= 1, "between 0 and 1", "0.95 is usual"),
    ];

    private static IEnumerable<Problem> Losses(PpoConfig c) =>
    [
        .. Problem.Refuse("clipRange", c.ClipRange, c.ClipRange is > 0 and < 1, "between 0 and 1", "0.2 is usual"),
        .. Problem.Refuse("clipRangeHigh", c.ClipRangeHigh, c.ClipRangeHigh is not <= 0, "above 0", "leave it out to use clipRange"),
        .. Problem.Refuse("dualClip", c.DualClip, c.DualClip is not <= 1, "above 1", "3 is usual; leave it out for none"),
        .. Problem.Refuse("valueClipRange", c.ValueClipRange, c.ValueClipRange is not <= 0, "above 0", "0.2 is usual; write null for no clip"),
        .. Problem.Refuse("valueCoefficient", c.ValueCoefficient, c.ValueCoefficient >= 0, "0 or more", "0.1 is usual"),
        .. Problem.Refuse("entropyCoefficient", c.EntropyCoefficient, c.EntropyCoefficient >= 0, "0 or more", "0 is usual"),
        .. Problem.Refuse("pretrainingCoefficient", c.PretrainingCoefficient, c.PretrainingCoefficient >= 0, "0 or more", "27.8 is InstructGPT's, 0 is off"),
    ];

    private static IEnumerable<Problem> Sampling(PpoConfig c) =>
    [
        .. Problem.Refuse("temperature", c.Temperature, c.Temperature >= SamplingOptions.LeastTemperature, $"at least {SamplingOptions.LeastTemperature}", "0.7 or 1 is usual"),
        .. Problem.Refuse("topK", c.TopK, c.TopK >= 0, "0 (off) or more", "0 is usual while training"),
        .. Problem.Refuse("topP", c.TopP, c.TopP is > 0 and <= 1, "above 0 and at most 1", "1 (off) is usual while training"),
        .. Problem.Refuse("minimumLength", c.MinimumLength, c.MinimumLength >= 0 && c.MinimumLength <= Math.Max(c.MaximumLength, 0),
            $"between 0 and maximumLength ({c.MaximumLength})", "0 is usual"),
    ];

    private static IEnumerable<Problem> Together(PpoConfig c)
    {
        var answers = (long)c.PromptsPerStep * c.SamplesPerPrompt;
        var areCounts = c is { Minibatches: > 0, PromptsPerStep: > 0, SamplesPerPrompt: > 0 };
        if (areCounts && answers > int.MaxValue)
        {
            yield return Problem.Of("samplesPerPrompt", $"is {c.SamplesPerPrompt} for each of {c.PromptsPerStep} prompts, {answers} answers a step", $"at most {int.MaxValue} answers a step", "lower it or promptsPerStep");
        }
        else if (areCounts && answers % c.Minibatches != 0)
        {
            yield return Problem.Of("minibatches", $"is {c.Minibatches}, which does not divide {answers} answers a step (promptsPerStep × samplesPerPrompt)",
                "a divisor", "change one of the three");
        }

        if (c is { Steps: > 0, Epochs: > 0, Minibatches: > 0 } && (double)c.Steps * c.Epochs * c.Minibatches is > int.MaxValue and var optimiserSteps)
            yield return Problem.Of("steps", $"is {c.Steps}, which with {c.Epochs} epochs of {c.Minibatches} minibatches makes {optimiserSteps:0} optimiser steps", $"at most {int.MaxValue}", "lower one of the three");
        if (c is { ValueStart: ValueStart.RewardModel, Critic: CriticKind.Shared })
            yield return Problem.Of("valueStart", "is reward-model with a shared critic", "zero", "set critic: separate to begin from the reward model");
        if (c is { KlController: not KlController.Fixed, KlCoefficient: 0 })
            yield return Problem.Of("klController", "multiplies a klCoefficient of 0, which stays 0", "fixed", "set klCoefficient above 0, or klController: fixed");
        if (c is { KlController: KlController.Adaptive, KlHorizon: > 0 } && answers >= 5 * c.KlHorizon) // 1 − 0.2 · answers / horizon
        {
            yield return Problem.Of("klHorizon", $"is {c.KlHorizon} with {answers} answers a step, by which one step could bring the coefficient to 0 or below",
                $"above a fifth of those answers, {answers / 5.0}", "raise it (10000 is usual), or set klController: fixed");
        }
    }
}
