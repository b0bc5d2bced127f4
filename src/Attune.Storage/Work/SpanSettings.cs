using Attune.Runs;

namespace Attune.Storage.Work;

/// <summary>How a category's marks look besides their colour, so that they can be told apart without it.</summary>
public enum SpanLine
{
    /// <summary>One line below.</summary>
    Solid,

    /// <summary>Two lines below.</summary>
    Double,

    /// <summary>Dashes below.</summary>
    Dashed,

    /// <summary>Dots below.</summary>
    Dotted,

    /// <summary>A wave below.</summary>
    Wavy,
}

/// <summary>What a marked part of an answer can be.</summary>
public sealed record SpanCategory
{
    /// <summary>The word that judgments carry.</summary>
    public required string Id { get; init; }

    /// <summary>What people read; null for the interface's own text of a category that Attune knows, else the id.</summary>
    public string? Text { get; init; }

    /// <summary>How its marks look; null for the next of the five.</summary>
    public SpanLine? Line { get; init; }
}

/// <summary>What is marked in answers, and how bad it can be.</summary>
public sealed record SpanSettings
{
    /// <summary>As many as there are digits.</summary>
    public const int MostCategories = 9;

    /// <summary>The kinds of faults in the feedback of Wu et al. 2023.</summary>
    public static IReadOnlyList<SpanCategory> FineGrained { get; } = [new() { Id = "irrelevant" }, new() { Id = "repetitive" }, new() { Id = "incoherent" }, new() { Id = "false" }, new() { Id = "unverifiable" }, new() { Id = "incomplete" }];

    /// <summary>What is said of claims in answers that give their sources (Nakano et al. 2021).</summary>
    public static IReadOnlyList<SpanCategory> Sourced { get; } = [new() { Id = "strong-support" }, new() { Id = "weak-support" }, new() { Id = "no-support" }, new() { Id = "citation-error" }, new() { Id = "core-claim" }];

    /// <summary>The categories, at most nine; null for <see cref="Sourced"/> where answers have sources and <see cref="FineGrained"/> elsewhere.</summary>
    public IReadOnlyList<SpanCategory>? Categories { get; init; }

    /// <summary>Names of how bad a marked part is, from the least, at most nine; empty where that is not asked, null for minor and major where answers have no sources.</summary>
    public IReadOnlyList<string>? Severities { get; init; }

    /// <summary>The categories of a task.</summary>
    /// <param name="hasSources">Whether its answers have sources.</param>
    public IReadOnlyList<SpanCategory> CategoriesOf(bool hasSources) => Categories ?? (hasSources ? Sourced : FineGrained);

    /// <summary>The severities of a task, from 1.</summary>
    /// <param name="hasSources">Whether its answers have sources.</param>
    public IReadOnlyList<string> SeveritiesOf(bool hasSources) => Severities ?? (hasSources ? [] : ["minor", "major"]);

    internal IEnumerable<Problem> Check()
    {
        if (Categories is { } all && (all.Count is < 1 or > MostCategories || all.Any(category => string.IsNullOrWhiteSpace(category.Id)) || all.Select(category => category.Id).Distinct(StringComparer.Ordinal).Count() < all.Count))
            yield return Problem.Of("spans.categories", $"is [{string.Join(", ", all.Select(category => category.Id))}]", $"1 to {MostCategories} categories, each id once, none empty", "leave it out for the usual ones");
        if (Severities is { } steps && (steps.Count > MostCategories || steps.Any(string.IsNullOrWhiteSpace) || steps.Distinct(StringComparer.Ordinal).Count() < steps.Count))
            yield return Problem.Of("spans.severities", $"is [{string.Join(", ", steps)}]", $"at most {MostCategories} names, each once, none empty", "[] asks for none");
    }
}
