namespace Attune.Feedback;

/// <summary>What to do with a pair on which as many judges prefer one answer as the other.</summary>
public enum TieRule
{
    /// <summary>Leave it out.</summary>
    Drop,

    /// <summary>Keep it with p(chosen) = ½; the answer stored first is called chosen.</summary>
    Keep,
}

/// <summary>The votes on two answers. A judge who finds them level gives half a vote to each; one who cannot say gives none.</summary>
/// <param name="First">Judges who prefer the first.</param>
/// <param name="Second">Judges who prefer the second.</param>
/// <param name="Level">Judges who find them level.</param>
public readonly record struct PairVotes(int First, int Second, int Level)
{
    /// <summary>Judges who voted.</summary>
    public int Judges => First + Second + Level;

    /// <summary>1 where the majority prefers the first, −1 for the second, 0 where there is no majority.</summary>
    public int Majority => Math.Sign(First - Second);

    /// <summary>
    /// The share for the first, <c>(first + ½ level + α) / (judges + 2α)</c>: with α = 0 the plain share, with 1 Laplace's estimate, which
    /// never says that a preference is certain. Without votes ½ where α is above 0, else NaN.
    /// </summary>
    public double ShareOfFirst(double smoothing = 0) => (First + 0.5 * Level + smoothing) / (Judges + 2 * smoothing);

    /// <summary>Counts the votes of judgments of one comparison on two of its answers.</summary>
    public static PairVotes Of(IEnumerable<Judgment> judgments, int first, int second)
    {
        var signs = judgments.Select(judgment => judgment.Between(first, second)).ToList();
        return new(signs.Count(sign => sign == 1), signs.Count(sign => sign == -1), signs.Count(sign => sign == 0));
    }
}

/// <summary>A pair of answers with its votes, as a line of <c>preferences.jsonl</c>: what a reward model learns from.</summary>
public sealed record Preference
{
    /// <summary>Names the pair: the comparison's id, with "/i-j" behind it where that has more than two answers.</summary>
    public required string Id { get; init; }

    /// <summary>What the answers answer.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answer that the majority prefers.</summary>
    public required string Chosen { get; init; }

    /// <summary>The other one.</summary>
    public required string Rejected { get; init; }

    /// <summary>The share of judges for the chosen one, see <see cref="PairVotes.ShareOfFirst"/>.</summary>
    public required double PChosen { get; init; }

    /// <summary>Judges who voted on the pair.</summary>
    public required int Judges { get; init; }

    /// <summary>
    /// Mean strength towards the chosen answer, over judges who gave one (<see cref="Judgment.StrengthBetween"/>): positive for it, negative against
    /// it, 0 for level; null where nobody gave one. From −4 to 4.
    /// </summary>
    public double? Strength { get; init; }

    /// <summary>Share of these judges who were shown the chosen answer before the rejected one.</summary>
    public required double ChosenShownFirst { get; init; }

    /// <summary>Which annotators' judgments these are.</summary>
    public required AnnotatorGroup Group { get; init; }

    /// <summary>Where the prompt belongs.</summary>
    public PromptSplit Split { get; init; }

    /// <summary>Which round of collecting.</summary>
    public int Round { get; init; }

    /// <summary>The chosen answer's id.</summary>
    public string? ChosenId { get; init; }

    /// <summary>The rejected answer's id.</summary>
    public string? RejectedId { get; init; }

    /// <summary>What wrote the chosen answer.</summary>
    public string? ChosenSource { get; init; }

    /// <summary>What wrote the rejected answer.</summary>
    public string? RejectedSource { get; init; }

    /// <summary>The comparison's id.</summary>
    public required string Comparison { get; init; }

    /// <summary>The judgments' ids.</summary>
    public required IReadOnlyList<string> Judgments { get; init; }

    /// <summary>How it came about; null in files of a single run, where its files say so.</summary>
    public PreferenceOrigin? Origin { get; init; }

    /// <summary>The preference as a line of <c>preferences.jsonl</c>, without its end.</summary>
    public string ToJson() => System.Text.Json.JsonSerializer.Serialize(this, FeedbackFile.Lines.Preference);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="System.Text.Json.JsonException">It is not a preference.</exception>
    public static Preference FromJson(string json) => System.Text.Json.JsonSerializer.Deserialize(json, FeedbackFile.Lines.Preference) ?? throw new System.Text.Json.JsonException("is null, expected a preference");
}

/// <summary>All answers to a prompt with their common ranking, as a line of <c>rankings.jsonl</c>: what K-wise reward losses learn from.</summary>
public sealed record RankedAnswers
{
    /// <summary>What the answers answer.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answers' texts.</summary>
    public required IReadOnlyList<string> Answers { get; init; }

    /// <summary>
    /// The rank of each answer, 1 for the best and equal where level: by the mean share of votes against each other answer (Borda's count; a
    /// pair without votes counts as level).
    /// </summary>
    public required IReadOnlyList<int> Ranks { get; init; }

    /// <summary>That mean share, in [0, 1], for each answer.</summary>
    public required IReadOnlyList<double> Shares { get; init; }

    /// <summary>Judges who voted.</summary>
    public required int Judges { get; init; }

    /// <summary>Which annotators' judgments these are.</summary>
    public required AnnotatorGroup Group { get; init; }

    /// <summary>Where the prompt belongs.</summary>
    public PromptSplit Split { get; init; }

    /// <summary>Which round of collecting.</summary>
    public int Round { get; init; }

    /// <summary>What wrote each answer.</summary>
    public IReadOnlyList<string> Sources { get; init => field = value ?? []; } = []; // null where a line leaves it out: generated readers pass over the usual value

    /// <summary>The comparison's id.</summary>
    public required string Comparison { get; init; }

    /// <summary>The judgments' ids.</summary>
    public required IReadOnlyList<string> Judgments { get; init; }
}
