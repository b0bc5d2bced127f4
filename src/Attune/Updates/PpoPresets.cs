namespace Attune.Updates;

/// <summary>
/// Published systems' choices as recipe keys: the method, not the size of a run (steps, batch and lengths of prompts stay the recipe's),
/// except where a number belongs to the method. Every key that differs between the three is written in each of them.
/// </summary>
internal static class PpoPresets
{
    internal static readonly IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> All = new Dictionary<string, IReadOnlyDictionary<string, string>>
    {
        ["openai-2019"] = OpenAi2019(),
        ["instructgpt"] = InstructGpt(),
        ["trl"] = Trl(),
    };

    /// <summary>openai/lm-human-preferences, the book settings (Ziegler 2019). Their own answers are fixed-length; "ended" is their truncation token.</summary>
    private static Dictionary<string, string> OpenAi2019() => new()
    {
        ["learningRate"] = "1e-5",
        ["schedule"] = "linear",
        ["warmUpSteps"] = "0",
        ["adamForm"] = "tensor-flow",
        ["adamBeta1"] = "0.9",
        ["adamBeta2"] = "0.999",
        ["adamEpsilon"] = "1e-5",
        ["weightDecay"] = "0",
        ["gradientClip"] = "null",
        ["klCoefficient"] = "0.15",
        ["klEstimator"] = "k1",
        ["klIn"] = "reward",
        ["klController"] = "adaptive",
        ["klTarget"] = "6",
        ["klHorizon"] = "10000",
        ["scorePlace"] = "last-token",
        ["endTokenRule"] = "replace",
        ["endTokenValue"] = "-1",
        ["whitenRewards"] = "true",
        ["whitenRewardsShiftMean"] = "false",
        ["whitenAdvantages"] = "true",
        ["whitenVariance"] = "population",
        ["whitenOver"] = "minibatch",
        ["discount"] = "1",
        ["lambda"] = "0.95",
        ["clipRange"] = "0.2",
        ["valueClipRange"] = "0.2",
        ["valueCoefficient"] = "0.1",
        ["entropyCoefficient"] = "0",
        ["pretrainingCoefficient"] = "0",
        ["epochs"] = "4",
        ["minibatches"] = "1",
        ["critic"] = "shared",
        ["valueStart"] = "zero",
        ["temperature"] = "0.7",
        ["maximumLength"] = "24",
    };

    /// <summary>
    /// InstructGPT (Ouyang 2022), whose code was not published: the price of distance, the weight of pretraining and the critic's start are the paper's; every other
    /// value is Attune's own choice, mostly that of the same authors' earlier program. Not here: an average of the weights over steps.
    /// </summary>
    private static Dictionary<string, string> InstructGpt() => new()
    {
        ["learningRate"] = "9e-6", // Attune's choice: the paper's differs between model sizes
        ["schedule"] = "constant",
        ["warmUpSteps"] = "80", // ten steps of eight minibatches
        ["adamForm"] = "py-torch",
        ["adamBeta1"] = "0.9",
        ["adamBeta2"] = "0.95",
        ["adamEpsilon"] = "1e-8",
        ["weightDecay"] = "0",
        ["gradientClip"] = "null",
        ["klCoefficient"] = "0.02",
        ["klEstimator"] = "k1",
        ["klIn"] = "reward",
        ["klController"] = "fixed",
        ["scorePlace"] = "last-token",
        ["endTokenRule"] = "none",
        ["endTokenValue"] = "0",
        ["whitenRewards"] = "false",
        ["whitenRewardsShiftMean"] = "false",
        ["whitenAdvantages"] = "true",
        ["whitenVariance"] = "population",
        ["whitenOver"] = "minibatch",
        ["discount"] = "1",
        ["lambda"] = "0.95",
        ["clipRange"] = "0.2",
        ["valueClipRange"] = "0.2",
        ["valueCoefficient"] = "0.1",
        ["entropyCoefficient"] = "0",
        ["pretrainingCoefficient"] = "27.8",
        ["epochs"] = "1",
        ["minibatches"] = "8",
        ["critic"] = "separate",
        ["valueStart"] = "reward-model",
        ["temperature"] = "1",
    };

    /// <summary>TRL's PPO trainer (the experimental one of 2026), after "The N+ implementation details of RLHF with PPO" (Huang 2024).</summary>
    private static Dictionary<string, string> Trl() => new()
    {
        ["learningRate"] = "3e-6",
        ["schedule"] = "linear",
        ["warmUpSteps"] = "0",
        ["adamForm"] = "py-torch",
        ["adamBeta1"] = "0.9",
        ["adamBeta2"] = "0.999",
        ["adamEpsilon"] = "1e-8",
        ["weightDecay"] = "0",
        ["gradientClip"] = "null",
        ["klCoefficient"] = "0.05",
        ["klEstimator"] = "k1",
        ["klIn"] = "reward",
        ["klController"] = "fixed",
        ["scorePlace"] = "end-slot",
        ["endTokenRule"] = "none",
        ["endTokenValue"] = "0",
        ["whitenRewards"] = "false",
        ["whitenRewardsShiftMean"] = "false",
        ["whitenAdvantages"] = "true",
        ["whitenVariance"] = "unbiased",
        ["whitenOver"] = "batch",
        ["discount"] = "1",
        ["lambda"] = "0.95",
        ["clipRange"] = "0.2",
        ["valueClipRange"] = "0.2",
        ["valueCoefficient"] = "0.1",
        ["entropyCoefficient"] = "0",
        ["pretrainingCoefficient"] = "0",
        ["epochs"] = "4",
        ["minibatches"] = "1",
        ["critic"] = "separate",
        ["valueStart"] = "reward-model",
        ["temperature"] = "0.7",
        ["maximumLength"] = "53",
    };
}
