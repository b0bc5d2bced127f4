namespace Attune.Runs;

/// <summary>What the system says when a file cannot be read or a folder cannot be listed, in words a user can act on.</summary>
internal static class ReadFailure
{
    /// <summary>Reads to the end: what is listed or read only later is not told of.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="read">Reads it.</param>
    /// <exception cref="InputException">The system refuses.</exception>
    public static T Told<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (UnauthorizedAccessException)
        {
            throw InputException.One(path, $"cannot be opened: user {Environment.UserName} may not read it", "a file or folder that this user may read", "change its permissions or name another");
        }
        catch (IOException e)
        {
            throw InputException.One(path, $"cannot be read ({e.Message.TrimEnd('.')})", "a file or folder that can be read", "check the disk, or name another");
        }
    }

    /// <summary>Whether a folder is there and has anything in it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="counts">Whether something of a name counts; null for all of it.</param>
    /// <exception cref="InputException">It may not be listed.</exception>
    public static bool HoldsAny(string folder, Func<string, bool>? counts = null) =>
        Directory.Exists(folder) && Told(folder, () => Directory.EnumerateFileSystemEntries(folder).Any(entry => counts is null || counts(Path.GetFileName(entry))));
}
