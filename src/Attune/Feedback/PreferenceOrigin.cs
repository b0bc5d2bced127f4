using System.Text.Json;

namespace Attune.Feedback;

/// <summary>One judge's vote on a pair of answers.</summary>
/// <param name="Judgment">The judgment's id.</param>
/// <param name="Annotator">The pseudonym of who judged.</param>
/// <param name="Prefers">"chosen", "rejected" or "level".</param>
/// <param name="ChosenShownFirst">Whether the chosen answer was shown before the other.</param>
/// <param name="InstructionVersion">The instructions the judge had read.</param>
/// <param name="Seconds">Time spent.</param>
/// <param name="At">When.</param>
/// <param name="Strength">How much better the preferred one is, 1 to 4; null where not said.</param>
/// <param name="Source">What kind of judge; null where nobody said.</param>
/// <param name="InterfaceVersion">The page or program through which it came.</param>
public sealed record PreferenceVote(
    string Judgment, string Annotator, string Prefers, bool ChosenShownFirst, string InstructionVersion, double Seconds, DateTimeOffset At,
    int? Strength = null, JudgmentSource? Source = null, string? InterfaceVersion = null)
{
    internal const string ForChosen = "chosen", ForRejected = "rejected", Level = "level";
}

/// <summary>How a preference came about: everything that a vendor, or who trains on it, may want to ask.</summary>
public sealed record PreferenceOrigin
{
    /// <summary>How the votes became p(chosen).</summary>
    public required string Aggregation { get; init; }

    /// <summary>Pseudonyms of those who voted, in ordinal order.</summary>
    public required IReadOnlyList<string> Annotators { get; init; }

    /// <summary>Kinds of judges among them; more than one where people, models or simulated annotators are mixed.</summary>
    public required IReadOnlyList<JudgmentSource> Sources { get; init; }

    /// <summary>The batch's name; null without one.</summary>
    public string? Batch { get; init; }

    /// <summary>The hash of the policy that wrote the answers, as the batch names it.</summary>
    public string? PolicyCheckpoint { get; init; }

    /// <summary>How the answers were sampled, as the batch says.</summary>
    public JsonElement? Sampling { get; init; }

    /// <summary>Versions of the instructions that the judges had read.</summary>
    public required IReadOnlyList<string> InstructionVersions { get; init; }

    /// <summary>Versions of the pages or programs through which they judged.</summary>
    public required IReadOnlyList<string> InterfaceVersions { get; init; }

    /// <summary>Each judge's vote.</summary>
    public required IReadOnlyList<PreferenceVote> Votes { get; init; }
}
