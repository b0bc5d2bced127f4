using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage.Leases;
using Attune.Storage.Work;

namespace Attune.Web.Work;

/// <content>Marked parts of answers, and trust in their sources.</content>
public sealed partial record GivenAnswer
{
    private const int MostSpans = 500, LongestNote = 4000;

    /// <summary>Marked parts; <see cref="MarkedSpan.Answer"/> is a place. An empty list says that there is nothing to mark.</summary>
    public IReadOnlyList<MarkedSpan>? Spans { get; init; }

    private Judgment OfSpans(GrantedLease granted)
    {
        var order = granted.Lease.Order;
        return granted.Answer(Outcome.Marked) with
        {
            Spans = [.. Spans!.Select(span => span with { Answer = order[span.Answer], Note = Said(span.Note) }).OrderBy(span => span.Answer).ThenBy(span => span.Start).ThenBy(span => span.Length)],
            Answers = Answers is { Count: > 0 } ? TrustKeys(TaskPayload.Read<SpansTask>(granted.Task.Payload), order).Where(key => Answers.ContainsKey(key.Shown)).ToDictionary(key => key.Kept, key => Answers[key.Shown]) : null,
        };
    }

    private string? FaultOfSpans(GrantedLease granted, ProjectSettings settings)
    {
        if (CannotJudge)
            return Spans is not null ? "has spans and cannotJudge, expected one of them" : null;
        var task = TaskPayload.Read<SpansTask>(granted.Task.Payload);
        var order = granted.Lease.Order;
        if (Spans is not { } spans)
            return "says nothing, expected spans (none, as an empty list) or cannotJudge";
        if (spans.Count > MostSpans)
            return $"has {spans.Count} spans, expected at most {MostSpans}";
        if (Notes is { } notes && notes.Count != order.Count)
            return $"has {notes.Count} notes, expected {order.Count}";
        var (categories, severities) = (settings.Spans.CategoriesOf(task.HasSources), settings.Spans.SeveritiesOf(task.HasSources).Count);
        var keys = TrustKeys(task, order).Select(key => key.Shown).ToHashSet(StringComparer.Ordinal);
        if (Answers?.FirstOrDefault(answer => !keys.Contains(answer.Key) || !SpansTask.Trust.Contains(answer.Value)) is { Key: { } bad } trust)
            return $"has the answer '{trust.Value}' to '{bad}', expected {string.Join(", ", SpansTask.Trust)} of {(keys.Count == 0 ? "no source, as there is none" : string.Join(", ", keys))}";
        return spans.Select(span => FaultOf(span, task, order, categories, severities)).FirstOrDefault(fault => fault is not null)
            ?? (spans.DistinctBy(span => (span.Answer, span.Start, span.Length, span.Category)).Count() < spans.Count ? "marks the same part twice as the same, expected each mark once" : null);
    }

    private static string? FaultOf(MarkedSpan span, SpansTask task, IReadOnlyList<int> order, IReadOnlyList<SpanCategory> categories, int severities)
    {
        if (span.Answer < 0 || span.Answer >= order.Count)
            return $"marks answer {span.Answer}, expected a place from 0 to {order.Count - 1}";
        var text = task.Answers[order[span.Answer]].Text;
        if (span.Start < 0 || span.Length < 1 || span.Start > text.Length - span.Length)
            return $"marks {span.Length} units from {span.Start} of answer {span.Answer}, expected a part of its {text.Length}";
        if (IsWithinPair(text, span.Start) || IsWithinPair(text, span.Start + span.Length))
            return $"marks {span.Length} units from {span.Start} of answer {span.Answer}, which parts a character of two units";
        if (!categories.Any(category => category.Id == span.Category))
            return $"marks something as '{span.Category}', expected {string.Join(", ", categories.Select(category => category.Id))}";
        if (severities == 0 ? span.Severity is not null : span.Severity is not { } severity || severity < 1 || severity > severities)
            return $"marks something with severity {span.Severity?.ToString() ?? "none"}, expected {(severities == 0 ? "none" : $"1 to {severities}")}";
        return span.Note?.Length > LongestNote ? $"has a note of {span.Note.Length} characters, expected at most {LongestNote}" : null;
    }

    private static bool IsWithinPair(string text, int at) => at > 0 && at < text.Length && char.IsSurrogatePair(text[at - 1], text[at]);

    // The key of each source by the place at which its answer is shown, and by the answer's index.
    private static IEnumerable<(string Shown, string Kept)> TrustKeys(SpansTask task, IReadOnlyList<int> order) =>
        order.SelectMany((index, place) => task.Answers[index].Sources.Select(source => (SpansTask.TrustKey(place, source.Id), SpansTask.TrustKey(index, source.Id))));
}
