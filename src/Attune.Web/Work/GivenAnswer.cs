using Attune.Feedback;
using Attune.Storage.Leases;
using Attune.Storage.Work;
using Attune.Web.Texts;

namespace Attune.Web.Work;

/// <summary>What a judge sends: places count from 0 in the order shown. <see cref="ToJudgment"/> makes the record of the log from it.</summary>
public sealed partial record GivenAnswer
{
    private const int MostFlags = 50, LongestFlag = 200;

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

    /// <summary>Why they cannot, what is bad about all, or what is to be mended of a text.</summary>
    public string? Reason { get; init; }

    /// <summary>Ratings by axis; <see cref="AxisRating.Answer"/> is a place.</summary>
    public IReadOnlyList<AxisRating>? Ratings { get; init; }

    /// <summary>Answers to questions, by the question's id.</summary>
    public IReadOnlyDictionary<string, string>? Answers { get; init; }

    /// <summary>What was written.</summary>
    public string? Text { get; init; }

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

    /// <summary>Characters typed on the page; never what they were.</summary>
    public int? TypedCharacters { get; init; }

    /// <summary>Characters pasted or dropped there.</summary>
    public int? PastedCharacters { get; init; }

    /// <summary>The version of the page.</summary>
    public string? InterfaceVersion { get; init; }

    /// <summary>The judgment that this says, or what is wrong with it.</summary>
    /// <param name="granted">The lease that it answers.</param>
    /// <param name="settings">The project's.</param>
    /// <param name="fault">What is wrong; null where nothing is.</param>
    public Judgment? ToJudgment(GrantedLease granted, ProjectSettings settings, out Phrase? fault)
    {
        ArgumentNullException.ThrowIfNull(granted);
        ArgumentNullException.ThrowIfNull(settings);
        var order = granted.Lease.Order;
        fault = Fault(granted, settings);
        if (fault is not null)
            return null;
        var judgment = CannotJudge ? granted.Answer(Outcome.CannotJudge)
            : granted.Task.Kind switch
            {
                TaskKind.Question or TaskKind.Verify or TaskKind.Review => granted.Answer(Outcome.Answered) with { Answers = Answers },
                TaskKind.Write or TaskKind.Fix or TaskKind.Message => granted.Answer(Outcome.Written) with { Text = Text!.Trim() },
                TaskKind.Spans => OfSpans(granted),
                TaskKind.Chat => granted.Answer(Outcome.Conversed) with { Answers = Answers },
                _ => OfComparison(granted, settings),
            };
        return judgment with
        {
            Reason = Said(Reason),
            Ratings = Ratings is { Count: > 0 } ? [.. Ratings.Select(rating => rating with { Answer = rating.Answer is { } place ? order[place] : null })] : null,
            Notes = Notes?.Any(note => note.Length > 0) == true ? ByIndex(order, Notes) : null,
            Comment = Said(Comment),
            Flags = Flags,
            Seconds = Seconds,
            ActiveSeconds = ActiveSeconds,
            TypedCharacters = TypedCharacters,
            PastedCharacters = PastedCharacters,
            InterfaceVersion = InterfaceVersion,
        };
    }

    // What is wrong, by what the kind asks for; what it does not ask for must not be there.
    private Phrase? Fault(GrantedLease granted, ProjectSettings settings)
    {
        if (Notes?.Contains(null!) == true || Flags.Contains(null!) || Ratings?.Contains(null!) == true || Spans?.Contains(null!) == true || Answers?.Values.Contains(null!) == true)
            return new("fault.null");
        if (Flags.Count > MostFlags || Flags.Any(flag => flag.Length is 0 or > LongestFlag))
            return new("fault.flags", Flags.Count, MostFlags, LongestFlag);
        if (!double.IsFinite(Seconds) || Seconds < 0 || (ActiveSeconds is { } active && !(active >= 0 && active <= Seconds)))
            return new("fault.seconds", Seconds, ActiveSeconds ?? 0);
        if (TypedCharacters < 0 || PastedCharacters < 0)
            return new("fault.characters", TypedCharacters ?? 0, PastedCharacters ?? 0);
        var kind = granted.Task.Kind;
        var isOther = kind is TaskKind.Chat or TaskKind.Spans;
        var isText = granted.Task.Kind is TaskKind.Write or TaskKind.Fix or TaskKind.Message;
        var isQuestion = granted.Task.Kind is TaskKind.Question or TaskKind.Verify or TaskKind.Review;
        if (!isText && Text is not null)
            return new("fault.unwanted", "text");
        if (!isQuestion && !isOther && Answers is not null && (kind != TaskKind.Rate || settings.Labels == LabelScheme.None))
            return new("fault.unwanted", "answers");
        if (kind != TaskKind.Spans && Spans is not null)
            return new("fault.unwanted", "spans");
        if ((isText || isQuestion || isOther) && ((Step ?? Best) is not null || Ranks is not null || Ratings is not null || BothBad))
            return new("fault.compares", isText ? "text" : kind == TaskKind.Spans ? "spans" : "answers");
        return isText ? FaultOfText()
            : isQuestion ? FaultOfAnswers(granted.Task)
            : kind == TaskKind.Spans ? FaultOfSpans(granted, settings)
            : kind == TaskKind.Chat ? FaultOfChat()
            : FaultOfComparison(kind, settings, granted.Lease.Order.Count);
    }

    // From the order shown to the order of the comparison.
    private static T[] ByIndex<T>(IReadOnlyList<int> order, IReadOnlyList<T> shown)
    {
        var values = new T[order.Count];
        for (var place = 0; place < order.Count; place++)
            values[order[place]] = shown[place];
        return values;
    }

    private static string? Said(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
