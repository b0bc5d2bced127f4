using System.Text.Json.Serialization;
using Attune.Runs;

namespace Attune.Feedback;

/// <summary>
/// What a simulated annotator likes, as weights on features measured in standard deviations (of answers of the supervised model, when the
/// crowd was calibrated): <c>u = positivity·z₁ − repetition·z₂ − length·z₃ + fluency·min(z₄, fluentEnough)</c>.
/// </summary>
public sealed record Taste
{
    /// <summary>Weight of how favourable the words are (<see cref="Valence.Score"/>).</summary>
    public double Positivity { get; init; } = 1.0;

    /// <summary>Penalty on the share of repeated word pairs (<see cref="AnswerFeatures.Repetition"/>).</summary>
    public double Repetition { get; init; } = 0.5;

    /// <summary>Penalty on the distance from the preferred length, |ln(words / preferred words)|.</summary>
    public double Length { get; init; } = 0.3;

    /// <summary>Weight of the mean log-probability per token under the base model.</summary>
    public double Fluency { get; init; } = 0.5;

    /// <summary>
    /// From so many deviations above the mean on, more probable text pleases no more: people's liking grows with a text's probability only up to a
    /// point (the likelihood trap, Zhang et al. 2021, arXiv:2004.10450).
    /// </summary>
    public double FluentEnough { get; init; } = 1;

    /// <summary>The length that is just right, in words.</summary>
    public double PreferredWords { get; init; } = 30;

    /// <summary>What is out of range.</summary>
    internal IEnumerable<Problem> Problems(string key)
    {
        (string Name, double Value, string Fix)[] finite =
        [
            ("positivity", Positivity, "1 is usual"), ("repetition", Repetition, "0.5 is usual"), ("length", Length, "0.3 is usual"), ("fluency", Fluency, "0.5 is usual, 0 leaves it out"),
            ("fluentEnough", FluentEnough, "1 is usual, 100 sets no limit"),
        ];
        foreach (var (name, value, fix) in finite.Where(entry => !double.IsFinite(entry.Value)))
            yield return Problem.Of($"{key}.{name}", $"is {value}", "a finite number", fix);
        if (!(PreferredWords > 0 && double.IsFinite(PreferredWords)))
            yield return Problem.Of($"{key}.preferredWords", $"is {PreferredWords}", "above 0", "30 is usual");
    }
}

/// <summary>What makes some annotators worse than their taste. Chances are per judgment.</summary>
public sealed record Vices
{
    /// <summary>Chance to take the answer shown first without reading.</summary>
    public double LeftBias { get; init; }

    /// <summary>Chance to click anywhere.</summary>
    public double RandomClicks { get; init; }

    /// <summary>How many times faster than an honest annotator; at least 1. Shows in the time only.</summary>
    public double Speed { get; init; } = 1;

    /// <summary>Chance to give the opposite of what was perceived, on purpose.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double Adversity { get; init; }

    /// <summary>The ring of those who agreed to give one answer, drawn for each comparison, whatever they read; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Ring { get; init; }

    /// <summary>Whether there is any.</summary>
    public bool Any => LeftBias > 0 || RandomClicks > 0 || Speed > 1 || Adversity > 0 || Ring is not null;

    /// <summary>What is out of range.</summary>
    internal IEnumerable<Problem> Problems(string key)
    {
        if (LeftBias is not (>= 0 and <= 1))
            yield return Problem.Of($"{key}.leftBias", $"is {LeftBias}", "from 0 to 1", "0.6 is a strong one");
        if (RandomClicks is not (>= 0 and <= 1))
            yield return Problem.Of($"{key}.randomClicks", $"is {RandomClicks}", "from 0 to 1", "1 clicks always");
        if (Adversity is not (>= 0 and <= 1))
            yield return Problem.Of($"{key}.adversity", $"is {Adversity}", "from 0 to 1", "1 turns every answer round");
        if (Ring is "")
            yield return Problem.Of($"{key}.ring", "is empty", "a name", "leave it out for none");
        if (!(Speed >= 1 && double.IsFinite(Speed)))
            yield return Problem.Of($"{key}.speed", $"is {Speed}", "at least 1", "1 is an honest reader's");
    }
}

/// <summary>The measurable sides of an answer that a taste weighs.</summary>
/// <param name="Positivity">The valence score, in (−1, 1).</param>
/// <param name="Repetition">In [0, 1).</param>
/// <param name="LengthError">|ln((words + 1) / (preferred + 1))|, at least 0.</param>
/// <param name="Fluency">Mean log-probability per token under the base model, in nats.</param>
public readonly record struct AnswerFeatures(double Positivity, double Repetition, double LengthError, double Fluency)
{
    /// <summary>The share of word pairs that occurred before in the same text: 1 − distinct / all bigrams; 0 for fewer than two words.</summary>
    public static double RepetitionOf(IReadOnlyList<string> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        if (words.Count < 2)
            return 0;
        var distinct = words.Zip(words.Skip(1)).Distinct().Count();
        return 1 - distinct / (double)(words.Count - 1);
    }
}

/// <summary>What can be measured of an answer before knowing who of a group reads it.</summary>
/// <param name="Positivity">As in <see cref="AnswerFeatures"/>.</param>
/// <param name="Repetition">As in <see cref="AnswerFeatures"/>.</param>
/// <param name="Words">How many words.</param>
/// <param name="Fluency">As in <see cref="AnswerFeatures"/>.</param>
internal readonly record struct AnswerMeasures(double Positivity, double Repetition, int Words, double Fluency)
{
    public static AnswerMeasures Of(string text, double fluency, Valence valence)
    {
        var words = Feedback.Words.Of(text);
        return new(valence.Score(text), AnswerFeatures.RepetitionOf(words), words.Count, fluency);
    }

    public AnswerFeatures For(Taste taste) => new(Positivity, Repetition, Math.Abs(Math.Log((Words + 1) / (taste.PreferredWords + 1))), Fluency);
}

/// <summary>Mean and spread of each feature, by which a reader's utilities are put on one scale.</summary>
/// <param name="Mean">Mean of each feature.</param>
/// <param name="Spread">Standard deviation of each (over n), but not below <see cref="SmallestSpread"/>.</param>
public sealed record FeatureScale(AnswerFeatures Mean, AnswerFeatures Spread)
{
    /// <summary>Below this a feature hardly varies, and dividing by its spread would blow noise up.</summary>
    public static AnswerFeatures SmallestSpread { get; } = new(0.05, 0.01, 0.05, 0.05);

    /// <summary>The scale of a set of answers, at least one.</summary>
    public static FeatureScale Of(IReadOnlyList<AnswerFeatures> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        ArgumentOutOfRangeException.ThrowIfZero(answers.Count, nameof(answers));
        (double Mean, double Spread) Moments(Func<AnswerFeatures, double> feature)
        {
            var mean = answers.Average(feature);
            var spread = Math.Sqrt(answers.Average(answer => (feature(answer) - mean) * (feature(answer) - mean)));
            return (mean, Math.Max(spread, feature(SmallestSpread)));
        }
        var (positivity, repetition, length, fluency) = (Moments(a => a.Positivity), Moments(a => a.Repetition), Moments(a => a.LengthError), Moments(a => a.Fluency));
        return new(
            new(positivity.Mean, repetition.Mean, length.Mean, fluency.Mean),
            new(positivity.Spread, repetition.Spread, length.Spread, fluency.Spread));
    }

    /// <summary>How much a taste likes an answer.</summary>
    public double Utility(Taste taste, AnswerFeatures answer)
    {
        ArgumentNullException.ThrowIfNull(taste);
        return taste.Positivity * (answer.Positivity - Mean.Positivity) / Spread.Positivity
            - taste.Repetition * (answer.Repetition - Mean.Repetition) / Spread.Repetition
            - taste.Length * (answer.LengthError - Mean.LengthError) / Spread.LengthError
            + taste.Fluency * Math.Min((answer.Fluency - Mean.Fluency) / Spread.Fluency, taste.FluentEnough);
    }
}
