using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>How measures are taken.</summary>
public sealed record MeasureSettings : IChecked
{
    /// <summary>Golden tasks that everyone is taken to have answered rightly before: the first parameter of the Beta prior.</summary>
    public double PriorRight { get; init; } = 1;

    /// <summary>Golden tasks that everyone is taken to have answered wrongly before: the second parameter.</summary>
    public double PriorWrong { get; init; } = 1;

    /// <summary>A judgment is fast where it took less time than this share of the others' on the same kind of task.</summary>
    public double FastQuantile { get; init; } = 0.05;

    /// <summary>Times of others on the same kind of task below which speed is not measured.</summary>
    public int MinimumTimes { get; init; } = 20;

    /// <summary>What a written text has to be like.</summary>
    public TextSettings Text { get; init; } = new();

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (!(PriorRight > 0 && double.IsFinite(PriorRight)))
            yield return Problem.Of("priorRight", $"is {PriorRight}", "a number above 0", "1 with priorWrong 1 is the uniform prior");
        if (!(PriorWrong > 0 && double.IsFinite(PriorWrong)))
            yield return Problem.Of("priorWrong", $"is {PriorWrong}", "a number above 0", "1 with priorRight 1 is the uniform prior");
        if (FastQuantile is not (> 0 and < 1))
            yield return Problem.Of("fastQuantile", $"is {FastQuantile}", "between 0 and 1", "0.05 is usual");
        if (MinimumTimes < 2)
            yield return Problem.Of("minimumTimes", $"is {MinimumTimes}", "at least 2", "20 is usual");
    }
}

/// <summary>What a written text has to be like; null asks for nothing.</summary>
public sealed record TextSettings : IChecked
{
    /// <summary>The fewest words.</summary>
    public int? MinimumWords { get; init; }

    /// <summary>The most words.</summary>
    public int? MaximumWords { get; init; }

    /// <summary>The fewest sentences.</summary>
    public int? MinimumSentences { get; init; }

    /// <summary>The most sentences.</summary>
    public int? MaximumSentences { get; init; }

    /// <summary>How many words in a row make a sequence that counts as copied where the prompt has it too.</summary>
    public int CopiedWords { get; init; } = 4;

    /// <summary>The largest share of such sequences.</summary>
    public double? MaximumCopied { get; init; }

    /// <summary>Words with which no text may begin, whatever their case and punctuation.</summary>
    public IReadOnlyList<string> BannedOpenings { get; init; } = [];

    /// <summary>The wanted language, one of <see cref="LanguageGuess.Known"/>.</summary>
    public string? Language { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        (string Key, int? Value)[] counts = [("minimumWords", MinimumWords), ("maximumWords", MaximumWords), ("minimumSentences", MinimumSentences), ("maximumSentences", MaximumSentences)];
        foreach (var (key, value) in counts.Where(count => count.Value < 1))
            yield return Problem.Of(key, $"is {value}", "at least 1", "leave it out to ask for nothing");
        if (MinimumWords > MaximumWords)
            yield return Problem.Of("maximumWords", $"is {MaximumWords}", $"at least minimumWords, {MinimumWords}", "raise it or lower the other");
        if (MinimumSentences > MaximumSentences)
            yield return Problem.Of("maximumSentences", $"is {MaximumSentences}", $"at least minimumSentences, {MinimumSentences}", "raise it or lower the other");
        if (CopiedWords < 1)
            yield return Problem.Of("copiedWords", $"is {CopiedWords}", "at least 1", "4 is usual");
        if (MaximumCopied is not (null or (>= 0 and <= 1)))
            yield return Problem.Of("maximumCopied", $"is {MaximumCopied}", "from 0 to 1", "0.5 is usual");
        if (BannedOpenings.Any(opening => Words.Of(opening).Count == 0))
            yield return Problem.Of("bannedOpenings", "has an entry without a word", "words", "remove it");
        if (Language is not null && !LanguageGuess.Known.Contains(Language))
            yield return Problem.Of("language", $"is {Language}", $"one of {string.Join(", ", LanguageGuess.Known)}", "choose one, or leave it out");
    }
}
