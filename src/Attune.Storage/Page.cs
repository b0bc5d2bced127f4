namespace Attune.Storage;

/// <summary>A part of a long list, in the order of identifiers, which is that of time.</summary>
/// <param name="Items">What is on the page.</param>
/// <param name="Next">What to ask for to go on; null at the end.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>Which part of a list.</summary>
public sealed record PageRequest
{
    /// <summary>The most that a page holds.</summary>
    public const int Largest = 200;

    /// <summary><see cref="Page{T}.Next"/> of the page before; null for the first.</summary>
    public string? After { get; init; }

    /// <summary>How many, from 1 to <see cref="Largest"/>; outside of that the nearest.</summary>
    public int Size { get; init; } = 50;

    internal string From => After ?? "";

    internal int Limit => Math.Clamp(Size, 1, Largest);

    /// <summary>A page out of rows of which one more was asked for than fit.</summary>
    internal Page<T> Of<T>(IReadOnlyList<T> rows, Func<T, string> id) =>
        rows.Count > Limit ? new(rows.Take(Limit).ToList(), id(rows[Limit - 1])) : new(rows, null);
}
