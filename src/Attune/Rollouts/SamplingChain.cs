namespace Attune.Rollouts;

/// <summary>A step between logits and the draw.</summary>
public enum SamplingStep
{
    /// <summary>What is no finite number becomes one: <see cref="SamplingOptions.RemoveInvalid"/>.</summary>
    RemoveInvalid,

    /// <summary><see cref="SamplingOptions.Biases"/>: of single tokens and of sequences.</summary>
    Bias,

    /// <summary><see cref="SamplingOptions.RepetitionPenalty"/>.</summary>
    RepetitionPenalty,

    /// <summary><see cref="SamplingOptions.FrequencyPenalty"/> and <see cref="SamplingOptions.PresencePenalty"/>.</summary>
    OccurrencePenalties,

    /// <summary><see cref="SamplingOptions.DryMultiplier"/>.</summary>
    Dry,

    /// <summary><see cref="SamplingOptions.NoRepeatNgram"/>.</summary>
    NoRepeatNgram,

    /// <summary><see cref="SamplingOptions.BadWords"/>.</summary>
    BadWords,

    /// <summary><see cref="SamplingOptions.MinimumNewTokens"/>.</summary>
    MinimumLength,

    /// <summary><see cref="SamplingOptions.Temperature"/>; this and what follows shape a draw, and are passed over where none is made.</summary>
    Temperature,

    /// <summary><see cref="SamplingOptions.TopNSigma"/>.</summary>
    TopNSigma,

    /// <summary><see cref="SamplingOptions.TopK"/>.</summary>
    TopK,

    /// <summary><see cref="SamplingOptions.TopP"/>.</summary>
    TopP,

    /// <summary><see cref="SamplingOptions.MinP"/>.</summary>
    MinP,

    /// <summary><see cref="SamplingOptions.Typical"/>.</summary>
    Typical,

    /// <summary><see cref="SamplingOptions.Epsilon"/>.</summary>
    Epsilon,

    /// <summary><see cref="SamplingOptions.Eta"/>.</summary>
    Eta,

    /// <summary><see cref="SamplingOptions.XtcProbability"/>.</summary>
    Xtc,
}

/// <summary>
/// The steps between logits and the draw, as one list in a stated order, on one row on the processor. A dropped token has logit −∞. Not here:
/// the formulas (<see cref="HistoryFilters"/>, <see cref="Truncation"/>) and the draw (<see cref="TokenDraw"/>).
/// </summary>
public sealed class SamplingChain
{
    private static readonly SamplingStep[] OfHistory =
    [
        SamplingStep.RemoveInvalid, SamplingStep.Bias, SamplingStep.RepetitionPenalty, SamplingStep.OccurrencePenalties, SamplingStep.Dry,
        SamplingStep.NoRepeatNgram, SamplingStep.BadWords, SamplingStep.MinimumLength,
    ];

    private static readonly SamplingStep[] Transformers =
    [
        .. OfHistory, SamplingStep.Temperature, SamplingStep.TopNSigma, SamplingStep.TopK, SamplingStep.TopP, SamplingStep.MinP, SamplingStep.Typical,
        SamplingStep.Epsilon, SamplingStep.Eta, SamplingStep.Xtc,
    ];

    private static readonly SamplingStep[] LlamaCpp =
    [
        .. OfHistory, SamplingStep.TopNSigma, SamplingStep.TopK, SamplingStep.Typical, SamplingStep.TopP, SamplingStep.MinP, SamplingStep.Epsilon,
        SamplingStep.Eta, SamplingStep.Xtc, SamplingStep.Temperature,
    ];

    private readonly SamplingOptions _options;
    private readonly SamplingStep[] _steps;

    /// <summary>The chain of some settings.</summary>
    public SamplingChain(SamplingOptions options)
    {
        _options = options;
        _steps = [.. StepsOf(options.Chain).Where(DoesSomething)];
    }

    /// <summary>Those steps that do something with these settings, in their order.</summary>
    public IReadOnlyList<SamplingStep> Steps => _steps;

    /// <summary>Whether a draw from softmax(logits / temperature) is all there is to do.</summary>
    internal bool IsPlainDraw => !_options.IsGreedy && _steps is [] or [SamplingStep.Temperature] && _options.Temperature > 0;

    /// <summary>Every step, in an order.</summary>
    public static IReadOnlyList<SamplingStep> StepsOf(ChainOrder order) => order == ChainOrder.LlamaCpp ? LlamaCpp : Transformers;

    /// <summary>Applies the steps to a row, in place.</summary>
    /// <param name="logits">One row <c>[V]</c>.</param>
    /// <param name="history">Tokens of prompt and response so far.</param>
    /// <param name="newTokens">How many of them are of the response.</param>
    /// <param name="chance">In [0, 1): decides whether <see cref="SamplingStep.Xtc"/> acts. Not the number that the draw takes.</param>
    public void Apply(Span<float> logits, ReadOnlySpan<int> history, int newTokens, double chance = 0)
    {
        foreach (var step in _steps)
            Apply(step, logits, history, newTokens, chance);
    }

    private void Apply(SamplingStep step, Span<float> logits, ReadOnlySpan<int> history, int newTokens, double chance)
    {
        switch (step)
        {
            case SamplingStep.RemoveInvalid:
                Truncation.RemoveInvalid(logits, _options.LogProbTemperature);
                break;
            case SamplingStep.Bias:
                HistoryFilters.AddBiases(logits, _options.Biases, history);
                break;
            case SamplingStep.RepetitionPenalty:
                HistoryFilters.PenaliseRepetition(logits, _options.RepetitionPenalty, Window(history));
                break;
            case SamplingStep.OccurrencePenalties:
                // OpenAI's API and vLLM count the response alone, llama.cpp the prompt too.
                var counted = _options.Chain == ChainOrder.LlamaCpp ? history : history[^newTokens..];
                HistoryFilters.PenaliseOccurrences(logits, _options.FrequencyPenalty, _options.PresencePenalty, Window(counted));
                break;
            case SamplingStep.Dry:
                HistoryFilters.PenaliseContinuedRepetition(logits, _options, history);
                break;
            case SamplingStep.NoRepeatNgram:
                HistoryFilters.BanRepeatedNgrams(logits, _options.NoRepeatNgram, history);
                break;
            case SamplingStep.BadWords:
                HistoryFilters.BanWords(logits, _options.BadWords, _options.EndTokens, history);
                break;
            case SamplingStep.MinimumLength when newTokens < _options.MinimumNewTokens:
                foreach (var end in _options.EndTokens)
                    logits[end] = float.NegativeInfinity;
                break;
            case SamplingStep.Xtc when chance < _options.XtcProbability:
                Truncation.ExcludeTopChoices(logits, _options.XtcThreshold);
                break;
            default:
                Truncate(step, logits);
                break;
        }
    }

    private void Truncate(SamplingStep step, Span<float> logits)
    {
        switch (step)
        {
            case SamplingStep.Temperature:
                Truncation.Temper(logits, _options.Temperature);
                break;
            case SamplingStep.TopNSigma:
                Truncation.KeepTopNSigma(logits, _options.TopNSigma);
                break;
            case SamplingStep.TopK:
                Truncation.KeepTopK(logits, _options.TopK, keepTies: _options.Chain == ChainOrder.Transformers);
                break;
            case SamplingStep.TopP:
                Truncation.KeepTopP(logits, _options.TopP);
                break;
            case SamplingStep.MinP:
                Truncation.KeepMinP(logits, _options.MinP);
                break;
            case SamplingStep.Typical:
                Truncation.KeepTypical(logits, _options.Typical);
                break;
            case SamplingStep.Epsilon:
                Truncation.KeepProbable(logits, _options.Epsilon);
                break;
            case SamplingStep.Eta:
                Truncation.KeepEta(logits, _options.Eta);
                break;
        }
    }

    private ReadOnlySpan<int> Window(ReadOnlySpan<int> tokens) =>
        _options.PenaltyWindow > 0 && tokens.Length > _options.PenaltyWindow ? tokens[^_options.PenaltyWindow..] : tokens;

    private bool DoesSomething(SamplingStep step) => step switch
    {
        SamplingStep.RemoveInvalid => _options.RemoveInvalid,
        SamplingStep.Bias => _options.Biases.Count > 0,
        SamplingStep.RepetitionPenalty => _options.RepetitionPenalty != 1,
        SamplingStep.OccurrencePenalties => _options.FrequencyPenalty != 0 || _options.PresencePenalty != 0,
        SamplingStep.Dry => _options.DryMultiplier > 0,
        SamplingStep.NoRepeatNgram => _options.NoRepeatNgram > 0,
        SamplingStep.BadWords => _options.BadWords.Count > 0,
        SamplingStep.MinimumLength => _options.MinimumNewTokens > 0,
        _ when _options.IsGreedy => false,
        SamplingStep.Temperature => _options.Temperature != 1,
        SamplingStep.TopNSigma => _options.TopNSigma > 0,
        SamplingStep.TopK => _options.TopK > 0,
        SamplingStep.TopP => _options.TopP < 1,
        SamplingStep.MinP => _options.MinP > 0,
        SamplingStep.Typical => _options.Typical < 1,
        SamplingStep.Epsilon => _options.Epsilon > 0,
        SamplingStep.Eta => _options.Eta > 0,
        SamplingStep.Xtc => _options.XtcProbability > 0,
        _ => throw new System.Diagnostics.UnreachableException($"Unhandled step {step}."),
    };
}
