using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>A skill that somebody had from a moment on.</summary>
/// <param name="AnnotatorId">Who.</param>
/// <param name="At">From when.</param>
/// <param name="Percent">The skill, 0 to 100.</param>
public readonly record struct SkillChange(string AnnotatorId, DateTimeOffset At, int Percent);

/// <summary>What is paid for: judgments of a time, and what is known about them and their authors.</summary>
/// <param name="Input">The log and what stands beside it.</param>
/// <param name="From">The first moment that is paid.</param>
/// <param name="Until">The first moment that is not paid any more.</param>
public sealed record PayInput(QualityInput Input, DateTimeOffset From, DateTimeOffset Until)
{
    /// <summary>Skills as they changed; before the first change a skill is 0.</summary>
    public IReadOnlyList<SkillChange> Skills { get; init; } = [];

    /// <summary>Ids of judgments that were rejected, and whose rejection stands.</summary>
    public IReadOnlySet<string> Rejected { get; init; } = new HashSet<string>();

    /// <summary>Firings whose bonuses are paid, by <see cref="ActionKind.Bonus"/>.</summary>
    public IReadOnlyList<Firing> Firings { get; init; } = [];
}

/// <summary>What a row of a statement pays for.</summary>
public enum PayReason
{
    /// <summary>Tasks done.</summary>
    Tasks,

    /// <summary>A bonus on good work.</summary>
    QualityBonus,

    /// <summary>A bonus that a rule gave.</summary>
    RuleBonus,

    /// <summary>What was missing to the hourly floor.</summary>
    HourlyFloor,
}

/// <summary>A row of a statement.</summary>
/// <param name="Reason">What it pays for.</param>
/// <param name="What">The kind of task, the bonus, or the rule.</param>
/// <param name="Tasks">Judgments paid; 0 in rows that pay none.</param>
/// <param name="PagePrice">Price of a page; null in rows without one.</param>
/// <param name="PageTasks">Tasks on a page; null in rows without one.</param>
/// <param name="Amount">What is paid, rounded to the plan's decimals.</param>
public sealed record PayRow(PayReason Reason, string What, int Tasks, decimal? PagePrice, int? PageTasks, decimal Amount);

/// <summary>What an hour of active work on a kind of task came to, bonuses left out.</summary>
/// <param name="Kind">The kind of task.</param>
/// <param name="Hours">Active hours on paid judgments.</param>
/// <param name="Hourly">Pay for the tasks and the hour's missing part, by the hour; null without time.</param>
/// <param name="Floor">The floor; null where there is none.</param>
public sealed record HourlyWage(string Kind, decimal Hours, decimal? Hourly, decimal? Floor);

/// <summary>What one person is paid for a time; the total is the sum of the rows as they stand, to the last digit.</summary>
/// <param name="AnnotatorId">Who.</param>
/// <param name="Currency">The currency's code.</param>
/// <param name="From">The first moment paid.</param>
/// <param name="Until">The first moment not paid any more.</param>
/// <param name="Rows">What is paid.</param>
/// <param name="Wages">What an hour came to, by kind of task.</param>
/// <param name="Rejected">Judgments that were rejected and are not paid.</param>
public sealed record PayStatement(
    string AnnotatorId, string Currency, DateTimeOffset From, DateTimeOffset Until, IReadOnlyList<PayRow> Rows, IReadOnlyList<HourlyWage> Wages, int Rejected)
{
    /// <summary>What is paid in all.</summary>
    public decimal Total => Rows.Sum(row => row.Amount);

    /// <summary>
    /// Statements of all who judged in the time or got a bonus in it, in alphabetical order. Every judgment in force that was not rejected is paid, golden tasks too;
    /// a corrected one once, at the skill of its time.
    /// </summary>
    /// <exception cref="InputException">Work has no price: its kind of task or its author's skill is not in the plan; lists every such gap.</exception>
    public static IReadOnlyList<PayStatement> Of(PayPlan plan, PayInput input)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(input);
        var calculation = new PayCalculation(plan, input);
        return calculation.Statements();
    }
}
