namespace Attune.Runs;

/// <summary>What the system says when a file cannot be written, in words a user can act on.</summary>
internal static class WriteFailure
{
    private const int NoSpace = 28, ReadOnly = 30, Quota = 122; // ENOSPC, EROFS, EDQUOT on Linux
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    public static bool Is(Exception e) => e is IOException or UnauthorizedAccessException;

    /// <summary>The failed write that an exception is or tells of; null where it is about something else.</summary>
    public static Exception? In(Exception e) =>
        Is(e) ? e : e is RunFailedException { InnerException: { } cause } && Is(cause) ? cause : null;

    /// <summary>The failure of a run that had started: exit code 1.</summary>
    public static RunFailedException WhileRunning(string path, Exception e)
    {
        var (found, expected, fix) = Explain(path, e);
        return new($"{path} could not be written: {found}, expected {expected}; {fix}", e);
    }

    /// <summary>The same before anything has started: exit code 2.</summary>
    public static InputException BeforeStarting(string path, Exception e)
    {
        var (found, expected, fix) = Explain(path, e);
        return InputException.One(path, $"cannot be written: {found}", expected, fix);
    }

    private static (string Found, string Expected, string Fix) Explain(string path, Exception e) => e switch
    {
        UnauthorizedAccessException => (
            $"user {Environment.UserName} may not write there", "a place that this user may write", "choose another --out or change its permissions"),
        { HResult: NoSpace or WindowsDiskFull } => ($"the disk is full ({Free(path)} free)", "more free space", "free some or choose another --out"),
        { HResult: Quota } => ("the disk quota is used up", "more free space", "free some or choose another --out"),
        { HResult: ReadOnly } => ("the file system is read-only", "one that can be written", "choose another --out"),
        _ => (e.Message.TrimEnd('.'), "a file that can be written", "see to that or choose another --out"),
    };

    private static string Free(string path)
    {
        try
        {
            return ByteCount.Text(DiskSpace.Free(path));
        }
        catch (Exception e) when (Is(e) || e is ArgumentException)
        {
            return "nothing";
        }
    }
}
