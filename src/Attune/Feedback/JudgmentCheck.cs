namespace Attune.Feedback;

public sealed partial record Judgment
{
    /// <summary>What is wrong with the judgment in itself, or null where nothing is.</summary>
    public string? Fault() => FaultOfIds() ?? FaultOfOrder() ?? FaultOfNumbers() ?? FaultOfRanks() ?? FaultOfStep() ?? FaultOfContent() ?? FaultOfParts();

    private string? FaultOfIds()
    {
        if (Id.Length == 0 || ComparisonId.Length == 0 || AnnotatorId.Length == 0)
            return "has an empty id, expected its own, a comparison's and an annotator's";
        if (TaskId is "" || Supersedes is "")
            return "has an empty taskId or supersedes, expected an id or none";
        return Supersedes == Id ? $"supersedes itself ({Id}), expected an earlier judgment" : null;
    }

    private string? FaultOfOrder()
    {
        var isWhole = IsOrder(Order);
        if (Compares || Source is null && Outcome == Outcome.CannotJudge) // logs without a source hold comparisons alone
            return isWhole && Order.Count >= 2 ? null : $"has order [{string.Join(", ", Order)}], expected each index from 0 on once, at least two";
        return isWhole ? null : $"has order [{string.Join(", ", Order)}], expected each index from 0 on once";
    }

    private static bool IsOrder(IReadOnlyList<int> order) => order.Order().SequenceEqual(Enumerable.Range(0, order.Count));

    private string? FaultOfNumbers()
    {
        if (Strength is < 1 or > MaximumStrength)
            return $"has strength {Strength}, expected 1 to {MaximumStrength} or none";
        if (Strength is not null && Outcome is not (Outcome.Choice or Outcome.Ranking) && Source is not null) // older logs may hold one beside a tie
            return $"has strength {Strength} for {Outcome}, expected one for a choice or a ranking alone";
        if (!double.IsFinite(Seconds) || Seconds < 0)
            return $"took {Seconds} seconds, expected 0 or more";
        if (TypedCharacters < 0 || PastedCharacters < 0)
            return $"has {TypedCharacters ?? 0} characters typed and {PastedCharacters ?? 0} pasted, expected 0 or more";
        return ActiveSeconds is not { } active || (double.IsFinite(active) && active >= 0 && active <= Seconds) ? null
            : $"has {active} active seconds of {Seconds}, expected 0 to {Seconds}";
    }

    private string? FaultOfRanks()
    {
        var wellFormed = Outcome switch
        {
            Outcome.Tie or Outcome.BothBad => Ranks.Count == Order.Count && Ranks.All(rank => rank == 1),
            Outcome.Choice => Ranks.Count == Order.Count && Ranks.Count(rank => rank == 1) == 1 && Ranks.Count(rank => rank == 2) == Ranks.Count - 1,
            Outcome.Ranking => Ranks.Count == Order.Count && IsRanking(Ranks.Where(rank => rank != 0).ToArray()),
            _ => Enum.IsDefined(Outcome) && Ranks.Count == 0,
        };
        return wellFormed ? null : $"has ranks [{string.Join(", ", Ranks)}] for {Order.Count} answers, which is no {Outcome}";
    }

    private static bool IsRanking(int[] placed) => placed.All(own => own == 1 + placed.Count(other => other < own)) && placed.Distinct().Count() > 1;

    private string? FaultOfStep()
    {
        if (Step is not { } step)
            return null; // a scale alone says which one was offered
        if (Scale is not { } scale)
            return $"has step {step} without a scale, expected three, eight or nine";
        if (step < 1 || step > StepMeaning.Steps(scale))
            return $"has step {step}, expected 1 to {StepMeaning.Steps(scale)}";
        if (Order.Count != 2)
            return $"has a step for {Order.Count} answers, expected two";
        var meaning = StepMeaning.Of(scale, step, Order);
        return meaning.Outcome == Outcome && meaning.Ranks.SequenceEqual(Ranks) && meaning.Strength == Strength ? null
            : $"has step {step} of {StepMeaning.Steps(scale)}, which is {meaning.Outcome} [{string.Join(", ", meaning.Ranks)}] with strength {meaning.Strength?.ToString() ?? "none"}, " +
                $"but says {Outcome} [{string.Join(", ", Ranks)}] with {Strength?.ToString() ?? "none"}";
    }

    private string? FaultOfContent() => Outcome switch
    {
        Outcome.Rated when Ratings is not { Count: > 0 } => "is Rated without ratings, expected one at least",
        Outcome.Answered when Answers is not { Count: > 0 } => "is Answered without answers, expected one at least",
        Outcome.Written when string.IsNullOrWhiteSpace(Text) => "is Written without a text, expected what was written",
        Outcome.Marked when Spans is null => "is Marked without spans, expected a list, empty where nothing is to be marked",
        Outcome.Conversed when Turns is not { Count: > 0 } => "is Conversed without turns, expected one at least",
        Outcome.Withdrawn when Supersedes is null => "is Withdrawn without the judgment that it takes back, expected supersedes",
        _ => null,
    };

    private string? FaultOfParts()
    {
        if (Notes is { } notes && notes.Count != Order.Count)
            return $"has {notes.Count} notes for {Order.Count} answers, expected one each";
        if (Ratings?.FirstOrDefault(rating => rating.Axis.Length == 0 || rating.Steps < 2 || rating.Value < 1 || rating.Value > rating.Steps || IsNoAnswer(rating.Answer)) is { } bad)
            return $"has the rating {bad.Value} of {bad.Steps} on '{bad.Axis}'{Of(bad.Answer)}, expected an axis, 1 to the number of steps, and an answer that was shown";
        if (Ratings?.GroupBy(rating => (rating.Axis, rating.Answer)).FirstOrDefault(same => same.Count() > 1) is { Key: var twice })
            return $"rates '{twice.Axis}'{Of(twice.Answer)} twice, expected each axis of an answer once";
        if (Answers?.FirstOrDefault(answer => answer.Key.Length == 0 || answer.Value.Length == 0) is { Key: { } key } empty && (key.Length == 0 || empty.Value.Length == 0))
            return $"has the answer '{empty.Value}' to the question '{key}', expected both";
        if (Spans?.FirstOrDefault(span => span.Category.Length == 0 || span.Start < 0 || span.Length < 1 || span.Severity < 1 || IsNoAnswer(span.Answer)) is { } wrong)
            return $"marks {wrong.Length} units from {wrong.Start} of answer {wrong.Answer} as '{wrong.Category}'{(wrong.Severity is { } severity ? $" with severity {severity}" : "")}, " +
                "expected a category, a start from 0, a length from 1, a severity from 1 or none, and an answer that was shown";
        return Turns?.Select(FaultOfTurn).FirstOrDefault(fault => fault is not null);
    }

    private bool IsNoAnswer(int? answer) => answer is { } index && (index < 0 || index >= Order.Count);

    private static string Of(int? answer) => answer is { } index ? $" of answer {index}" : "";

    private static string? FaultOfTurn(ConversationTurn turn, int number)
    {
        if (turn.Prompt.Length == 0 || turn.Answers.Count == 0)
            return $"has turn {number + 1} without a prompt or an answer, expected both";
        if (turn.Order.Count != turn.Answers.Count || !IsOrder(turn.Order))
            return $"has turn {number + 1} with order [{string.Join(", ", turn.Order)}] for {turn.Answers.Count} answers, expected each index once";
        if (turn.Chosen < 0 || turn.Chosen >= turn.Answers.Count)
            return $"has turn {number + 1} that goes on with answer {turn.Chosen}, expected 0 to {turn.Answers.Count - 1}";
        return turn.Strength is < 0 or > MaximumStrength ? $"has turn {number + 1} with strength {turn.Strength}, expected 0 to {MaximumStrength} or none" : null;
    }
}
