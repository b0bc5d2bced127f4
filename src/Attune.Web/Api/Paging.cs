using Attune.Storage;

namespace Attune.Web.Api;

/// <summary>Which part of a list a request asks for.</summary>
/// <param name="After">The <c>next</c> of the page before; nothing for the first.</param>
/// <param name="Size">How many, from 1 to 200; 50 where it is left out.</param>
internal sealed record Paging(string? After = null, int? Size = null)
{
    public PageRequest Request => new() { After = After, Size = Size ?? new PageRequest().Size };
}

/// <summary>Pages of other things.</summary>
internal static class PageItems
{
    /// <summary>The page with each of its items turned into something else.</summary>
    public static Page<TTo> Select<TFrom, TTo>(this Page<TFrom> page, Func<TFrom, TTo> turn) => new([.. page.Items.Select(turn)], page.Next);
}
