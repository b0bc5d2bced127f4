namespace Attune.Feedback.Quality;

/// <summary>Which of an annotator's events a measure looks at: the last ones, those of the last days, or both limits; all without either.</summary>
/// <param name="Last">At most so many of the last events, skips included.</param>
/// <param name="Days">None older than so many days.</param>
public readonly record struct HistoryWindow(int? Last = null, double? Days = null);

/// <summary>
/// What happened up to a moment, and the measures of annotators as they stood then. Events are added in order of time; nothing that comes later
/// moves a measure of earlier. A later judgment of the same annotator on the same comparison, of the same task and in the same order of answers, is a correction and takes
/// the place of the earlier; of another task (<see cref="Judgment.TaskId"/>) or in another order it is a repeat. Not here: measures of tasks, and of how far everyone agrees (<see cref="Attune.Feedback.Agreement"/>).
/// </summary>
public sealed class QualityHistory
{
    private readonly Dictionary<string, TaskFacts> _tasks;
    private readonly Dictionary<string, JudgmentFacts> _facts;
    private readonly Dictionary<string, List<HistoryItem>> _byAnnotator = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<Rating>> _ratings = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Dictionary<string, string?>> _pluralities = new(StringComparer.Ordinal); // of the others, by unit and annotator, until somebody judges the unit
    private readonly Dictionary<string, List<string>> _judges = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SpeedReference> _speed = new(StringComparer.Ordinal);
    private int _added;

    /// <summary>An empty history.</summary>
    /// <param name="input">Whose facts are looked up; its judgments and skips are not added.</param>
    /// <param name="settings">How measures are taken.</param>
    public QualityHistory(QualityInput input, MeasureSettings settings)
    {
        ArgumentNullException.ThrowIfNull(input);
        Settings = settings;
        _tasks = input.Tasks.GroupBy(task => task.ComparisonId, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Last(), StringComparer.Ordinal);
        _facts = input.Facts.GroupBy(fact => fact.JudgmentId, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Last(), StringComparer.Ordinal);
    }

    /// <summary>The whole of an input.</summary>
    public static QualityHistory Of(QualityInput input, MeasureSettings? settings = null)
    {
        var history = new QualityHistory(input, settings ?? new());
        foreach (var one in input.Events())
            history.Add(one);
        return history;
    }

    /// <summary>How measures are taken.</summary>
    public MeasureSettings Settings { get; }

    /// <summary>Everyone who did anything so far, in alphabetical order.</summary>
    public IEnumerable<string> Annotators => _byAnnotator.Keys.Order(StringComparer.Ordinal);

    /// <summary>Adds what happened next.</summary>
    public void Add(AnnotatorEvent next)
    {
        ArgumentNullException.ThrowIfNull(next);
        if (!_byAnnotator.TryGetValue(next.AnnotatorId, out var own))
            _byAnnotator.Add(next.AnnotatorId, own = []);
        var item = new HistoryItem(_added++, next, TaskOf(next.ComparisonId), next.Judgment is { } given ? JudgmentFacts.Of(given, _facts.GetValueOrDefault(next.Id)) : null);
        if (next.Judgment is { } judgment)
        {
            if (own.Find(earlier => earlier.Judgment is { } old && old.ComparisonId == judgment.ComparisonId && old.TaskId == judgment.TaskId && old.Order.SequenceEqual(judgment.Order)) is { } corrected)
            {
                own.Remove(corrected);
                RemoveRatings(corrected);
            }
            item = item with { Repeats = own.Find(earlier => earlier.Judgment is { } old && Repeats(item.Task, old)) };
            AddRatings(item);
            SpeedOf(item.Task.Kind).Add(next.AnnotatorId, SpeedReference.LogOf(item.Seconds));
        }
        own.Add(item);
    }

    /// <summary>A measure of one annotator as it stands.</summary>
    /// <param name="annotator">Who.</param>
    /// <param name="measure">Which.</param>
    /// <param name="now">Up to when a window in days reaches; null for the time of the annotator's last event.</param>
    /// <param name="window">What it looks at; all without.</param>
    public Measured Measure(string annotator, Measure measure, HistoryWindow window = default, DateTimeOffset? now = null) =>
        MeasureIn(Window(annotator, window, now ?? _byAnnotator[annotator][^1].Event.At, after: -1), annotator, measure);

    /// <summary>All measures of one annotator as they stand.</summary>
    public IReadOnlyList<Measured> MeasureAll(string annotator, HistoryWindow window = default) =>
        [.. Enum.GetValues<Measure>().Select(measure => Measure(annotator, measure, window))];

    internal Measured MeasureIn(IReadOnlyList<HistoryItem> window, string annotator, Measure measure) =>
        AnnotatorMeasures.Of(measure, new(annotator, window, Settings, PluralityOfOthers, SpeedOf));

    /// <summary>The annotator's events of a window, of those numbered above <paramref name="after"/>.</summary>
    internal IReadOnlyList<HistoryItem> Window(string annotator, HistoryWindow window, DateTimeOffset now, int after)
    {
        if (!_byAnnotator.TryGetValue(annotator, out var own))
            return [];
        var from = own.FindIndex(item => item.Number > after && !(window.Days is { } days && item.Event.At < now.AddDays(-days)));
        if (from < 0)
            return [];
        from = Math.Max(from, own.Count - (window.Last ?? own.Count));
        return own.GetRange(from, own.Count - from);
    }

    /// <summary>The number of the annotator's last event; −1 before any.</summary>
    internal int LastOf(string annotator) => _byAnnotator.TryGetValue(annotator, out var own) && own.Count > 0 ? own[^1].Number : -1;

    /// <summary>Who judged a comparison so far, in the order in which they first did.</summary>
    internal IReadOnlyList<string> JudgesOf(string comparison) => _judges.TryGetValue(comparison, out var judges) ? judges : [];

    /// <summary>What is known of a comparison.</summary>
    internal TaskFacts TaskOf(string comparison) => _tasks.GetValueOrDefault(comparison) ?? new() { ComparisonId = comparison };

    private static bool Repeats(TaskFacts task, Judgment earlier) => earlier.ComparisonId == task.MirrorOf || earlier.ComparisonId == task.ComparisonId;

    private string? PluralityOfOthers(Rating own)
    {
        if (!_pluralities.TryGetValue(own.Unit, out var known))
            _pluralities.Add(own.Unit, known = new(StringComparer.Ordinal));
        if (!known.TryGetValue(own.Rater, out var plurality))
            known.Add(own.Rater, plurality = Agreement.Plurality(_ratings[own.Unit].Where(rating => rating.Rater != own.Rater).Select(rating => rating.Label)));
        return plurality;
    }

    private SpeedReference SpeedOf(string kind)
    {
        if (!_speed.TryGetValue(kind, out var reference))
            _speed.Add(kind, reference = new());
        return reference;
    }

    private void AddRatings(HistoryItem item)
    {
        foreach (var rating in item.Ratings)
        {
            _pluralities.Remove(rating.Unit);
            if (!_ratings.TryGetValue(rating.Unit, out var there))
                _ratings.Add(rating.Unit, there = []);
            there.Add(rating);
        }
        if (!_judges.TryGetValue(item.Event.ComparisonId, out var judges))
            _judges.Add(item.Event.ComparisonId, judges = []);
        if (!judges.Contains(item.Event.AnnotatorId))
            judges.Add(item.Event.AnnotatorId);
    }

    private void RemoveRatings(HistoryItem item)
    {
        foreach (var rating in item.Ratings)
        {
            _pluralities.Remove(rating.Unit);
            _ratings[rating.Unit].Remove(rating);
        }
    }
}

/// <summary>An event with what is known about it.</summary>
/// <param name="Number">Its place among all events, from 0.</param>
/// <param name="Event">What happened.</param>
/// <param name="Task">On what task.</param>
/// <param name="Facts">How the judgment came about; null of a skip.</param>
internal sealed record HistoryItem(int Number, AnnotatorEvent Event, TaskFacts Task, JudgmentFacts? Facts)
{
    /// <summary>The earlier judgment that this one repeats; null where it repeats none.</summary>
    public HistoryItem? Repeats { get; init; }

    /// <summary>What the judgment says of pairs of answers.</summary>
    public IReadOnlyList<Rating> Ratings { get; } = Event.Judgment is null ? [] : [.. Attune.Feedback.Ratings.Of([Event.Judgment])];

    public Judgment? Judgment => Event.Judgment;

    /// <summary>Active time where it is known, else the time given.</summary>
    public double Seconds => Facts?.ActiveSeconds ?? Judgment?.Seconds ?? 0;
}
