using Attune.Runs;

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

    /// <summary>A page of a list that is at hand as a whole.</summary>
    /// <param name="all">The list, in an order that it keeps.</param>
    /// <param name="id">What names one of it, and none beside.</param>
    /// <exception cref="InputException"><see cref="After"/> names nothing of the list.</exception>
    public Page<T> Part<T>(IReadOnlyList<T> all, Func<T, string> id)
    {
        ArgumentNullException.ThrowIfNull(all);
        var before = string.IsNullOrEmpty(After) ? 0 : 1 + all.Select(id).TakeWhile(one => one != After).Count();
        return before <= all.Count ? Of([.. all.Skip(before).Take(Limit + 1)], id)
            : throw InputException.One("after", $"is {After}, which this list does not have", "the next of the page before", "begin again without it");
    }

    /// <summary>A page out of rows of which one more was asked for than fit.</summary>
    internal Page<T> Of<T>(IReadOnlyList<T> rows, Func<T, string> id) =>
        rows.Count > Limit ? new(rows.Take(Limit).ToList(), id(rows[Limit - 1])) : new(rows, null);
}
