using System.Text.Json.Serialization;

namespace Attune.Feedback;

/// <summary>What a judge decided, apart from the details.</summary>
public enum Outcome
{
    /// <summary>One answer is the best; about the others nothing is said.</summary>
    [JsonStringEnumMemberName("choice")] Choice,

    /// <summary>The answers are in order, some perhaps level.</summary>
    [JsonStringEnumMemberName("ranking")] Ranking,

    /// <summary>All are equally good.</summary>
    [JsonStringEnumMemberName("tie")] Tie,

    /// <summary>The judge could not say: no vote.</summary>
    [JsonStringEnumMemberName("cannot-judge")] CannotJudge,
}

/// <summary>
/// Who judged what, in which order the answers were shown, and with what result: a line of the append-only log, never changed afterwards.
/// Everything else about preferences and people is computed from these.
/// </summary>
public sealed record Judgment
{
    /// <summary>The strongest preference, "much better"; 1 is "slightly".</summary>
    public const int MaximumStrength = 4;

    /// <summary>Names the judgment; a second one with the same id is the same judgment, sent again.</summary>
    public required string Id { get; init; }

    /// <summary>The comparison judged.</summary>
    public required string ComparisonId { get; init; }

    /// <summary>The pseudonym of who judged.</summary>
    public required string AnnotatorId { get; init; }

    /// <summary>Indexes of the comparison's answers as this judge saw them, from left (or top) on.</summary>
    public required IReadOnlyList<int> Order { get; init; }

    /// <summary>What was decided.</summary>
    public required Outcome Outcome { get; init; }

    /// <summary>
    /// The rank of each answer, in the order of the comparison's answers whatever was shown: 1 is best, equal numbers are level, and
    /// n answers ahead make it n + 1. A choice has one 1 and otherwise 2; a tie is all 1; empty where the judge could not say.
    /// </summary>
    public required IReadOnlyList<int> Ranks { get; init; }

    /// <summary>How much better the best is than the next, from 1 (slightly) to <see cref="MaximumStrength"/> (much); null where not asked.</summary>
    public int? Strength { get; init; }

    /// <summary>Time spent on it.</summary>
    public double Seconds { get; init; }

    /// <summary>What the judge remarked.</summary>
    public string? Comment { get; init; }

    /// <summary>Marks set by the judge, such as "off-topic".</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <summary>The version of the instructions the judge had read.</summary>
    public required string InstructionVersion { get; init; }

    /// <summary>When it was given; for a simulated annotator a made-up time, so that a run repeats to the bit.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The one best answer, or null where there is none.</summary>
    [JsonIgnore]
    public int? Best => Outcome is Outcome.Choice or Outcome.Ranking && Ranks.Count(rank => rank == 1) == 1 ? Ranks.ToList().IndexOf(1) : null;

    /// <summary>
    /// What the judgment says about two answers: 1 where the first is better, −1 where the second is, 0 where they are level, and null where it
    /// says nothing (no vote, or both were passed over in a choice).
    /// </summary>
    public int? Between(int first, int second) => Outcome switch
    {
        Outcome.CannotJudge => null,
        Outcome.Choice when Ranks[first] != 1 && Ranks[second] != 1 => null,
        _ => Math.Sign(Ranks[second] - Ranks[first]),
    };

    /// <summary>
    /// How much better the first of two answers is, below 0 where the second is: <see cref="Strength"/> speaks of the best and the next alone, so
    /// between others it is null, as it is without a vote; 0 where they are level.
    /// </summary>
    public int? StrengthBetween(int first, int second)
    {
        var sign = Between(first, second);
        if (sign is null or 0)
            return sign;
        var (better, worse) = (Math.Min(Ranks[first], Ranks[second]), Math.Max(Ranks[first], Ranks[second]));
        return better == 1 && worse == Ranks.Where(rank => rank > 1).Min() ? sign * Strength : null;
    }

    /// <summary>Ranks from how good each answer was found: equal numbers are level.</summary>
    public static IReadOnlyList<int> RanksOf(IReadOnlyList<double> goodness) => goodness.Select(own => 1 + goodness.Count(other => other > own)).ToArray();

    /// <summary>What is wrong with the judgment in itself, or null where nothing is.</summary>
    public string? Fault()
    {
        if (Id.Length == 0 || ComparisonId.Length == 0 || AnnotatorId.Length == 0)
            return "has an empty id, expected its own, a comparison's and an annotator's";
        if (Order.Count < 2 || !Order.Order().SequenceEqual(Enumerable.Range(0, Order.Count)))
            return $"has order [{string.Join(", ", Order)}], expected each index from 0 on once, at least two";
        if (Strength is < 1 or > MaximumStrength)
            return $"has strength {Strength}, expected 1 to {MaximumStrength} or none";
        if (!double.IsFinite(Seconds) || Seconds < 0)
            return $"took {Seconds} seconds, expected 0 or more";
        var wellFormed = Outcome switch
        {
            Outcome.CannotJudge => Ranks.Count == 0,
            Outcome.Tie => Ranks.Count == Order.Count && Ranks.All(rank => rank == 1),
            Outcome.Choice => Ranks.Count == Order.Count && Ranks.Count(rank => rank == 1) == 1 && Ranks.Count(rank => rank == 2) == Ranks.Count - 1,
            Outcome.Ranking => Ranks.Count == Order.Count && Ranks.All(own => own == 1 + Ranks.Count(other => other < own)) && Ranks.Distinct().Count() > 1,
            _ => false,
        };
        return wellFormed ? null : $"has ranks [{string.Join(", ", Ranks)}] for {Order.Count} answers, which is no {Outcome}";
    }
}
