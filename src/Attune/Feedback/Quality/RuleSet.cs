using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>A file of rules: how measures are taken, and what follows from them.</summary>
public sealed record RuleSet : IChecked
{
    /// <summary>How measures are taken.</summary>
    public MeasureSettings Measures { get; init; } = new();

    /// <summary>The rules; where several apply at once they fire in this order.</summary>
    public required IReadOnlyList<Rule> Rules { get; init; }

    /// <summary>Reads a file of rules.</summary>
    /// <exception cref="InputException">It cannot be read, or something in it is wrong; lists every problem.</exception>
    public static RuleSet Load(string path) => Recipe.Load<RuleSet>(path, []);

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Rules.Count == 0)
            yield return Problem.Of("rules", "has no rule", "at least one", "add one");
        foreach (var (name, count) in Rules.CountBy(rule => rule.Name).Where(entry => entry.Value > 1))
            yield return Problem.Of("rules", $"has {count} named {name}", "a name for each", "rename the others");
    }
}

/// <summary>When all conditions hold over the window, the actions follow.</summary>
public sealed record Rule : IChecked
{
    /// <summary>Names the rule in reports, and in what it did.</summary>
    public required string Name { get; init; }

    /// <summary>What it looks at.</summary>
    public RuleWindow Window { get; init; } = new();

    /// <summary>What has to hold, all of it.</summary>
    public required IReadOnlyList<RuleCondition> When { get; init; }

    /// <summary>What follows.</summary>
    public required IReadOnlyList<RuleAction> Then { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Name.Length == 0)
            yield return Problem.Of("name", "is empty", "a name", "say in a word or two what it guards against");
        if (When.Count == 0)
            yield return Problem.Of("when", "has no condition", "at least one", "add one, for instance {measure: golden-accuracy, below: 0.7}");
        if (Then.Count == 0)
            yield return Problem.Of("then", "has no action", "at least one", "add one, for instance {do: warn, message: ...}");
    }
}

/// <summary>What a rule looks at: an annotator's last events, those of a time span, or both limits at once; everything without either.</summary>
public sealed record RuleWindow : IChecked
{
    /// <summary>At most so many of the last judgments and skips.</summary>
    public int? Last { get; init; }

    /// <summary>None older than so many days.</summary>
    public double? Days { get; init; }

    internal HistoryWindow Limits => new(Last, Days);

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Last < 1)
            yield return Problem.Of("last", $"is {Last}", "at least 1", "50 is usual");
        if (Days is not null and not (> 0 and <= 36_500))
            yield return Problem.Of("days", $"is {Days}", "above 0, at most 36500", "7 is a week, 0.5 half a day");
    }
}

/// <summary>Which number of a measure a condition reads.</summary>
public enum Reading
{
    /// <summary>The measure itself.</summary>
    Value,

    /// <summary>The lower end of its 95 % interval: above a bound only where the evidence is strong.</summary>
    Lower,

    /// <summary>The upper end: below a bound only where the evidence is strong.</summary>
    Upper,
}

/// <summary>A measure and where it has to lie. It holds for no annotator of whom too little is known.</summary>
public sealed record RuleCondition : IChecked
{
    private static readonly Measure[] WithoutInterval =
        [Measure.Judgments, Measure.SideStreak, Measure.AnswerStreak, Measure.AnswerEntropy, Measure.SkipsInARow, Measure.PastedShare];

    /// <summary>What is measured.</summary>
    public required Measure Measure { get; init; }

    /// <summary>The measure itself, or an end of its interval.</summary>
    public Reading Read { get; init; }

    /// <summary>It has to be less than this.</summary>
    public double? Below { get; init; }

    /// <summary>It has to be this or more.</summary>
    public double? AtLeast { get; init; }

    /// <summary>Observations without which the condition does not hold.</summary>
    public int MinimumCount { get; init; } = 1;

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Below is null && AtLeast is null)
            yield return Problem.Of("", "bounds nothing", "below or atLeast", "add one, for instance below: 0.7");
        if (Below <= AtLeast)
            yield return Problem.Of("below", $"is {Below}", $"above atLeast, {AtLeast}", "nothing lies between them otherwise");
        if (MinimumCount < 1)
            yield return Problem.Of("minimumCount", $"is {MinimumCount}", "at least 1", "10 is usual for a rate");
        if (Read != Reading.Value && WithoutInterval.Contains(Measure))
            yield return Problem.Of("read", $"is {RecipeKeys.EnumName(Read)}", $"value, as {RecipeKeys.EnumName(Measure)} has no interval", "leave the line out");
    }

    /// <summary>Whether a measure meets the condition.</summary>
    internal bool Holds(Measured measured)
    {
        var read = Read switch { Reading.Lower => measured.Interval?.Lower, Reading.Upper => measured.Interval?.Upper, _ => measured.Value };
        return measured.Count >= MinimumCount && read is { } value && !double.IsNaN(value) && !(value >= Below) && !(value < AtLeast);
    }
}
