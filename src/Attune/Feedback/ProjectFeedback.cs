using System.Text.Json;
using Attune.Feedback.Aggregation;

namespace Attune.Feedback;

/// <summary>A comparison with what is known of where it comes from.</summary>
/// <param name="Comparison">The comparison.</param>
/// <param name="Batch">Its batch's name; null without one.</param>
/// <param name="PolicyCheckpoint">The hash of the policy that wrote the answers.</param>
/// <param name="Sampling">How they were sampled.</param>
public sealed record JudgedComparison(Comparison Comparison, string? Batch = null, string? PolicyCheckpoint = null, JsonElement? Sampling = null);

/// <summary>What a project of a database holds: what training and exports read.</summary>
/// <param name="Comparisons">Each comparison once.</param>
/// <param name="Judgments">The judgments that count, in the order in which they were given.</param>
/// <param name="Sources">What kind of judge each pseudonym is.</param>
public sealed record ProjectFeedback(IReadOnlyList<JudgedComparison> Comparisons, IReadOnlyList<Judgment> Judgments, IReadOnlyDictionary<string, JudgmentSource> Sources)
{
    /// <summary>Turns of conversations, each with its one vote; they are preferences like the comparisons.</summary>
    public IReadOnlyList<ChosenTurn> Turns { get; init; } = [];

    /// <summary>Preferences with their origin, in the order of the comparisons, then of the conversations.</summary>
    /// <param name="method">How votes become p(chosen).</param>
    /// <param name="annotators">Who trains and who is held out; null for everyone in one group.</param>
    /// <param name="options">Whose votes, and how pairs without a majority are treated.</param>
    public IReadOnlyList<Preference> Preferences(PreferenceAggregation method, Annotators? annotators = null, ExportOptions? options = null)
    {
        var comparing = Judgments.Where(judgment => judgment.Compares).Concat(Turns.Select(turn => turn.Vote)).ToList();
        var judged = Comparisons.Concat(Turns.Select(turn => turn.Judged)).ToList();
        var rows = AggregatedPreferences.Of(method, [.. judged.Select(one => one.Comparison)], comparing, annotators ?? Annotators.OfOneGroup(comparing), options ?? new());
        var byId = comparing.ToDictionary(judgment => judgment.Id, StringComparer.Ordinal);
        var byComparison = judged.ToDictionary(one => one.Comparison.Id, StringComparer.Ordinal);
        return [.. rows.Select(row => row with { Origin = OriginOf(row, method, byComparison[row.Comparison], byId) })];
    }

    /// <summary>What kind of judge gave a judgment: as it says itself, or else as its judge is known.</summary>
    public JudgmentSource? SourceOf(Judgment judgment) => judgment.Source ?? (Sources.TryGetValue(judgment.AnnotatorId, out var source) ? source : null);

    private PreferenceOrigin OriginOf(Preference row, PreferenceAggregation method, JudgedComparison judged, Dictionary<string, Judgment> byId)
    {
        var answers = judged.Comparison.Answers.Select(answer => answer.Id).ToList();
        var (chosen, rejected) = (answers.IndexOf(row.ChosenId!), answers.IndexOf(row.RejectedId!));
        PreferenceVote[] votes = [.. row.Judgments.Select(id => byId[id]).Select(judgment => new PreferenceVote(
            judgment.Id,
            judgment.AnnotatorId,
            judgment.Between(chosen, rejected) switch { 1 => PreferenceVote.ForChosen, -1 => PreferenceVote.ForRejected, _ => PreferenceVote.Level },
            judgment.Order.First(shown => shown == chosen || shown == rejected) == chosen,
            judgment.InstructionVersion,
            judgment.Seconds,
            judgment.At,
            judgment.StrengthBetween(chosen, rejected) is { } strength and not 0 ? Math.Abs(strength) : null,
            SourceOf(judgment),
            judgment.InterfaceVersion))];
        return new()
        {
            Aggregation = AggregatedPreferences.Word(method),
            Annotators = [.. votes.Select(vote => vote.Annotator).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            Sources = [.. votes.Select(vote => vote.Source).OfType<JudgmentSource>().Distinct().Order()],
            Batch = judged.Batch,
            PolicyCheckpoint = judged.PolicyCheckpoint,
            Sampling = judged.Sampling,
            InstructionVersions = [.. votes.Select(vote => vote.InstructionVersion).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            InterfaceVersions = [.. votes.Select(vote => vote.InterfaceVersion).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            Votes = votes,
        };
    }
}

/// <summary>
/// How stages read a project's database. The program that has a database sets the reader once, as it starts; a library without one cannot read any.
/// </summary>
public static class FeedbackDatabases
{
    /// <summary>Reads a project: the database's URL, the project's name.</summary>
    public static Func<string, string, ProjectFeedback>? Reader { get; set; }

    /// <summary>Reads a project.</summary>
    /// <exception cref="Runs.InputException">There is no such database or project, or this program reads none.</exception>
    internal static ProjectFeedback Read(string url, string project) => (Reader
        ?? throw Runs.InputException.One(url, "is a database, which this program cannot read", "a file", "export the project first, or use the program attune"))(url, project);
}
