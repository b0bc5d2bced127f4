using System.Text.Json.Serialization;

namespace Attune.Feedback;

/// <summary>What kind of judge gave a judgment; they are never mixed without being told apart.</summary>
public enum JudgmentSource
{
    /// <summary>A person.</summary>
    [JsonStringEnumMemberName("human")] Human,

    /// <summary>A language model or a reward model.</summary>
    [JsonStringEnumMemberName("model")] Model,

    /// <summary>A made-up annotator.</summary>
    [JsonStringEnumMemberName("simulated")] Simulated,
}

/// <summary>A row of steps between the left and the right answer.</summary>
public enum PreferenceScale
{
    /// <summary>Left, same, right.</summary>
    [JsonStringEnumMemberName("three")] Three,

    /// <summary>A A A A | B B B B: no middle, four strengths to each side (Bai et al. 2022).</summary>
    [JsonStringEnumMemberName("eight")] Eight,

    /// <summary>From "definitely left" over "uncertain" to "definitely right": four degrees of certainty to each side (Stiennon et al. 2020).</summary>
    [JsonStringEnumMemberName("nine")] Nine,
}

/// <summary>What a step of a scale says: outcome, ranks in the comparison's order, and strength.</summary>
/// <param name="Outcome">Choice or tie.</param>
/// <param name="Ranks">Of the two answers, in the order of the comparison's answers.</param>
/// <param name="Strength">From 1 to 4; null on the scale of three, and for a tie.</param>
public sealed record StepMeaning(Outcome Outcome, IReadOnlyList<int> Ranks, int? Strength)
{
    /// <summary>How many steps a scale has.</summary>
    public static int Steps(PreferenceScale scale) => scale switch { PreferenceScale.Three => 3, PreferenceScale.Eight => 8, _ => 9 };

    /// <summary>Reads a step, from 1 at the left end.</summary>
    /// <param name="scale">The scale.</param>
    /// <param name="step">From 1 to its number of steps.</param>
    /// <param name="order">Indexes of the two answers as shown, from the left.</param>
    public static StepMeaning Of(PreferenceScale scale, int step, IReadOnlyList<int> order)
    {
        var steps = Steps(scale);
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(step, steps);
        var doubled = (2 * step) - steps - 1; // below 0 on the left, 0 in the middle
        if (doubled == 0)
            return new(Outcome.Tie, [1, 1], null);
        var winner = order[doubled < 0 ? 0 : 1];
        var strength = (Math.Abs(doubled) + 1) / 2; // 1, 3, 5, 7 of eight steps and 2, 4, 6, 8 of nine are strengths 1 to 4
        return new(Outcome.Choice, winner == 0 ? [1, 2] : [2, 1], scale == PreferenceScale.Three ? null : strength);
    }
}

/// <summary>A rating of an answer, or of the whole, on an axis.</summary>
/// <param name="Axis">What was rated: "helpful", "overall", …</param>
/// <param name="Value">From 1 to <paramref name="Steps"/>.</param>
/// <param name="Steps">How many steps the scale has: 7 for a Likert scale, 5 for OpenAssistant's; at least 2.</param>
/// <param name="Answer">The index of the answer in the comparison; null for the whole.</param>
public sealed record AxisRating(string Axis, int Value, int Steps, int? Answer = null);

/// <summary>A marked part of an answer.</summary>
/// <param name="Answer">The index of the answer in the comparison.</param>
/// <param name="Start">Where it begins, in UTF-16 units, from 0.</param>
/// <param name="Length">How long it is, at least 1.</param>
/// <param name="Category">What it is: "irrelevant", "strong-support", …</param>
/// <param name="Severity">How bad, from 1; null where not asked.</param>
/// <param name="Note">What the judge remarked on it.</param>
public sealed record MarkedSpan(int Answer, int Start, int Length, string Category, int? Severity = null, string? Note = null);

/// <summary>One turn of a conversation: what was said, what was sampled, and which answer the conversation went on with.</summary>
public sealed record ConversationTurn
{
    /// <summary>What the person said.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answers sampled, one or more, in an order that nobody sees.</summary>
    public required IReadOnlyList<Answer> Answers { get; init; }

    /// <summary>Indexes of the answers as shown, from the left.</summary>
    public required IReadOnlyList<int> Order { get; init; }

    /// <summary>The answer that the conversation went on with.</summary>
    public required int Chosen { get; init; }

    /// <summary>How much better it is, from 1 to <see cref="Judgment.MaximumStrength"/>; 0 for no difference, null where not asked.</summary>
    public int? Strength { get; init; }

    /// <summary>What the person remarked on the turn.</summary>
    public string? Comment { get; init; }
}
