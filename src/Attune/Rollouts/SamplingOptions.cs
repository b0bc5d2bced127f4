using Attune.Runs;

namespace Attune.Rollouts;

/// <summary>How the next token is drawn. The chain's order is that of transformers: penalty, bans, temperature, top-k, top-p, min-p.</summary>
public sealed record SamplingOptions
{
    internal const double LeastTemperature = 1e-4; // divided by much less, logits overflow float32

    /// <summary>Take the most likely token; temperature and truncation then have no effect.</summary>
    public bool IsGreedy { get; init; }

    /// <summary>Logits are divided by it, above 0; log-probs are of the divided distribution.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Keep the k most likely tokens and those that tie with the k-th; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Keep the fewest most likely tokens whose probability reaches p; 1 keeps all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Keep tokens at least so likely relative to the most likely one; 0 keeps all.</summary>
    public double MinP { get; init; }

    /// <summary>Divides positive and multiplies negative logits of tokens that already stand in the row (Keskar et al. 2019); 1 does nothing.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>No end token before so many new tokens.</summary>
    public int MinimumNewTokens { get; init; }

    /// <summary>Most new tokens.</summary>
    public int MaximumNewTokens { get; init; } = 64;

    /// <summary>Tokens that end a response; the ending one is part of it.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [];

    /// <summary>Texts that end a response; they need a tokenizer.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>What logits are divided by where log-probs are taken: greedy ignores the temperature.</summary>
    internal double LogProbTemperature => IsGreedy ? 1 : Temperature;

    /// <summary>Whether some tokens can never be drawn: log-probs are of the full distribution, so policy ratios are then biased.</summary>
    public bool IsTruncated => !IsGreedy && (TopK > 0 || TopP < 1 || MinP > 0 || RepetitionPenalty != 1 || MinimumNewTokens > 0);

    /// <summary>What is wrong with the values, if anything.</summary>
    /// <param name="nameOf">How the person who gave a value calls it, by this record's key in camel case: a recipe's key, a flag.</param>
    /// <param name="vocabularySize">How many tokens the model has, where that is known.</param>
    public IEnumerable<Problem> Problems(Func<string, string>? nameOf = null, int? vocabularySize = null)
    {
        nameOf ??= name => name;
        if (!(Temperature > 0) || double.IsInfinity(Temperature))
            yield return Problem.Of(nameOf("temperature"), $"is {Temperature}", "above 0", "use greedy for the most likely token");
        else if (Temperature < LeastTemperature)
            yield return Problem.Of(nameOf("temperature"), $"is {Temperature}", $"at least {LeastTemperature}", "use greedy for the most likely token");
        if (TopK < 0)
            yield return Problem.Of(nameOf("topK"), $"is {TopK}", "0 (off) or more", "50 is usual");
        if (!(TopP is > 0 and <= 1))
            yield return Problem.Of(nameOf("topP"), $"is {TopP}", "above 0 and at most 1", "1 keeps all, 0.95 is usual");
        if (!(MinP is >= 0 and <= 1))
            yield return Problem.Of(nameOf("minP"), $"is {MinP}", "between 0 and 1", "0 keeps all, 0.05 is usual");
        if (!(RepetitionPenalty is >= 0.01 and <= 100)) // far beyond sense, and logits stay in float32
            yield return Problem.Of(nameOf("repetitionPenalty"), $"is {RepetitionPenalty}", "0.01 to 100", "1 does nothing, 1.2 is usual");
        if (MaximumNewTokens < 1)
            yield return Problem.Of(nameOf("maximumNewTokens"), $"is {MaximumNewTokens}", "at least 1", "64 is usual");
        if (MinimumNewTokens < 0 || MinimumNewTokens > Math.Max(1, MaximumNewTokens))
            yield return Problem.Of(nameOf("minimumNewTokens"), $"is {MinimumNewTokens}", $"between 0 and {nameOf("maximumNewTokens")} ({MaximumNewTokens})", "0 is usual");
        else if (MinimumNewTokens > 0 && EndTokens.Distinct().Count() >= vocabularySize)
            yield return Problem.Of(nameOf("minimumNewTokens"), $"is {MinimumNewTokens} while all {vocabularySize} tokens are end tokens", "a token that may be drawn", "name fewer end tokens");
        if (EndTokens.Where(id => id < 0 || id >= vocabularySize).ToArray() is { Length: > 0 } unknown)
            yield return Problem.Of(nameOf("endTokens"), $"has {string.Join(", ", unknown)}", $"ids from 0{(vocabularySize is { } size ? $" to {size - 1}" : "")}", "give ids of the model's tokens");
        if (StopStrings.Any(stop => stop.Length == 0))
            yield return Problem.Of(nameOf("stopStrings"), "is empty", "some text", "leave it out for no such text");
    }
}
