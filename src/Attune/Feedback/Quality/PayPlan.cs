using Attune.Runs;

namespace Attune.Feedback.Quality;

/// <summary>What work is paid. Amounts are decimal and in one currency; nothing here knows of cards or accounts.</summary>
public sealed record PayPlan : IChecked
{
    /// <summary>The currency's code, three capital letters (ISO 4217).</summary>
    public required string Currency { get; init; }

    /// <summary>Digits behind the point to which a sum is rounded, halves away from zero.</summary>
    public int Decimals { get; init; } = 2;

    /// <summary>Prices by kind of task and skill.</summary>
    public required IReadOnlyList<PagePrice> Prices { get; init; }

    /// <summary>What good work gets on top.</summary>
    public IReadOnlyList<QualityBonus> Bonuses { get; init; } = [];

    /// <summary>The least that an hour of active work on a kind of task pays; what is missing to it is paid on top.</summary>
    public IReadOnlyDictionary<string, decimal> HourlyFloor { get; init; } = new Dictionary<string, decimal>();

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It cannot be read, or something in it is wrong; lists every problem.</exception>
    public static PayPlan Load(string path) => Recipe.Load<PayPlan>(path, []);

    /// <summary>The price of a kind of task at a skill; null where the plan has none.</summary>
    public PagePrice? PriceOf(string kind, int skill) => Prices.FirstOrDefault(price => price.Kind == kind && price.From <= skill && skill <= price.To);

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Currency.Length != 3 || !Currency.All(char.IsAsciiLetterUpper))
            yield return Problem.Of("currency", $"is {Currency}", "three capital letters", "EUR and USD are such codes");
        if (Decimals is < 0 or > 6)
            yield return Problem.Of("decimals", $"is {Decimals}", "from 0 to 6", "2 is usual");
        if (Prices.Count == 0)
            yield return Problem.Of("prices", "has no price", "at least one", "add one");
        for (var i = 0; i < Prices.Count; i++)
        {
            var own = Prices[i];
            var at = Enumerable.Range(0, i).FirstOrDefault(j => Prices[j].Kind == own.Kind && Prices[j].From <= own.To && own.From <= Prices[j].To, -1);
            if (at >= 0)
                yield return Problem.Of($"prices[{i}]", $"is for skills {own.From} to {own.To} of {own.Kind}", $"skills that prices[{at}], {Prices[at].From} to {Prices[at].To}, has not", "both ends belong to an interval: begin one above where the other ends");
        }
        foreach (var (kind, floor) in HourlyFloor)
        {
            if (floor <= 0)
                yield return Problem.Of($"hourlyFloor.{kind}", $"is {floor}", "above 0", "leave it out for no floor");
            if (Prices.All(price => price.Kind != kind))
                yield return Problem.Of($"hourlyFloor.{kind}", "has no price", $"one of {string.Join(", ", Prices.Select(price => price.Kind).Distinct())}", "correct the kind or add a price");
        }
    }
}

/// <summary>What a page of tasks pays to annotators of some skills.</summary>
public sealed record PagePrice : IChecked
{
    /// <summary>The kind of task.</summary>
    public string Kind { get; init; } = TaskFacts.UsualKind;

    /// <summary>The lowest skill, in percent; it belongs to the interval.</summary>
    public int From { get; init; }

    /// <summary>The highest skill, in percent; it belongs to the interval.</summary>
    public int To { get; init; } = 100;

    /// <summary>Tasks on a page. A page begun is paid by the task.</summary>
    public int Tasks { get; init; } = 10;

    /// <summary>What a whole page pays.</summary>
    public required decimal Price { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Kind.Length == 0)
            yield return Problem.Of("kind", "is empty", "a kind of task", "pair is usual");
        if (From < 0 || To > 100 || From > To)
            yield return Problem.Of("from", $"is {From} with to {To}", "0 ≤ from ≤ to ≤ 100", "skills are percent, and both ends belong to the interval");
        if (Tasks < 1)
            yield return Problem.Of("tasks", $"is {Tasks}", "at least 1", "10 is usual");
        if (Price < 0)
            yield return Problem.Of("price", $"is {Price}", "0 or more", "0 is for unpaid work");
    }
}

/// <summary>What good work gets on top: a share of what the tasks paid, where a measure over the statement's time is high enough.</summary>
public sealed record QualityBonus : IChecked
{
    /// <summary>Names the bonus on statements.</summary>
    public required string Name { get; init; }

    /// <summary>What is measured.</summary>
    public Measure Measure { get; init; } = Measure.GoldenAccuracy;

    /// <summary>It has to be this or more.</summary>
    public required double AtLeast { get; init; }

    /// <summary>Observations without which there is no bonus.</summary>
    public int MinimumCount { get; init; } = 10;

    /// <summary>The bonus in percent of what the tasks paid.</summary>
    public required decimal Percent { get; init; }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        if (Name.Length == 0)
            yield return Problem.Of("name", "is empty", "a name", "it stands on statements");
        if (MinimumCount < 1)
            yield return Problem.Of("minimumCount", $"is {MinimumCount}", "at least 1", "10 is usual");
        if (Percent is not (> 0 and <= 1000))
            yield return Problem.Of("percent", $"is {Percent}", "above 0, at most 1000", "10 is usual");
    }
}
