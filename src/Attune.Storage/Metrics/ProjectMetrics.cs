using Attune.Feedback;
using Attune.Storage.Work;

namespace Attune.Storage.Metrics;

/// <summary>How a project goes, at one moment. Answers are those in force, of ordinary and calibration tasks, unless said otherwise.</summary>
public sealed record ProjectMetrics
{
    /// <summary>When this was read.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The newest judgment that was given here; null where none was.</summary>
    public string? LastJudgmentId { get; init; }

    /// <summary>Tasks and answers: wanted, accepted, under way.</summary>
    public required Progress Progress { get; init; }

    /// <summary>Answers an hour over the last day, or over the time since the first answer of that day where that is shorter, at least one hour; 0 without any.</summary>
    public required double PerHour { get; init; }

    /// <summary>When all answers will be there at that rate; null where none are missing or none come.</summary>
    public DateTimeOffset? ExpectedEnd { get; init; }

    /// <summary>Answers in each hour of the last two days, of UTC; hours without any too.</summary>
    public required IReadOnlyList<Throughput> Hours { get; init; }

    /// <summary>Answers on each day of the window, of UTC; days without any too.</summary>
    public required IReadOnlyList<Throughput> Days { get; init; }

    /// <summary>Agreement day by day, where there was any to measure; of ratings, labels and several questions each by itself.</summary>
    public required IReadOnlyList<DayAgreement> Agreement { get; init; }

    /// <summary>Everyone who answered, those with most answers first.</summary>
    public required IReadOnlyList<AnnotatorTotals> Annotators { get; init; }

    /// <summary>The project's batches by number.</summary>
    public required IReadOnlyList<BatchTotals> Batches { get; init; }
}

/// <summary>Answers that came in an hour or on a day.</summary>
/// <param name="From">When it begins, UTC.</param>
/// <param name="Answers">How many.</param>
public sealed record Throughput(DateTimeOffset From, int Answers);

/// <summary>
/// How far people agreed on the tasks that were answered on a day, with all answers that these had by its end: what comes later changes nothing of it.
/// </summary>
/// <param name="Day">Its first moment, UTC.</param>
/// <param name="Part">The axis, label or question; null of comparisons and of single questions.</param>
/// <param name="Tasks">Tasks with at least two answers.</param>
/// <param name="Answers">Answers of all tasks of the day, at most <see cref="MostAnswers"/>, the newest.</param>
/// <param name="Alpha">Krippendorff's alpha: of ratings ordinal, each answer a unit, otherwise nominal; null where everyone always gave the same label, which leaves it undefined.</param>
/// <param name="Interval">The middle 95 % of alphas on resampled tasks.</param>
public sealed record DayAgreement(DateTimeOffset Day, string? Part, int Tasks, int Answers, double? Alpha, Interval? Interval)
{
    /// <summary>The most answers that a day's agreement is computed from.</summary>
    public const int MostAnswers = 5_000;
}

/// <summary>What one person did.</summary>
public sealed record AnnotatorTotals
{
    /// <summary>Their pseudonym.</summary>
    public required string AnnotatorId { get; init; }

    /// <summary>Answers to tasks of every purpose.</summary>
    public required int Answers { get; init; }

    /// <summary>Answers in the last 24 hours.</summary>
    public required int LastDay { get; init; }

    /// <summary>Seconds of active time; of answers without it the time from showing to sending.</summary>
    public required double ActiveSeconds { get; init; }

    /// <summary>When the last one came.</summary>
    public required DateTimeOffset LastAt { get; init; }
}

/// <summary>A batch and how far it is.</summary>
public sealed record BatchTotals(string Id, int Number, string Name, BatchState State, Progress Progress);
