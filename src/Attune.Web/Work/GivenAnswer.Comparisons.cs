using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.Work;
using Attune.Web.Texts;

namespace Attune.Web.Work;

/// <content>Pairs, rankings, bests and ratings.</content>
public sealed partial record GivenAnswer
{
    private Judgment OfComparison(GrantedLease granted, ProjectSettings settings)
    {
        var order = granted.Lease.Order;
        return BothBad ? granted.Answer(Outcome.BothBad, [.. order.Select(_ => 1)])
            : Step is { } step ? granted.Answer(settings.Scale, step)
            : Best is { } best ? granted.Answer(Outcome.Choice, ByIndex(order, [.. order.Select((_, place) => place == best ? 1 : 2)]))
            : Ranks is { } ranks ? granted.Answer(ranks.Distinct().Count() == 1 ? Outcome.Tie : Outcome.Ranking, ByIndex(order, ranks))
            : granted.Answer(Ratings is { Count: > 0 } ? Outcome.Rated : Outcome.Answered) with { Answers = LabelsByIndex(order) };
    }

    private Phrase? FaultOfComparison(TaskKind kind, ProjectSettings settings, int answers)
    {
        var said = new (bool Is, string Name)[] { (Step is not null, "step"), (Ranks is not null, "ranks"), (Best is not null, "best"), (BothBad, "bothBad"), (CannotJudge, "cannotJudge") }.Where(part => part.Is).ToArray();
        if (said.Length > 1)
            return new("fault.two", string.Join(", ", said.Select(part => part.Name)));
        var wanted = kind switch { TaskKind.Pair => "step", TaskKind.Rank => "ranks", TaskKind.Best => "best", _ => "ratings" };
        if (said.Length == 0 && (wanted != "ratings" || (Ratings is not { Count: > 0 } && Answers is not { Count: > 0 })))
            return new("fault.nothing", $"{wanted}, cannotJudge");
        if (said.Length == 1 && said[0].Name is "step" or "ranks" or "best" && said[0].Name != wanted)
            return new("fault.other", said[0].Name, wanted);
        if (Step is { } step && (step < 1 || step > StepMeaning.Steps(settings.Scale)))
            return new("fault.step", step, StepMeaning.Steps(settings.Scale));
        if (Best is { } best && (best < 0 || best >= answers))
            return new("fault.best", best, answers - 1);
        if (Ranks is { } ranks && ranks.Count != answers)
            return new("fault.ranks", ranks.Count, answers);
        if (Ranks is { } order && !IsRanking(order))
            return new("fault.ranking", string.Join(", ", order));
        if (Notes is { } notes && notes.Count != answers)
            return new("fault.notes", notes.Count, answers);
        if (Ratings?.FirstOrDefault(rating => rating.Answer is { } place && (place < 0 || place >= answers)) is { } bad)
            return new("fault.rated", bad.Answer, answers - 1);
        return kind != TaskKind.Rate ? null : FaultOfAxes(settings) ?? (settings.Labels == LabelScheme.OpenAssistant ? FaultOfLabels(answers) : null);
    }

    // Level on one rank, or on two and more: each number is 1 + how many stand above, and 0 was not placed.
    private static bool IsRanking(IReadOnlyList<int> ranks)
    {
        var placed = ranks.Where(rank => rank != 0).ToArray();
        return placed.Length >= 2 && placed.All(own => own == 1 + placed.Count(other => other < own)) && (placed.Distinct().Count() > 1 || placed.Length == ranks.Count);
    }
}
