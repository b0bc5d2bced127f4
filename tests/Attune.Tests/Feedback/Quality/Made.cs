using Attune.Feedback;
using Attune.Feedback.Quality;

namespace Attune.Tests.Feedback.Quality;

/// <summary>Judgments of two answers, made by hand.</summary>
internal static class Made
{
    public static readonly DateTimeOffset Start = new(2026, 1, 5, 9, 0, 0, TimeSpan.Zero);

    /// <summary>A choice of two answers, <paramref name="minute"/> minutes after the start.</summary>
    public static Judgment Judged(string who, string comparison, int best, int minute, bool isTurned = false, double seconds = 20) => new()
    {
        Id = $"{comparison}:{who}:{(isTurned ? 1 : 0)}:{minute}",
        ComparisonId = comparison,
        AnnotatorId = who,
        Order = isTurned ? [1, 0] : [0, 1],
        Outcome = Outcome.Choice,
        Ranks = best == 0 ? [1, 2] : [2, 1],
        Seconds = seconds,
        InstructionVersion = "1",
        At = Start.AddMinutes(minute),
    };

    /// <summary>One choice after another on comparisons c0, c1, …</summary>
    public static IEnumerable<Judgment> Row(string who, params int[] best) => best.Select((answer, i) => Judged(who, $"c{i}", answer, i));

    public static TaskFacts Golden(string comparison, int best) => new() { ComparisonId = comparison, Expected = new() { Best = best } };

    public static Measured Of(this QualityHistory history, string who, Measure measure) => history.Measure(who, measure);
}
