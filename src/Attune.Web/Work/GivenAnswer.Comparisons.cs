using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.Work;

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

    private string? FaultOfComparison(TaskKind kind, ProjectSettings settings, int answers)
    {
        var said = new (bool Is, string Name)[] { (Step is not null, "step"), (Ranks is not null, "ranks"), (Best is not null, "best"), (BothBad, "bothBad"), (CannotJudge, "cannotJudge") }.Where(part => part.Is).ToArray();
        if (said.Length > 1)
            return $"has {string.Join(" and ", said.Select(part => part.Name))}, expected one of them";
        var wanted = kind switch { TaskKind.Pair => "step", TaskKind.Rank => "ranks", TaskKind.Best => "best", _ => "ratings" };
        if (said.Length == 0 && (wanted != "ratings" || (Ratings is not { Count: > 0 } && Answers is not { Count: > 0 })))
            return $"says nothing, expected {wanted} or cannotJudge";
        if (said.Length == 1 && said[0].Name is "step" or "ranks" or "best" && said[0].Name != wanted)
            return $"has {said[0].Name}, expected {wanted}";
        if (Step is { } step && (step < 1 || step > StepMeaning.Steps(settings.Scale)))
            return $"has step {step}, expected 1 to {StepMeaning.Steps(settings.Scale)}";
        if (Best is { } best && (best < 0 || best >= answers))
            return $"has best {best}, expected a place from 0 to {answers - 1}";
        if (Ranks is { } ranks && ranks.Count != answers)
            return $"has {ranks.Count} ranks, expected {answers}";
        if (Notes is { } notes && notes.Count != answers)
            return $"has {notes.Count} notes, expected {answers}";
        if (Ratings?.FirstOrDefault(rating => rating.Answer is { } place && (place < 0 || place >= answers)) is { } bad)
            return $"rates answer {bad.Answer}, expected a place from 0 to {answers - 1}";
        return kind != TaskKind.Rate ? null : FaultOfAxes(settings) ?? (settings.Labels == LabelScheme.OpenAssistant ? FaultOfLabels(answers) : null);
    }
}
