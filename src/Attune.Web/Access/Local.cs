namespace Attune.Web.Access;

/// <summary>Where to go on after signing in: a page of this site and nowhere else.</summary>
public static class Local
{
    /// <summary>The path if it is one of ours, else the first page.</summary>
    public static string Path(string? path) => path is ['/', not ('/' or '\\'), ..] ? path : "/";
}
