using System.Globalization;
using System.Text.Json;
using Attune.Models;
using Attune.Runs;

namespace Attune.Rollouts;

/// <summary>
/// What somebody chose for sampling from a model; null where the choice is left to a preset, then to the author of the model, whose
/// <c>generation_config.json</c> decides, or else to Attune.
/// </summary>
public sealed record SamplingChoices
{
    private const int UsualNewTokens = 64;

    /// <summary>A name of <see cref="SamplingOptions.Presets"/>: order and usual values of a program.</summary>
    public string? Preset { get; init; }

    /// <summary>Take the likeliest token. Where nobody says, an author's <c>do_sample: false</c> says it, unless something about drawing is chosen.</summary>
    public bool IsGreedy { get; init; }

    /// <inheritdoc cref="SamplingOptions.Temperature"/>
    public double? Temperature { get; init; }

    /// <inheritdoc cref="SamplingOptions.TopNSigma"/>
    public double? TopNSigma { get; init; }

    /// <inheritdoc cref="SamplingOptions.TopK"/>
    public int? TopK { get; init; }

    /// <inheritdoc cref="SamplingOptions.TopP"/>
    public double? TopP { get; init; }

    /// <inheritdoc cref="SamplingOptions.MinP"/>
    public double? MinP { get; init; }

    /// <inheritdoc cref="SamplingOptions.Typical"/>
    public double? Typical { get; init; }

    /// <inheritdoc cref="SamplingOptions.Epsilon"/>
    public double? Epsilon { get; init; }

    /// <inheritdoc cref="SamplingOptions.Eta"/>
    public double? Eta { get; init; }

    /// <inheritdoc cref="SamplingOptions.XtcProbability"/>
    public double? XtcProbability { get; init; }

    /// <inheritdoc cref="SamplingOptions.XtcThreshold"/>
    public double? XtcThreshold { get; init; }

    /// <inheritdoc cref="SamplingOptions.RepetitionPenalty"/>
    public double? RepetitionPenalty { get; init; }

    /// <inheritdoc cref="SamplingOptions.NoRepeatNgram"/>
    public int? NoRepeatNgram { get; init; }

    /// <inheritdoc cref="SamplingOptions.BadWords"/>
    public IReadOnlyList<IReadOnlyList<int>>? BadWords { get; init; }

    /// <inheritdoc cref="SamplingOptions.Biases"/>
    public IReadOnlyList<TokenBias>? Biases { get; init; }

    /// <summary>What an author does not set: penalties of other programs, and whether invalid logits become numbers, which an author may ask for as well; the rest of it is not read.</summary>
    public SamplingOptions Further { get; init; } = new();

    /// <inheritdoc cref="SamplingOptions.PenaltyWindow"/>
    public int? PenaltyWindow { get; init; }

    /// <inheritdoc cref="SamplingOptions.MinimumNewTokens"/>
    public int? MinimumNewTokens { get; init; }

    /// <summary>Most new tokens; where it is left open, no more than the model has positions for.</summary>
    public int? MaximumNewTokens { get; init; }

    /// <inheritdoc cref="SamplingOptions.EndTokens"/>
    public IReadOnlyList<int>? EndTokens { get; init; }

    /// <inheritdoc cref="SamplingOptions.StopStrings"/>
    public IReadOnlyList<string>? StopStrings { get; init; }

    /// <summary>The choices joined with the preset's and the folder's settings.</summary>
    /// <param name="model">The model's folder.</param>
    /// <param name="promptTokens">Length of the prompt.</param>
    /// <param name="problems">Takes everything that is wrong, under the names of <paramref name="nameOf"/>.</param>
    /// <param name="nameOf">How the person calls a choice, by the key of <see cref="SamplingOptions"/> in camel case: <c>topK</c> is <c>--top-k</c>.</param>
    /// <returns>To be used only when there was no problem.</returns>
    public SamplingOptions Over(ModelDescription model, int promptTokens, ICollection<Problem> problems, Func<string, string> nameOf)
    {
        if (Preset is not null && !SamplingOptions.Presets.ContainsKey(Preset))
            problems.Add(Problem.Of(nameOf("preset"), $"is {Preset}", $"one of {string.Join(", ", SamplingOptions.Presets.Keys)}", "choose one, or leave it out"));
        var room = model.Config.MaximumPositions - promptTokens;
        var isGreedy = IsGreedy || (model.Usual.Samples == false && Preset is null && Drawing.All(choice => choice.Value is null));
        var usual = isGreedy ? WithoutDrawing(model.Usual) : model.Usual;
        var most = MaximumNewTokens ?? Math.Max(1, Math.Min(usual.MaximumNewTokens ?? usual.MaximumLength - promptTokens ?? UsualNewTokens, room));
        var options = Further with
        {
            Chain = OfPreset("chain") == "llama.cpp" ? ChainOrder.LlamaCpp : ChainOrder.Transformers,
            IsGreedy = isGreedy,
            Temperature = Temperature ?? NumberOfPreset("temperature", isGreedy) ?? usual.Temperature ?? 1,
            TopNSigma = TopNSigma ?? 0,
            TopK = TopK ?? (int?)NumberOfPreset("topK", isGreedy) ?? usual.TopK ?? 0,
            TopP = TopP ?? NumberOfPreset("topP", isGreedy) ?? usual.TopP ?? 1,
            MinP = MinP ?? NumberOfPreset("minP", isGreedy) ?? usual.MinP ?? 0,
            Typical = Typical ?? usual.Typical ?? 1,
            Epsilon = Epsilon ?? usual.Epsilon ?? 0,
            Eta = Eta ?? usual.Eta ?? 0,
            XtcProbability = XtcProbability ?? 0,
            XtcThreshold = XtcThreshold ?? new SamplingOptions().XtcThreshold,
            RepetitionPenalty = RepetitionPenalty ?? usual.RepetitionPenalty ?? 1,
            PenaltyWindow = PenaltyWindow ?? (int?)NumberOfPreset("penaltyWindow", isGreedy: false) ?? 0,
            NoRepeatNgram = NoRepeatNgram ?? usual.NoRepeatNgram ?? 0,
            BadWords = BadWords ?? usual.BadWords,
            Biases = Biases ?? usual.Biases,
            RemoveInvalid = Further.RemoveInvalid || usual.RemoveInvalid == true,
            MinimumNewTokens = MinimumNewTokens ?? Math.Max(0, Math.Min(most, Math.Max(usual.MinimumNewTokens ?? 0, (usual.MinimumLength ?? 0) - promptTokens))),
            MaximumNewTokens = most,
            EndTokens = EndTokens ?? model.EndIds,
            StopStrings = StopStrings ?? usual.StopStrings,
        };
        foreach (var problem in usual.Unknown.Concat(Contradictions(nameOf)).Concat(options.Problems(NameOrFile(nameOf), model.Config.VocabularySize)).Concat(TooLong(room, nameOf)).Concat(StopProblems(model, options, nameOf)))
            problems.Add(problem);
        return options;
    }

    /// <summary>The choices that only matter where tokens are drawn, by their key.</summary>
    public IReadOnlyList<(string Key, object? Value)> Drawing =>
    [
        ("temperature", Temperature), ("topNSigma", TopNSigma), ("topK", TopK), ("topP", TopP), ("minP", MinP), ("typical", Typical), ("epsilon", Epsilon), ("eta", Eta),
        ("xtcProbability", XtcProbability), ("xtcThreshold", XtcThreshold),
    ];

    /// <summary>The author's settings for drawing, of which none matters where the likeliest token is taken.</summary>
    private static GenerationConfig WithoutDrawing(GenerationConfig usual) => usual with { Temperature = null, TopK = null, TopP = null, MinP = null, Typical = null, Epsilon = null, Eta = null };

    private string? OfPreset(string key) => Preset is null ? null : SamplingOptions.Presets.GetValueOrDefault(Preset)?.GetValueOrDefault(key);

    private double? NumberOfPreset(string key, bool isGreedy) =>
        !isGreedy && OfPreset(key) is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;

    private IEnumerable<Problem> Contradictions(Func<string, string> nameOf)
    {
        if (IsGreedy)
        {
            foreach (var (key, value) in Drawing.Where(choice => choice.Value is not null))
                yield return Problem.Of(nameOf(key), $"is {value} beside {nameOf("isGreedy")}", "one of the two, as the likeliest token needs no draw", "leave one out");
        }

        if (XtcThreshold is not null && XtcProbability is null)
            yield return Problem.Of(nameOf("xtcThreshold"), $"is {XtcThreshold} without {nameOf("xtcProbability")}", "both, as nothing is dropped without it", $"add {nameOf("xtcProbability")} 0.5");
    }

    /// <summary>A value that nobody chose is the author's.</summary>
    private Func<string, string> NameOrFile(Func<string, string> nameOf) => key =>
    {
        var isAuthors = key switch
        {
            "repetitionPenalty" => RepetitionPenalty is null,
            "noRepeatNgram" => NoRepeatNgram is null,
            "badWords" => BadWords is null,
            "biases" => Biases is null,
            "endTokens" => EndTokens is null,
            "minimumNewTokens" => MinimumNewTokens is null,
            "stopStrings" => StopStrings is null,
            "temperature" or "topK" or "topP" or "minP" or "typical" or "epsilon" or "eta" => OfPreset(key) is null && Drawing.First(choice => choice.Key == key).Value is null,
            _ => false,
        };
        return isAuthors ? $"{GenerationConfig.FileName} {FileKeys.GetValueOrDefault(key) ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(key)}" : nameOf(key);
    };

    /// <summary>Keys of the author's file that are not ours in another spelling.</summary>
    private static Dictionary<string, string> FileKeys { get; } = new()
    {
        ["typical"] = "typical_p",
        ["epsilon"] = "epsilon_cutoff",
        ["eta"] = "eta_cutoff",
        ["noRepeatNgram"] = "no_repeat_ngram_size",
        ["badWords"] = "bad_words_ids",
        ["biases"] = "sequence_bias",
        ["endTokens"] = "eos_token_id",
        ["minimumNewTokens"] = "min_new_tokens",
    };

    private IEnumerable<Problem> TooLong(int room, Func<string, string> nameOf)
    {
        if (room > 0 && MaximumNewTokens > room)
            yield return Problem.Of(nameOf("maximumNewTokens"), $"is {MaximumNewTokens}", $"at most the {room} positions that the prompt leaves", "ask for fewer, or shorten the prompt");
    }

    private IEnumerable<Problem> StopProblems(ModelDescription model, SamplingOptions options, Func<string, string> nameOf)
    {
        if (options.StopStrings.Count > 0 && model.Tokenizer is null)
            yield return Problem.Of(NameOrFile(nameOf)("stopStrings"), "is given", $"a tokenizer in {model.Folder}, which has none", $"add the tokenizer, or end at tokens with {nameOf("endTokens")}");
    }
}
