namespace Attune.Web.Api;

/// <summary>A word of a query for a member of an enumeration, in whatever case; others are refused.</summary>
internal readonly record struct Word<T>(T Member)
    where T : struct, Enum
{
    public static bool TryParse(string? text, out Word<T> word)
    {
        var isName = Enum.TryParse<T>(text, ignoreCase: true, out var member) && Enum.IsDefined(member) && !int.TryParse(text, out _);
        word = new(member);
        return isName;
    }
}
