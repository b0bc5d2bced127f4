using Attune.Runs;

namespace Attune.Rollouts;

/// <summary>What is wrong with settings for sampling. Not here: what contradicts what on a command line (<see cref="SamplingChoices"/>).</summary>
/// <param name="options">The settings.</param>
/// <param name="nameOf">How the person who gave a value calls it.</param>
/// <param name="vocabularySize">How many tokens the model has, where that is known.</param>
internal sealed class SamplingOptionsCheck(SamplingOptions options, Func<string, string> nameOf, int? vocabularySize)
{
    private const double LargestBias = 10_000;

    public IEnumerable<Problem> Problems() => [.. Truncations(), .. Penalties(), .. Lengths(), .. Tokens()];

    private IEnumerable<Problem> Truncations()
    {
        var mayBeZero = options.Chain == ChainOrder.LlamaCpp;
        if (!(options.Temperature == 0 && mayBeZero))
        {
            if (!(options.Temperature > 0) || double.IsInfinity(options.Temperature))
                yield return Of("temperature", options.Temperature, mayBeZero ? "0 or more" : "above 0", "use greedy for the most likely token");
            else if (options.Temperature < SamplingOptions.LeastTemperature)
                yield return Of("temperature", options.Temperature, $"at least {SamplingOptions.LeastTemperature}", "use greedy for the most likely token");
        }

        if (options.TopK < 0)
            yield return Of("topK", options.TopK, "0 (off) or more", "50 is usual");
        if (!(options.TopP is > 0 and <= 1))
            yield return Of("topP", options.TopP, "above 0 and at most 1", "1 keeps all, 0.95 is usual");
        if (!(options.MinP is >= 0 and <= 1))
            yield return Of("minP", options.MinP, "between 0 and 1", "0 keeps all, 0.05 is usual");
        if (!(options.Typical is > 0 and <= 1))
            yield return Of("typical", options.Typical, "above 0 and at most 1", "1 keeps all, 0.95 is usual");
        if (!(options.Epsilon is >= 0 and < 1))
            yield return Of("epsilon", options.Epsilon, "0 (off) or more, and below 1", "0.0003 to 0.0009 is usual");
        if (!(options.Eta is >= 0 and < 1))
            yield return Of("eta", options.Eta, "0 (off) or more, and below 1", "0.0003 to 0.002 is usual");
        if (!(options.TopNSigma >= 0) || double.IsInfinity(options.TopNSigma))
            yield return Of("topNSigma", options.TopNSigma, "0 (off) or more", "1 is usual");
        if (!(options.XtcProbability is >= 0 and <= 1))
            yield return Of("xtcProbability", options.XtcProbability, "between 0 and 1", "0 is off, 0.5 is usual");
        if (!(options.XtcThreshold is > 0 and <= 1))
            yield return Of("xtcThreshold", options.XtcThreshold, "above 0 and at most 1", "0.1 is usual");
    }

    private IEnumerable<Problem> Penalties()
    {
        if (!(options.RepetitionPenalty is >= 0.01 and <= 100)) // far beyond sense, and logits stay in float32
            yield return Of("repetitionPenalty", options.RepetitionPenalty, "0.01 to 100", "1 does nothing, 1.2 is usual");
        if (!(Math.Abs(options.FrequencyPenalty) <= 100))
            yield return Of("frequencyPenalty", options.FrequencyPenalty, "-100 to 100", "0 does nothing, 0.5 is usual");
        if (!(Math.Abs(options.PresencePenalty) <= 100))
            yield return Of("presencePenalty", options.PresencePenalty, "-100 to 100", "0 does nothing, 0.5 is usual");
        if (options.PenaltyWindow < 0)
            yield return Of("penaltyWindow", options.PenaltyWindow, "0 (all tokens) or more", "64 is usual in llama.cpp");
        if (!(options.DryMultiplier is >= 0 and <= 100))
            yield return Of("dryMultiplier", options.DryMultiplier, "0 (off) to 100", "0.8 is usual");
        if (!(options.DryBase is >= 1 and <= 100))
            yield return Of("dryBase", options.DryBase, "1 to 100", "1.75 is usual");
        if (options.DryAllowedLength < 1)
            yield return Of("dryAllowedLength", options.DryAllowedLength, "at least 1", "2 is usual");
        if (options.NoRepeatNgram < 0)
            yield return Of("noRepeatNgram", options.NoRepeatNgram, "0 (off) or more", "3 is usual");
    }

    private IEnumerable<Problem> Lengths()
    {
        if (options.MaximumNewTokens < 1)
            yield return Of("maximumNewTokens", options.MaximumNewTokens, "at least 1", "64 is usual");
        if (options.MinimumNewTokens < 0 || options.MinimumNewTokens > Math.Max(1, options.MaximumNewTokens))
            yield return Of("minimumNewTokens", options.MinimumNewTokens, $"between 0 and {nameOf("maximumNewTokens")} ({options.MaximumNewTokens})", "0 is usual");
        else if (options.MinimumNewTokens > 0 && options.EndTokens.Distinct().Count() >= vocabularySize)
            yield return Problem.Of(nameOf("minimumNewTokens"), $"is {options.MinimumNewTokens} while all {vocabularySize} tokens are end tokens", "a token that may be drawn", "name fewer end tokens");
        if (options.StopStrings.Any(stop => stop.Length == 0))
            yield return Problem.Of(nameOf("stopStrings"), "is empty", "some text", "leave it out for no such text");
    }

    private IEnumerable<Problem> Tokens()
    {
        foreach (var problem in Unknown("endTokens", options.EndTokens).Concat(Unknown("dryBreakers", options.DryBreakers)))
            yield return problem;
        foreach (var (key, tokens) in options.BadWords.Select(word => ("badWords", word)).Concat(options.Biases.Select(bias => ("biases", bias.Tokens))))
        {
            if (tokens.Count == 0)
                yield return Problem.Of(nameOf(key), "has a sequence of no tokens", "at least one", "leave it out");
            foreach (var problem in Unknown(key, tokens))
                yield return problem;
        }

        foreach (var bias in options.Biases.Where(b => !(Math.Abs(b.Bias) <= LargestBias)))
            yield return Problem.Of(nameOf("biases"), $"adds {bias.Bias} to token {string.Join(" after ", bias.Tokens.Reverse())}", $"{-LargestBias} to {LargestBias}", "-100 is as good as a ban; ban tokens for good as bad words");
    }

    private IEnumerable<Problem> Unknown(string key, IReadOnlyList<int> ids)
    {
        if (ids.Where(id => id < 0 || id >= vocabularySize).ToArray() is { Length: > 0 } unknown)
            yield return Problem.Of(nameOf(key), $"has {string.Join(", ", unknown)}", $"ids from 0{(vocabularySize is { } size ? $" to {size - 1}" : "")}", "give ids of the model's tokens");
    }

    private Problem Of(string key, double value, string expected, string fix) => Problem.Of(nameOf(key), $"is {value}", expected, fix);
}
