using System.Text.Json;
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

    /// <summary>All are equally bad: level, and none is to be learnt from.</summary>
    [JsonStringEnumMemberName("both-bad")] BothBad,

    /// <summary>Ratings on axes, of one answer or of each; nothing is compared.</summary>
    [JsonStringEnumMemberName("rated")] Rated,

    /// <summary>Questions were answered.</summary>
    [JsonStringEnumMemberName("answered")] Answered,

    /// <summary>A text was written or mended.</summary>
    [JsonStringEnumMemberName("written")] Written,

    /// <summary>Parts of an answer were marked; no marks say that there is nothing to mark.</summary>
    [JsonStringEnumMemberName("marked")] Marked,

    /// <summary>A conversation was held, with a choice at each turn.</summary>
    [JsonStringEnumMemberName("conversed")] Conversed,

    /// <summary>The judge took an earlier judgment back and has put nothing in its place so far.</summary>
    [JsonStringEnumMemberName("withdrawn")] Withdrawn,
}

/// <summary>
/// Who judged what, in which order the answers were shown, and with what result: a line of the append-only log, never changed afterwards.
/// Everything else about preferences and people is computed from these. One shape serves every kind of task; what a task does not ask for is
/// null, and what is null is not written.
/// </summary>
public sealed partial record Judgment
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
    /// n answers ahead make it n + 1. A choice has one 1 and otherwise 2; a tie, or all bad, is all 1; in a ranking 0 stands for an answer that
    /// was not placed. Empty where nothing was compared.
    /// </summary>
    public required IReadOnlyList<int> Ranks { get; init; }

    /// <summary>How much better the best is than the next, from 1 (slightly) to <see cref="MaximumStrength"/> (much); null where not asked.</summary>
    public int? Strength { get; init; }

    /// <summary>Time from showing to sending.</summary>
    public double Seconds { get; init; }

    /// <summary>What the judge remarked.</summary>
    public string? Comment { get; init; }

    /// <summary>Marks set by the judge, such as "off-topic".</summary>
    public IReadOnlyList<string> Flags { get; init => field = value ?? []; } = []; // null where a line leaves it out: generated readers pass over the usual value

    /// <summary>The version of the instructions the judge had read.</summary>
    public required string InstructionVersion { get; init; }

    /// <summary>When it was given; for a simulated annotator a made-up time, so that a run repeats to the bit.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The scale on which <see cref="Step"/> was chosen.</summary>
    public PreferenceScale? Scale { get; init; }

    /// <summary>The step chosen, from 1 at the left end as this judge saw it; outcome, ranks and strength follow from it.</summary>
    public int? Step { get; init; }

    /// <summary>Why the judge could not say, what is bad about all, or what is to be mended of a text.</summary>
    public string? Reason { get; init; }

    /// <summary>A remark on each answer, in the order of the comparison's answers; empty where there is none.</summary>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>Ratings by axis.</summary>
    public IReadOnlyList<AxisRating>? Ratings { get; init; }

    /// <summary>Answers to questions, by the question's id: "yes", "no", the id of an option. Free text is no answer but a comment or <see cref="Text"/>.</summary>
    public IReadOnlyDictionary<string, string>? Answers { get; init; }

    /// <summary>What the judge wrote or mended.</summary>
    public string? Text { get; init; }

    /// <summary>Marked parts of the answers.</summary>
    public IReadOnlyList<MarkedSpan>? Spans { get; init; }

    /// <summary>The turns of a conversation with a model.</summary>
    public IReadOnlyList<ConversationTurn>? Turns { get; init; }

    /// <summary>What kind of judge; null in logs that do not say.</summary>
    public JudgmentSource? Source { get; init; }

    /// <summary>The task through which it came, where a comparison has several.</summary>
    public string? TaskId { get; init; }

    /// <summary>The judgment that this one takes the place of; that one stays in the log.</summary>
    public string? Supersedes { get; init; }

    /// <summary>Whether it came after its lease had ended: kept, and not counted towards the task's overlap.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Late { get; init; }

    /// <summary>Time with focus and input; idle time is cut off. At most <see cref="Seconds"/>.</summary>
    public double? ActiveSeconds { get; init; }

    /// <summary>Characters typed on the page, corrections included; null where nothing was typed or pasted, or nobody counted.</summary>
    public int? TypedCharacters { get; init; }

    /// <summary>Characters pasted or dropped there.</summary>
    public int? PastedCharacters { get; init; }

    /// <summary>The version of the page or program through which it came.</summary>
    public string? InterfaceVersion { get; init; }

    /// <summary>The one best answer, or null where there is none.</summary>
    [JsonIgnore]
    public int? Best => Outcome is Outcome.Choice or Outcome.Ranking && Ranks.Count(rank => rank == 1) == 1 ? Ranks.ToList().IndexOf(1) : null;

    /// <summary>Whether it compares answers, as votes do.</summary>
    [JsonIgnore]
    public bool Compares => Outcome is Outcome.Choice or Outcome.Ranking or Outcome.Tie or Outcome.BothBad;

    /// <summary>
    /// What the judgment says about two answers: 1 where the first is better, −1 where the second is, 0 where they are level, and null where it
    /// says nothing (no vote, both were passed over in a choice, one was not placed in a ranking).
    /// </summary>
    public int? Between(int first, int second) => Outcome switch
    {
        _ when !Compares => null,
        Outcome.Choice when Ranks[first] != 1 && Ranks[second] != 1 => null,
        Outcome.Ranking when Ranks[first] == 0 || Ranks[second] == 0 => null,
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

    /// <summary>
    /// The same judgment without what the judge wrote in their own words: comment, reason, notes, written text, remarks on marks, and what was
    /// said in a conversation. What was decided stays.
    /// </summary>
    public Judgment WithoutOwnWords() => this with
    {
        Comment = null,
        Reason = null,
        Notes = null,
        Text = Text is null ? null : Removed,
        Spans = Spans?.Select(span => span with { Note = null }).ToArray(),
        Turns = Turns?.Select(turn => turn with { Prompt = Removed, Comment = null }).ToArray(),
    };

    private const string Removed = "[removed]";

    /// <summary>Ranks from how good each answer was found: equal numbers are level.</summary>
    public static IReadOnlyList<int> RanksOf(IReadOnlyList<double> goodness) => goodness.Select(own => 1 + goodness.Count(other => other > own)).ToArray();

    /// <summary>The judgment as one line of JSON, as in <c>judgments.jsonl</c>, without the line's end.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, FeedbackFile.Lines.Judgment);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="JsonException">It is not a judgment.</exception>
    public static Judgment FromJson(string json) => JsonSerializer.Deserialize(json, FeedbackFile.Lines.Judgment) ?? throw new JsonException("is null, expected a judgment");
}
