using System.Globalization;
using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>A rule that fired for someone.</summary>
/// <param name="Rule">Its name.</param>
/// <param name="AnnotatorId">For whom.</param>
/// <param name="At">When: the time of the event that tipped it.</param>
/// <param name="EventId">That event: a judgment's id, or a skip's. With rule and annotator it names the firing.</param>
/// <param name="Actions">What follows.</param>
/// <param name="Measured">What the conditions saw, in their order.</param>
/// <param name="Why">The same in words.</param>
/// <param name="Evidence">The events that the rule looked at; it never looks at them again for this annotator.</param>
/// <param name="Comparisons">The comparisons among them, which an action on tasks concerns.</param>
/// <param name="Skill">The value that a skill is set to, where one is; in percent.</param>
public sealed record Firing(
    string Rule, string AnnotatorId, DateTimeOffset At, string EventId, IReadOnlyList<RuleAction> Actions, IReadOnlyList<Measured> Measured, string Why,
    IReadOnlyList<string> Evidence, IReadOnlyList<string> Comparisons, int? Skill)
{
    /// <summary>Names the firing: the same log and rules give the same ids again.</summary>
    public string Id => $"{Rule}:{AnnotatorId}:{EventId}";
}

/// <summary>What rules do to a history.</summary>
/// <param name="Firings">The new ones, in order of time.</param>
/// <param name="Prevented">For each annotator whom a pause or ban keeps from working: how many judgments of the log would not have been given. Those count nowhere.</param>
public sealed record RuleOutcome(IReadOnlyList<Firing> Firings, IReadOnlyDictionary<string, int> Prevented);

/// <summary>
/// Walks through a history in order of time and fires rules. After each event it looks at its annotator, and at those who judged the same comparison
/// before, whose agreement has moved. What a rule looked at when it fired is used up: the same rule does not count it again for that annotator,
/// so that it fires again only on new evidence. Nothing is drawn and nothing is stored: the same log gives the same firings, and a longer log the
/// same ones and perhaps more. Not here: doing what the actions say.
/// </summary>
public sealed class RuleEngine
{
    private readonly RuleSet _rules;
    private readonly QualityHistory _history;
    private readonly Dictionary<(string Rule, string Annotator), Queue<Firing>> _known;
    private readonly IReadOnlySet<string> _overturned;
    private readonly Dictionary<(string Rule, string Annotator), int> _used = [];
    private readonly Dictionary<string, List<Bar>> _barred = new(StringComparer.Ordinal);
    private readonly List<Firing> _firings = [];
    private readonly Dictionary<string, int> _prevented = new(StringComparer.Ordinal);

    private RuleEngine(RuleSet rules, QualityInput input, IReadOnlyList<Firing> fired, IReadOnlySet<string> overturned)
    {
        (_rules, _overturned) = (rules, overturned);
        _history = new(input, rules.Measures);
        _known = fired.GroupBy(firing => (firing.Rule, firing.AnnotatorId)).ToDictionary(group => group.Key, group => new Queue<Firing>(group.OrderBy(firing => firing.At)));
        foreach (var firing in fired)
            Impose(firing);
    }

    /// <summary>Replays a history.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="input">The log and what stands beside it.</param>
    /// <param name="fired">Firings of earlier replays that have been acted upon: they do not come again, and what they looked at is used up.</param>
    /// <param name="overturned">Ids of those of them that an appeal overturned: their pause or ban ends, their evidence stays used up.</param>
    public static RuleOutcome Replay(RuleSet rules, QualityInput input, IReadOnlyList<Firing>? fired = null, IReadOnlySet<string>? overturned = null)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(input);
        var engine = new RuleEngine(rules, input, fired ?? [], overturned ?? new HashSet<string>());
        foreach (var next in input.Events())
            engine.Take(next);
        return new(engine._firings, engine._prevented);
    }

    private void Take(AnnotatorEvent next)
    {
        if (IsBarred(next.AnnotatorId, next))
        {
            if (next.Judgment is not null)
                _prevented[next.AnnotatorId] = _prevented.GetValueOrDefault(next.AnnotatorId) + 1;
            return;
        }
        _history.Add(next);
        var touched = _history.JudgesOf(next.ComparisonId).Where(judge => next.Judgment is not null && judge != next.AnnotatorId).Order(StringComparer.Ordinal);
        Examine(next.AnnotatorId, next, _rules.Rules);
        foreach (var judge in touched.Where(judge => !IsBarred(judge, next)).ToList())
            Examine(judge, next, _rules.Rules.Where(rule => rule.When.Any(condition => condition.Measure == Measure.Agreement)));
    }

    private void Examine(string annotator, AnnotatorEvent cause, IEnumerable<Rule> rules)
    {
        foreach (var rule in rules)
        {
            if (_known.TryGetValue((rule.Name, annotator), out var known) && known.Count > 0)
                PassOver(known, cause);
            else if (Fire(rule, annotator, cause) is { } firing)
            {
                _firings.Add(firing);
                _used[(rule.Name, annotator)] = _history.LastOf(annotator);
                Impose(firing);
            }
        }
    }

    /// <summary>Up to where a rule is known to have fired nothing else can have: it was asked about that then.</summary>
    private void PassOver(Queue<Firing> known, AnnotatorEvent cause)
    {
        var firing = known.Peek();
        if (cause.Id != firing.EventId && cause.At <= firing.At)
            return;
        known.Dequeue();
        _used[(firing.Rule, firing.AnnotatorId)] = _history.LastOf(firing.AnnotatorId);
    }

    private Firing? Fire(Rule rule, string annotator, AnnotatorEvent cause)
    {
        var window = _history.Window(annotator, rule.Window.Limits, cause.At, _used.GetValueOrDefault((rule.Name, annotator), -1));
        if (window.Count == 0)
            return null;
        var measured = new List<Measured>();
        foreach (var condition in rule.When)
        {
            measured.Add(_history.MeasureIn(window, annotator, condition.Measure));
            if (!condition.Holds(measured[^1]))
                return null;
        }
        var from = rule.Then.FirstOrDefault(action => action.Do == ActionKind.SetSkill);
        return new(rule.Name, annotator, cause.At, cause.Id, rule.Then, measured, string.Join(" and ", rule.When.Zip(measured, Reason)),
            [.. window.Select(item => item.Event.Id)], [.. window.Select(item => item.Event.ComparisonId).Distinct()],
            from?.Value ?? (from?.From is { } measure ? Percent(_history.MeasureIn(window, annotator, measure).Value) : null));
    }

    private static int? Percent(double value) => double.IsNaN(value) ? null : (int)Math.Round(Math.Clamp(100 * value, 0, 100), MidpointRounding.AwayFromZero);

    private static string Reason(RuleCondition condition, Measured measured)
    {
        var interval = measured.Interval is { } range ? $", 95 % {Text(range.Lower)} to {Text(range.Upper)}" : "";
        string[] bounds = [.. condition.Below is { } below ? [$"below {Text(below)}"] : Array.Empty<string>(), .. condition.AtLeast is { } least ? [$"at least {Text(least)}"] : Array.Empty<string>()];
        var read = condition.Read == Reading.Value ? "" : $" ({RecipeKeys.EnumName(condition.Read)} end)";
        return $"{RecipeKeys.EnumName(condition.Measure)} {Text(measured.Value)} (of {measured.Count}{interval}){read} is {string.Join(" and ", bounds)}";
    }

    private static string Text(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    // A ban from a kind, or from a project, is from those of the last task that the rule looked at.
    private void Impose(Firing firing)
    {
        if (_overturned.Contains(firing.Id))
            return;
        var last = firing.Comparisons.Count == 0 ? null : _history.TaskOf(firing.Comparisons[^1]);
        foreach (var action in firing.Actions)
        {
            if (action.BarredUntil(firing.At) is not { } until)
                continue;
            var scope = action.Do == ActionKind.Pause ? BanScope.Project : action.Scope ?? BanScope.Project;
            if (!_barred.TryGetValue(firing.AnnotatorId, out var bars))
                _barred.Add(firing.AnnotatorId, bars = []);
            bars.Add(new(firing.At, until, scope == BanScope.Everywhere ? null : last?.Project, scope == BanScope.Kind ? last?.Kind : null));
        }
    }

    private bool IsBarred(string annotator, AnnotatorEvent next)
    {
        if (!_barred.TryGetValue(annotator, out var bars))
            return false;
        var task = _history.TaskOf(next.ComparisonId);
        return bars.Exists(bar => bar.From < next.At && next.At < bar.Until && (bar.Project is null || bar.Project == task.Project) && (bar.Kind is null || bar.Kind == task.Kind));
    }

    /// <summary>A time without tasks: of a project, or of a kind in it; null for all.</summary>
    private sealed record Bar(DateTimeOffset From, DateTimeOffset Until, string? Project, string? Kind);
}
