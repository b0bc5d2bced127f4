using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>Works out statements: prices, then bonuses on them, then what is missing to the hourly floor. Rounds each row once.</summary>
internal sealed class PayCalculation
{
    private readonly PayPlan _plan;
    private readonly PayInput _input;
    private readonly Dictionary<string, string> _kinds;
    private readonly Dictionary<string, double?> _activeSeconds;
    private readonly ILookup<string, SkillChange> _skills;
    private readonly QualityHistory _history;

    public PayCalculation(PayPlan plan, PayInput input)
    {
        (_plan, _input) = (plan, input);
        var all = input.Input;
        _kinds = all.Tasks.GroupBy(task => task.ComparisonId, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Last().Kind, StringComparer.Ordinal);
        _activeSeconds = all.Facts.GroupBy(fact => fact.JudgmentId, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Last().ActiveSeconds, StringComparer.Ordinal);
        _skills = input.Skills.OrderBy(change => change.At).ToLookup(change => change.AnnotatorId, StringComparer.Ordinal);
        _history = QualityHistory.Of(all with { Judgments = [.. all.Judgments.Where(judgment => IsIn(judgment.At))], Skips = [.. all.Skips.Where(skip => IsIn(skip.At))] });
    }

    public IReadOnlyList<PayStatement> Statements()
    {
        var paid = JudgmentLog.InForce(_input.Input.Judgments, perView: true).Where(judgment => IsIn(judgment.At)).ToList();
        var accepted = paid.Where(judgment => !_input.Rejected.Contains(judgment.Id)).ToList();
        RequirePrices(accepted);
        var bonuses = _input.Firings.Where(firing => IsIn(firing.At) && firing.Actions.Any(action => action.Do == ActionKind.Bonus)).ToLookup(firing => firing.AnnotatorId, StringComparer.Ordinal);
        var work = accepted.ToLookup(judgment => judgment.AnnotatorId, StringComparer.Ordinal);
        var rejected = paid.Except(accepted).CountBy(judgment => judgment.AnnotatorId).ToDictionary(StringComparer.Ordinal);
        return [.. paid.Select(judgment => judgment.AnnotatorId).Concat(bonuses.Select(group => group.Key)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Select(annotator => Statement(annotator, [.. work[annotator]], [.. bonuses[annotator]], rejected.GetValueOrDefault(annotator)))];
    }

    private PayStatement Statement(string annotator, IReadOnlyList<Judgment> work, IReadOnlyList<Firing> bonuses, int rejected)
    {
        var rows = work.GroupBy(judgment => _plan.PriceOf(KindOf(judgment), SkillAt(annotator, judgment.At))!)
            .OrderBy(group => group.Key.Kind, StringComparer.Ordinal).ThenBy(group => group.Key.From)
            .Select(group => new PayRow(PayReason.Tasks, group.Key.Kind, group.Count(), group.Key.Price, group.Key.Tasks, Rounded(group.Key.Price * group.Count() / group.Key.Tasks)))
            .ToList();
        var forTasks = rows.Sum(row => row.Amount);
        if (work.Count > 0)
            rows.AddRange(_plan.Bonuses.Where(bonus => IsEarned(bonus, annotator)).Select(bonus => new PayRow(PayReason.QualityBonus, bonus.Name, 0, null, null, Rounded(forTasks * bonus.Percent / 100))));
        rows.AddRange(from firing in bonuses
                      from action in firing.Actions
                      where action.Do == ActionKind.Bonus
                      select new PayRow(PayReason.RuleBonus, firing.Rule, 0, null, null, Rounded(action.Amount!.Value)));
        var wages = new List<HourlyWage>();
        foreach (var kind in work.GroupBy(KindOf).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var hours = kind.Sum(judgment => (decimal)SecondsOf(judgment)) / 3600;
            var earned = rows.Where(row => row.Reason == PayReason.Tasks && row.What == kind.Key).Sum(row => row.Amount);
            decimal? floor = _plan.HourlyFloor.TryGetValue(kind.Key, out var least) ? least : null;
            if (floor is not null && Rounded(floor.Value * hours) - earned is > 0 and var missing)
            {
                rows.Add(new(PayReason.HourlyFloor, kind.Key, 0, null, null, missing));
                earned += missing;
            }
            wages.Add(new(kind.Key, decimal.Round(hours, 4), hours == 0 ? null : Rounded(earned / hours), floor));
        }
        return new(annotator, _plan.Currency, _input.From, _input.Until, rows, wages, rejected);
    }

    private bool IsEarned(QualityBonus bonus, string annotator)
    {
        var measured = _history.Measure(annotator, bonus.Measure);
        return measured.Count >= bonus.MinimumCount && measured.Value >= bonus.AtLeast;
    }

    private void RequirePrices(IEnumerable<Judgment> accepted)
    {
        var problems = accepted.Select(judgment => (Kind: KindOf(judgment), Skill: SkillAt(judgment.AnnotatorId, judgment.At))).Distinct()
            .Where(work => _plan.PriceOf(work.Kind, work.Skill) is null).OrderBy(work => work.Kind, StringComparer.Ordinal).ThenBy(work => work.Skill)
            .Select(work => Problem.Of("prices", $"has none for {work.Kind} at skill {work.Skill}", "a price for all work that was accepted", "add an interval that holds it")).ToList();
        if (problems.Count > 0)
            throw new InputException("The pay plan", problems);
    }

    private decimal Rounded(decimal amount) => decimal.Round(amount, _plan.Decimals, MidpointRounding.AwayFromZero);

    private bool IsIn(DateTimeOffset at) => _input.From <= at && at < _input.Until;

    private string KindOf(Judgment judgment) => _kinds.GetValueOrDefault(judgment.ComparisonId, TaskFacts.UsualKind);

    private double SecondsOf(Judgment judgment) => _activeSeconds.GetValueOrDefault(judgment.Id) ?? judgment.ActiveSeconds ?? judgment.Seconds;

    private int SkillAt(string annotator, DateTimeOffset at) => _skills[annotator].LastOrDefault(change => change.At <= at).Percent;
}
