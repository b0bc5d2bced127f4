using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>What a rule can do.</summary>
public enum ActionKind
{
    /// <summary>Sets a skill of the annotator to a value, or from a measure.</summary>
    SetSkill,

    /// <summary>Shows the annotator a message.</summary>
    Warn,

    /// <summary>Gives the annotator no tasks for some hours.</summary>
    Pause,

    /// <summary>Bars the annotator from a scope, for some hours or for good.</summary>
    Ban,

    /// <summary>Asks for more answers to the tasks that the rule looked at.</summary>
    RaiseOverlap,

    /// <summary>Pays an amount on top, in the currency of the pay plan.</summary>
    Bonus,

    /// <summary>Rejects the judgments that the rule looked at, with a reason, and with time to appeal.</summary>
    Reject,
}

/// <summary>What a ban reaches.</summary>
public enum BanScope
{
    /// <summary>Tasks of the same kind in the same project.</summary>
    Kind,

    /// <summary>The project.</summary>
    Project,

    /// <summary>All projects.</summary>
    Everywhere,
}

/// <summary>What follows when a rule fires; each kind has its own keys, and no others.</summary>
public sealed record RuleAction : IChecked
{
    private static readonly Dictionary<ActionKind, (string[] Needed, string[] Allowed)> Keys = new()
    {
        [ActionKind.SetSkill] = (["skill"], ["value", "from"]),
        [ActionKind.Warn] = (["message"], []),
        [ActionKind.Pause] = (["hours"], ["message"]),
        [ActionKind.Ban] = ([], ["scope", "hours", "message"]),
        [ActionKind.RaiseOverlap] = (["by"], []),
        [ActionKind.Bonus] = (["amount"], ["message"]),
        [ActionKind.Reject] = (["message"], ["appealDays"]),
    };

    /// <summary>What is done.</summary>
    public required ActionKind Do { get; init; }

    /// <summary>The name of the skill to set.</summary>
    public string? Skill { get; init; }

    /// <summary>The skill's new value, in percent: 0 to 100.</summary>
    public int? Value { get; init; }

    /// <summary>The measure that gives the skill's new value: 100 times it, rounded, within 0 to 100.</summary>
    public Measure? From { get; init; }

    /// <summary>How long a pause or ban lasts; a ban without it lasts for good.</summary>
    public double? Hours { get; init; }

    /// <summary>What a ban reaches; the project where it is left out.</summary>
    public BanScope? Scope { get; init; }

    /// <summary>How many answers more.</summary>
    public int? By { get; init; }

    /// <summary>How much, in the currency of the pay plan.</summary>
    public decimal? Amount { get; init; }

    /// <summary>What the annotator is told: the reason.</summary>
    public string? Message { get; init; }

    /// <summary>Days in which the annotator may appeal; 7 where it is left out.</summary>
    public int? AppealDays { get; init; }

    /// <summary>Until when it keeps the annotator from working; null where it does not, and the end of time where it is for good.</summary>
    internal DateTimeOffset? BarredUntil(DateTimeOffset at) =>
        Do is not (ActionKind.Pause or ActionKind.Ban) ? null : Hours is { } hours ? at.AddHours(hours) : DateTimeOffset.MaxValue;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        var (needed, allowed) = Keys[Do];
        var kind = RecipeKeys.EnumName(Do);
        var given = RecipeKeys.Of(typeof(RuleAction)).Where(key => key.Name != "do" && key.Property.GetValue(this) is not null).Select(key => key.Name).ToList();
        foreach (var key in given.Except(needed).Except(allowed))
            yield return Problem.Of(key, $"is no key of {kind}", $"only {string.Join(", ", needed.Concat(allowed))}", "delete it");
        foreach (var key in needed.Except(given))
            yield return Problem.Of(key, "is missing", $"it with {kind}", $"add {key}: ...");
        if (Do == ActionKind.SetSkill && Value is null == From is null)
            yield return Problem.Of("value", Value is null ? "is missing, and so is from" : "stands beside from", "one of them", "value is a number, from a measure");
        if (Value is < 0 or > 100)
            yield return Problem.Of("value", $"is {Value}", "from 0 to 100", "skills are percent");
        if (Hours is not null and not (> 0 and <= 876_000))
            yield return Problem.Of("hours", $"is {Hours}", "above 0, at most 876000", Do == ActionKind.Ban ? "leave it out for a ban for good" : "24 is a day");
        if (By < 1)
            yield return Problem.Of("by", $"is {By}", "at least 1", "1 or 2 is usual");
        if (Amount <= 0)
            yield return Problem.Of("amount", $"is {Amount}", "above 0", "0.50 is half a unit of the currency");
        if (AppealDays < 1)
            yield return Problem.Of("appealDays", $"is {AppealDays}", "at least 1", "7 is usual");
        if (Message is { } message && string.IsNullOrWhiteSpace(message))
            yield return Problem.Of("message", "is empty", "what the annotator is told", "say what was seen and what to do");
    }
}
