using Attune.Models;
using Attune.Runs;

namespace Attune.Rollouts;

/// <summary>The order of the chain's steps: the two that are in use, see <see cref="SamplingChain.StepsOf"/>.</summary>
public enum ChainOrder
{
    /// <summary>As in transformers' <c>generate</c>: temperature before all truncations. What ties with the k-th likeliest token stays.</summary>
    Transformers,

    /// <summary>As in llama.cpp: temperature last, so it changes no kept set. Exactly k tokens stay; temperature 0 is the likeliest token.</summary>
    [RecipeName("llama.cpp")]
    LlamaCpp,
}

/// <summary>How the next token is drawn: the settings of <see cref="SamplingChain"/>, and what ends a response.</summary>
public sealed record SamplingOptions
{
    internal const double LeastTemperature = 1e-4; // divided by much less, logits overflow float32

    /// <summary>Order and usual values of the two programs, by the names that recipes and flags give them.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Presets { get; } = new Dictionary<string, IReadOnlyDictionary<string, string>>
    {
        ["transformers"] = new Dictionary<string, string> { ["chain"] = "transformers" },
        ["llama.cpp"] = new Dictionary<string, string> { ["chain"] = "llama.cpp", ["temperature"] = "0.8", ["topK"] = "40", ["topP"] = "0.95", ["minP"] = "0.05", ["penaltyWindow"] = "64" },
    };

    /// <summary>The order of the steps.</summary>
    public ChainOrder Chain { get; init; }

    /// <summary>Take the most likely token; temperature and truncation then have no effect.</summary>
    public bool IsGreedy { get; init; }

    /// <summary>Logits are divided by it, above 0, with llama.cpp's chain also 0; log-probs are of the divided distribution.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Keep tokens whose logit is at most so many standard deviations below the largest (Tang 2024); 0 keeps all.</summary>
    public double TopNSigma { get; init; }

    /// <summary>Keep the k most likely tokens; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Keep the fewest most likely tokens whose probability reaches p; 1 keeps all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Keep tokens at least so likely relative to the most likely one; 0 keeps all.</summary>
    public double MinP { get; init; }

    /// <summary>Keep the tokens of the least unusual surprise whose probability reaches this (Meister 2023); 1 keeps all.</summary>
    public double Typical { get; init; } = 1;

    /// <summary>Keep tokens of at least this probability (Hewitt 2022); 0 keeps all.</summary>
    public double Epsilon { get; init; }

    /// <summary>The same with less where the distribution is flat: min(η, √η·e^−entropy) (Hewitt 2022); 0 keeps all.</summary>
    public double Eta { get; init; }

    /// <summary>How often, 0 to 1, all tokens above <see cref="XtcThreshold"/> but the least likely of them are dropped ("exclude top choices").</summary>
    public double XtcProbability { get; init; }

    /// <summary>The probability from which on a token is such a top choice; above 0.5 there is at most one, and nothing happens.</summary>
    public double XtcThreshold { get; init; } = 0.1;

    /// <summary>Divides positive and multiplies negative logits of tokens that already stand in the row (Keskar 2019); 1 does nothing.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Taken off the logit of a token for each time it has occurred; 0 does nothing, negative values invite repetition.</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>Taken off the logit of a token that has occurred; 0 does nothing, negative values invite repetition.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>The last so many tokens are looked at for these three penalties; 0 for all.</summary>
    public int PenaltyWindow { get; init; }

    /// <summary>Taken off the logit of a token that would go on with a repetition, times base^(length − allowed) ("don't repeat yourself"); 0 does nothing.</summary>
    public double DryMultiplier { get; init; }

    /// <summary>How fast that penalty grows with the length of the repetition, at least 1.</summary>
    public double DryBase { get; init; } = 1.75;

    /// <summary>The shortest repetition, in tokens, whose continuation is penalised.</summary>
    public int DryAllowedLength { get; init; } = 2;

    /// <summary>Tokens that no repetition reaches across.</summary>
    public IReadOnlyList<int> DryBreakers { get; init; } = [];

    /// <summary>No n-gram of this length occurs twice in prompt and response; 0 is off.</summary>
    public int NoRepeatNgram { get; init; }

    /// <summary>Sequences of tokens that are never completed. One of a single end token is passed over, as in transformers.</summary>
    public IReadOnlyList<IReadOnlyList<int>> BadWords { get; init; } = [];

    /// <summary>What is added to logits of tokens, or of tokens that would complete a sequence.</summary>
    public IReadOnlyList<TokenBias> Biases { get; init; } = [];

    /// <summary>Logits that are not numbers become 0 and infinite ones the largest or smallest number, instead of stopping the run.</summary>
    public bool RemoveInvalid { get; init; }

    /// <summary>No end token before so many new tokens.</summary>
    public int MinimumNewTokens { get; init; }

    /// <summary>Most new tokens.</summary>
    public int MaximumNewTokens { get; init; } = 64;

    /// <summary>Tokens that end a response; the ending one is part of it.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [];

    /// <summary>Texts that end a response; they need a tokenizer.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>What logits are divided by where log-probs are taken: the likeliest token is taken whatever the temperature.</summary>
    internal double LogProbTemperature => IsGreedy || Temperature == 0 ? 1 : Temperature;

    /// <summary>Whether draws are from another distribution than that of the log-probs, which is the full one: policy ratios are then biased.</summary>
    public bool IsTruncated => !IsGreedy && new SamplingChain(this).Steps.Any(step => step is not (SamplingStep.Temperature or SamplingStep.RemoveInvalid));

    /// <summary>What is wrong with the values, if anything.</summary>
    /// <param name="nameOf">How the person who gave a value calls it, by this record's key in camel case: a recipe's key, a flag.</param>
    /// <param name="vocabularySize">How many tokens the model has, where that is known.</param>
    public IEnumerable<Problem> Problems(Func<string, string>? nameOf = null, int? vocabularySize = null) =>
        new SamplingOptionsCheck(this, nameOf ?? (name => name), vocabularySize).Problems();
}
