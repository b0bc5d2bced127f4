namespace Attune.Runs;

/// <summary>
/// Files that are there whole or not at all: written beside their place under a temporary name, flushed to the disk, then renamed.
/// A reader, and a process killed at any moment, sees the old content or the new. Not here: flushing the folder's own entry; a power cut may
/// bring back the older file, never half of one.
/// </summary>
public static class AtomicFile
{
    private const string TemporaryMark = ".attune-tmp-";
    private static int _written;

    /// <summary>Writes a file through a stream. Creates its folder if need be.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="write">Writes the content. What it throws leaves the old file in place.</param>
    /// <exception cref="RunFailedException">The disk is full, the place may not be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string? temporary = null;
        try
        {
            Directory.CreateDirectory(FolderOf(path));
            temporary = TemporaryFor(path);
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e)
        {
            Discard(temporary);
            if (WriteFailure.Is(e))
                throw WriteFailure.WhileRunning(path, e);
            throw;
        }
    }

    /// <summary>Writes text as UTF-8 without a byte-order mark.</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Fails, before work starts, where a folder cannot be made or written. Leaves nothing behind: what comes after it may fail too.</summary>
    /// <exception cref="InputException">It cannot; the message says why.</exception>
    public static void RequireWritable(string folder)
    {
        string? probe = null;
        var made = FirstMissing(folder);
        try
        {
            Directory.CreateDirectory(folder);
            probe = TemporaryFor(Path.Combine(folder, "probe"));
            File.WriteAllBytes(probe, new byte[512]); // some file systems are full only for content
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            throw WriteFailure.BeforeStarting(folder, e);
        }
        finally
        {
            Discard(probe);
            DiscardEmpty(folder, made);
        }
    }

    /// <summary>The outermost folder of a path that is not there yet; null where all are.</summary>
    internal static string? FirstMissing(string folder)
    {
        string? missing = null;
        for (var at = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)); at is not null && !Path.Exists(at); at = Path.GetDirectoryName(at))
            missing = at;
        return missing;
    }

    /// <summary>Removes a folder and those above it, up to one, as far as they are empty; nothing where that one is null.</summary>
    internal static void DiscardEmpty(string folder, string? upTo)
    {
        try
        {
            for (var at = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)); upTo is not null && at is not null && at.Length >= upTo.Length; at = Path.GetDirectoryName(at))
            {
                if (Directory.Exists(at))
                    Directory.Delete(at); // fails where something is in it: another process may have begun there
            }
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            // it may stay
        }
    }

    internal static string TemporaryFor(string path) =>
        Path.Combine(FolderOf(path), $".{Path.GetFileName(path)}{TemporaryMark}{Environment.ProcessId}-{Interlocked.Increment(ref _written)}");

    /// <summary>Removes what a killed process left behind in a folder that no other process uses.</summary>
    internal static void Sweep(string folder)
    {
        if (!Directory.Exists(folder))
            return;
        foreach (var left in Directory.GetFileSystemEntries(folder, $".*{TemporaryMark}*"))
            Discard(left);
    }

    internal static void Discard(string? path)
    {
        try
        {
            if (Directory.Exists(path))
                Directory.Delete(path, recursive: true);
            else if (path is not null)
                File.Delete(path);
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            // what made the write fail may forbid this too; the first failure is the one to tell
        }
    }

    private static string FolderOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path)) ?? path;
}
