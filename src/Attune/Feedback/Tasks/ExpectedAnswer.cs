using System.Text.Json;
using System.Text.Json.Serialization;

namespace Attune.Feedback.Tasks;

/// <summary>A rating that is right.</summary>
/// <param name="Axis">What is rated.</param>
/// <param name="Value">The right value, from 1.</param>
/// <param name="Answer">The index of the answer; null for the whole, or for the only one.</param>
public sealed record ExpectedRating(string Axis, int Value, int? Answer = null);

/// <summary>
/// What is right on a golden or training task: the key <c>expected</c> of its line, the column of its row. All that is said has to be met. Golden accuracy,
/// qualification and the feedback on training tasks ask <see cref="IsMetBy"/> alone. Not here: texts, conversations and marks, of which no one answer is right.
/// </summary>
public sealed record ExpectedAnswer
{
    private static readonly Dictionary<string, string[]> KeysOf = new()
    {
        ["pair"] = ["best", "strength", "answer"],
        ["best"] = ["best", "answer"],
        ["rank"] = ["best", "ranks", "answer"],
        ["rate"] = ["ratings", "answers"],
        ["question"] = ["answer", "answers"],
        ["verify"] = ["answer", "answers"],
        ["review"] = ["answers"],
    };

    private static readonly string[] YesOrNo = ["yes", "no"];

    /// <summary>The index of the best answer among the comparison's.</summary>
    public int? Best { get; init; }

    /// <summary>How much better the best answer of a pair is, from 1 to 4, within <see cref="Tolerance"/>; the other side is never right.</summary>
    public int? Strength { get; init; }

    /// <summary>The word of <see cref="TaskOutcome"/> where no answer is the best: "tie", "both-bad"; or the answer to the only question.</summary>
    public string? Answer { get; init; }

    /// <summary>
    /// The rank of each answer in a right ranking, 1 for the best. At most <see cref="Tolerance"/> pairs of answers may stand otherwise; pairs that are level
    /// here, or of which one has 0, do not matter.
    /// </summary>
    public IReadOnlyList<int>? Ranks { get; init; }

    /// <summary>Right ratings, each within <see cref="Tolerance"/>; axes that are not named do not matter.</summary>
    public IReadOnlyList<ExpectedRating>? Ratings { get; init; }

    /// <summary>Right answers to questions or labels by their ids; those that are not named do not matter.</summary>
    public IReadOnlyDictionary<string, string>? Answers { get; init; }

    /// <summary>How far off is still right: steps of a rating or a strength, pairs of answers of a ranking.</summary>
    public int Tolerance { get; init; }

    /// <summary>Why, Markdown; shown after a training task.</summary>
    public string? Why { get; init; }

    /// <summary>As JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TaskPayload.Json.ExpectedAnswer);

    /// <summary>Reads it.</summary>
    /// <exception cref="JsonException">It has an unknown key, or a value of another form.</exception>
    public static ExpectedAnswer FromJson(string json) => JsonSerializer.Deserialize(json, TaskPayload.Json.ExpectedAnswer) ?? throw new JsonException("is null, expected an object");

    /// <summary>Reads a row; null where there is none, or where a program wrote it in a form of its own.</summary>
    public static ExpectedAnswer? Stored(string? json)
    {
        try
        {
            return json is not null && FromJson(json) is var read && read.Fault() is null ? read : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether a judgment says the same. Saying that one cannot judge never does.</summary>
    public bool IsMetBy(Judgment judgment)
    {
        ArgumentNullException.ThrowIfNull(judgment);
        return (Best is null || judgment.Best == Best)
            && (Strength is null || IsNear(judgment.Strength, Strength.Value))
            && (Answer is null || TaskOutcome.Of(judgment) == Answer)
            && (Ranks is null || (judgment.Compares && Misplaced(judgment) <= Tolerance))
            && (Ratings ?? []).All(rating => IsNear(ValueIn(judgment, rating), rating.Value))
            && (Answers ?? new Dictionary<string, string>()).All(answer => judgment.Answers?.GetValueOrDefault(answer.Key) == answer.Value);
    }

    /// <summary>How a judgment rated what is rated here; null where it did not.</summary>
    public static int? ValueIn(Judgment judgment, ExpectedRating rating)
    {
        ArgumentNullException.ThrowIfNull(judgment);
        int? Place(int? answer) => answer ?? (judgment.Order.Count == 1 ? 0 : null);
        return judgment.Ratings?.FirstOrDefault(own => own.Axis == rating.Axis && Place(own.Answer) == Place(rating.Answer))?.Value;
    }

    /// <summary>Whether a value is the right one, or as near as <see cref="Tolerance"/> allows.</summary>
    public bool IsNear(int? value, int right) => value is { } said && Math.Abs(said - right) <= Tolerance;

    /// <summary>What is wrong with it for a task; null where nothing is.</summary>
    /// <param name="kind">One of <see cref="TaskPayload.Kinds"/>.</param>
    /// <param name="payload">What the task shows, of that kind.</param>
    public string? Fault(string kind, string payload)
    {
        if (!KeysOf.TryGetValue(kind, out var allowed))
            return $"has an expected answer, but no one answer of a {kind} is right; leave it out";
        (string Key, bool IsGiven)[] all = [("best", Best is not null), ("strength", Strength is not null), ("answer", Answer is not null), ("ranks", Ranks is not null), ("ratings", Ratings is not null), ("answers", Answers is not null)];
        var given = all.Where(key => key.IsGiven).Select(key => key.Key).ToArray();
        if (given.Except(allowed).FirstOrDefault() is { } other)
            return $"expects {other} of a {kind}, expected {string.Join(" or ", allowed)}";
        string[] main = [.. given.Except(["strength", "ratings"])];
        if (main.Length > 1 || given.Length == 0)
            return $"has expected {(main.Length > 1 ? $"with {string.Join(" and ", main)}" : $"without {string.Join(" or ", allowed)}")}, expected one of them";
        if (Tolerance < 0 || (Tolerance > 0 && Strength is null && Ranks is null && Ratings is null))
            return $"has expected with tolerance {Tolerance}, expected 0 or more, beside strength, ranks or ratings";
        return TaskPayload.Compares(kind) ? FaultOfComparison(kind, Comparison.FromJson(payload).Answers.Count) : FaultOfQuestions(Asked(kind, payload));
    }

    /// <summary>What is wrong with it whatever the task; null where nothing is.</summary>
    internal string? Fault() =>
        (Best ?? Strength) is null && Answer is null && Ranks is null && Ratings is null && Answers is null ? "has an expected answer that says nothing, expected best, answer, ranks, ratings or answers"
        : Best < 0 ? $"expects answer {Best}, expected an index from 0"
        : Tolerance < 0 ? $"has expected with tolerance {Tolerance}, expected 0 or more"
        : null;

    private string? FaultOfComparison(string kind, int choices)
    {
        string[] words = kind == "best" ? ["both-bad"] : ["tie", "both-bad"];
        if (Best < 0 || Best >= choices)
            return $"expects answer {Best}, expected an index from 0 to {choices - 1}";
        if (Strength is < 1 or > Judgment.MaximumStrength || (Strength is not null && Best is null))
            return $"expects strength {Strength}{(Best is null ? " without best" : "")}, expected 1 to {Judgment.MaximumStrength} beside best";
        if (Answer is not null && !words.Contains(Answer))
            return $"expects '{Answer}', expected {string.Join(" or ", words)}, or best";
        if (Ranks is { } ranks && (ranks.Count != choices || ranks.Any(rank => rank < 0 || rank > choices) || OrderedPairs().Count() <= Tolerance))
            return $"expects ranks [{string.Join(", ", ranks)}] with tolerance {Tolerance}, expected {choices}, from 1 (0 for any), that order more pairs than may stand otherwise";
        return Ratings is null ? null
            : Ratings.Count == 0 ? "has expected without ratings in its list, expected one at least"
            : Ratings.Contains(null!) ? "has expected with null among its ratings, expected an axis and a value of each"
            : Ratings.FirstOrDefault(rating => rating.Axis.Length == 0 || rating.Value < 1 || rating.Answer < 0 || rating.Answer >= choices || (rating.Answer is null && choices > 1)) is { } bad
                ? $"expects {bad.Value} on '{bad.Axis}' of answer {bad.Answer?.ToString() ?? "none"}, expected an axis, a value from 1 and an answer from 0 to {choices - 1}"
            : Ratings.DistinctBy(rating => (rating.Axis, rating.Answer ?? 0)).Count() < Ratings.Count ? "expects the same rating twice, expected each once" : null;
    }

    private string? FaultOfQuestions(Dictionary<string, IReadOnlyList<string>> asked)
    {
        if (Answer is not null && (asked.Count != 1 || !asked.Values.First().Contains(Answer)))
            return asked.Count == 1 ? $"expects '{Answer}', expected {string.Join(", ", asked.Values.First())}" : $"expects one answer to {asked.Count} questions, expected answers by {string.Join(", ", asked.Keys)}";
        if (Answers is { Count: 0 })
            return "has expected without answers in its list, expected one at least";
        foreach (var (question, answer) in Answers ?? new Dictionary<string, string>())
        {
            if (!asked.TryGetValue(question, out var allowed) || !allowed.Contains(answer))
                return $"expects '{answer}' to '{question}', expected {(allowed is null ? $"one of {string.Join(", ", asked.Keys)}" : string.Join(", ", allowed))}";
        }
        return null;
    }

    private static Dictionary<string, IReadOnlyList<string>> Asked(string kind, string payload) => kind switch
    {
        "verify" => new Dictionary<string, IReadOnlyList<string>> { [VerifyTask.Accept] = YesOrNo },
        "review" => new Dictionary<string, IReadOnlyList<string>> { [ReviewTask.Acceptable] = YesOrNo, [ReviewTask.Spam] = YesOrNo },
        _ => TaskPayload.Read<QuestionTask>(payload).Questions.ToDictionary(question => question.Id, question => question.Allowed, StringComparer.Ordinal),
    };

    private IEnumerable<(int Better, int Worse)> OrderedPairs() =>
        from better in Enumerable.Range(0, Ranks!.Count)
        from worse in Enumerable.Range(0, Ranks.Count)
        where Ranks[better] > 0 && Ranks[better] < Ranks[worse]
        select (better, worse);

    // Pairs in the other order, level, or not both placed: Kendall's distance to the part of the order that is expected.
    private int Misplaced(Judgment judgment) => Ranks!.Count != judgment.Ranks.Count ? int.MaxValue : OrderedPairs().Count(pair => judgment.Between(pair.Better, pair.Worse) != 1);
}
