namespace Attune.Runs;

/// <summary>Folders that are there whole or not at all, for checkpoints and models: filled under a temporary name, flushed, then renamed.</summary>
public static class AtomicFolder
{
    /// <summary>Fills a folder. An existing one is replaced as a whole.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="fill">Writes the files into the folder it is given. What it throws leaves the old folder in place.</param>
    /// <exception cref="RunFailedException">The disk is full, the place may not be written.</exception>
    public static void Write(string path, Action<string> fill)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        var temporary = AtomicFile.TemporaryFor(target);
        try
        {
            Directory.CreateDirectory(temporary);
            fill(temporary);
            foreach (var file in Directory.EnumerateFiles(temporary, "*", SearchOption.AllDirectories))
                Flush(file);
            Replace(temporary, target);
        }
        catch (Exception e)
        {
            AtomicFile.Discard(temporary);
            if (WriteFailure.Is(e))
                throw WriteFailure.WhileRunning(path, e);
            throw;
        }
    }

    /// <summary>Adds files to a folder that may hold others, or makes it: all are written, beside their places, before the first is moved there.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="fill">Writes the files, by names that replace those of the folder, into the folder it is given. What it throws leaves all as it was.</param>
    /// <exception cref="RunFailedException">The disk is full, the place may not be written.</exception>
    public static void Add(string path, Action<string> fill)
    {
        if (!Directory.Exists(path))
        {
            Write(path, fill);
            return;
        }
        var temporary = AtomicFile.TemporaryFor(Path.Combine(path, "added"));
        try
        {
            Directory.CreateDirectory(temporary);
            fill(temporary);
            var files = Directory.GetFiles(temporary, "*", SearchOption.AllDirectories);
            Array.ForEach(files, Flush);
            foreach (var file in files)
            {
                var target = Path.Combine(path, Path.GetRelativePath(temporary, file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Move(file, target, overwrite: true);
            }
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            throw WriteFailure.WhileRunning(path, e);
        }
        finally
        {
            AtomicFile.Discard(temporary);
        }
    }

    private static void Replace(string temporary, string target)
    {
        if (!Directory.Exists(target))
        {
            Directory.Move(temporary, target);
            return;
        }
        var old = AtomicFile.TemporaryFor(target);
        Directory.Move(target, old);
        try
        {
            Directory.Move(temporary, target);
        }
        catch
        {
            Directory.Move(old, target);
            throw;
        }
        AtomicFile.Discard(old);
    }

    private static void Flush(string file)
    {
        using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(handle);
    }
}
