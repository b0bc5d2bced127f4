using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <summary>What a judge sends: places count from 0 in the order shown. <see cref="ToJudgment"/> makes the record of the log from it.</summary>
public sealed record GivenAnswer
{
    /// <summary>The step chosen on the scale of a pair, from 1 at the left end.</summary>
    public int? Step { get; init; }

    /// <summary>The rank of each answer as shown, from 1 for the best; equal numbers are level, 0 was not placed.</summary>
    public IReadOnlyList<int>? Ranks { get; init; }

    /// <summary>The place of the best answer.</summary>
    public int? Best { get; init; }

    /// <summary>All are equally bad.</summary>
    public bool BothBad { get; init; }

    /// <summary>The judge cannot say.</summary>
    public bool CannotJudge { get; init; }

    /// <summary>Why they cannot, or what is bad about all.</summary>
    public string? Reason { get; init; }

    /// <summary>Ratings by axis; <see cref="AxisRating.Answer"/> is a place.</summary>
    public IReadOnlyList<AxisRating>? Ratings { get; init; }

    /// <summary>A note on each answer, in the order shown.</summary>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>A remark on the comparison.</summary>
    public string? Comment { get; init; }

    /// <summary>Marks such as "broken".</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <summary>From showing to sending.</summary>
    public double Seconds { get; init; }

    /// <summary>Of that, with focus and input.</summary>
    public double? ActiveSeconds { get; init; }

    /// <summary>The version of the page.</summary>
    public string? InterfaceVersion { get; init; }

    /// <summary>The judgment that this says, or what is wrong with it.</summary>
    /// <param name="granted">The lease that it answers.</param>
    /// <param name="settings">The project's.</param>
    /// <param name="fault">What is wrong; null where nothing is.</param>
    public Judgment? ToJudgment(GrantedLease granted, ProjectSettings settings, out string? fault)
    {
        ArgumentNullException.ThrowIfNull(granted);
        ArgumentNullException.ThrowIfNull(settings);
        var order = granted.Lease.Order;
        fault = Fault(granted.Task.Kind, settings, order.Count);
        if (fault is not null)
            return null;
        var judgment = CannotJudge ? granted.Answer(Outcome.CannotJudge)
            : BothBad ? granted.Answer(Outcome.BothBad, [.. order.Select(_ => 1)])
            : Step is { } step ? granted.Answer(settings.Scale, step)
            : Best is { } best ? granted.Answer(Outcome.Choice, ByIndex(order, [.. order.Select((_, place) => place == best ? 1 : 2)]))
            : Ranks is { } ranks ? granted.Answer(ranks.Distinct().Count() == 1 ? Outcome.Tie : Outcome.Ranking, ByIndex(order, ranks))
            : granted.Answer(Outcome.Rated);
        return judgment with
        {
            Reason = Text(Reason),
            Ratings = Ratings is { Count: > 0 } ? [.. Ratings.Select(rating => rating with { Answer = rating.Answer is { } place ? order[place] : null })] : null,
            Notes = Notes?.Any(note => note.Length > 0) == true ? ByIndex(order, Notes) : null,
            Comment = Text(Comment),
            Flags = Flags,
            Seconds = Seconds,
            ActiveSeconds = ActiveSeconds,
            InterfaceVersion = InterfaceVersion,
        };
    }

    private string? Fault(TaskKind kind, ProjectSettings settings, int answers)
    {
        var said = new (bool Is, string Name)[] { (Step is not null, "step"), (Ranks is not null, "ranks"), (Best is not null, "best"), (BothBad, "bothBad"), (CannotJudge, "cannotJudge") }.Where(part => part.Is).ToArray();
        if (said.Length > 1)
            return $"has {string.Join(" and ", said.Select(part => part.Name))}, expected one of them";
        var wanted = kind switch { TaskKind.Pair => "step", TaskKind.Rank => "ranks", TaskKind.Best => "best", _ => "ratings" };
        if (said.Length == 0 && (wanted != "ratings" || Ratings is not { Count: > 0 }))
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
        return Ratings?.FirstOrDefault(rating => rating.Answer is { } place && (place < 0 || place >= answers)) is { } bad
            ? $"rates answer {bad.Answer}, expected a place from 0 to {answers - 1}" : null;
    }

    // From the order shown to the order of the comparison.
    private static T[] ByIndex<T>(IReadOnlyList<int> order, IReadOnlyList<T> shown)
    {
        var values = new T[order.Count];
        for (var place = 0; place < order.Count; place++)
            values[order[place]] = shown[place];
        return values;
    }

    private static string? Text(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
