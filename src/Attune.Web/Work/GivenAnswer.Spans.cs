using Attune.Feedback;
using Attune.Feedback.Tasks;
using Attune.Storage.Leases;
using Attune.Storage.Work;
using Attune.Web.Texts;

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

    private Phrase? FaultOfSpans(GrantedLease granted, ProjectSettings settings)
    {
        if (CannotJudge)
            return Spans is not null ? new("fault.two", "spans, cannotJudge") : null;
        var task = TaskPayload.Read<SpansTask>(granted.Task.Payload);
        var order = granted.Lease.Order;
        if (Spans is not { } spans)
            return new("fault.nothing", "spans, cannotJudge");
        if (spans.Count > MostSpans)
            return new("fault.spans", spans.Count, MostSpans);
        if (Notes is { } notes && notes.Count != order.Count)
            return new("fault.notes", notes.Count, order.Count);
        var (categories, severities) = (settings.Spans.CategoriesOf(task.HasSources), settings.Spans.SeveritiesOf(task.HasSources).Count);
        var keys = TrustKeys(task, order).Select(key => key.Shown).ToHashSet(StringComparer.Ordinal);
        if (Answers?.FirstOrDefault(answer => !keys.Contains(answer.Key) || !SpansTask.Trust.Contains(answer.Value)) is { Key: { } bad } trust)
            return new("fault.trust", trust.Value, bad, string.Join(", ", SpansTask.Trust), keys.Count == 0 ? (object)new Phrase("fault.no-source") : string.Join(", ", keys));
        return spans.Select(span => FaultOf(span, task, order, categories, severities)).FirstOrDefault(fault => fault is not null)
            ?? (spans.DistinctBy(span => (span.Answer, span.Start, span.Length, span.Category)).Count() < spans.Count ? new Phrase("fault.mark-twice") : null);
    }

    private static Phrase? FaultOf(MarkedSpan span, SpansTask task, IReadOnlyList<int> order, IReadOnlyList<SpanCategory> categories, int severities)
    {
        if (span.Answer < 0 || span.Answer >= order.Count)
            return new("fault.mark-answer", span.Answer, order.Count - 1);
        var text = task.Answers[order[span.Answer]].Text;
        if (span.Start < 0 || span.Length < 1 || span.Start > text.Length - span.Length)
            return new("fault.mark-part", span.Length, span.Start, span.Answer, text.Length);
        if (IsWithinPair(text, span.Start) || IsWithinPair(text, span.Start + span.Length))
            return new("fault.mark-half", span.Length, span.Start, span.Answer);
        if (!categories.Any(category => category.Id == span.Category))
            return new("fault.mark-category", span.Category, string.Join(", ", categories.Select(category => category.Id)));
        if (severities == 0 ? span.Severity is not null : span.Severity is not { } severity || severity < 1 || severity > severities)
            return new("fault.mark-severity", span.Severity is { } given ? (object)given : new Phrase("fault.none"), severities == 0 ? new Phrase("fault.none") : new Phrase("fault.range", severities));
        return span.Note?.Length > LongestNote ? new("fault.mark-note", span.Note.Length, LongestNote) : null;
    }

    private static bool IsWithinPair(string text, int at) => at > 0 && at < text.Length && char.IsSurrogatePair(text[at - 1], text[at]);

    // The key of each source by the place at which its answer is shown, and by the answer's index.
    private static IEnumerable<(string Shown, string Kept)> TrustKeys(SpansTask task, IReadOnlyList<int> order) =>
        order.SelectMany((index, place) => task.Answers[index].Sources.Select(source => (SpansTask.TrustKey(place, source.Id), SpansTask.TrustKey(index, source.Id))));
}
