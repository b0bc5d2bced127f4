using Attune.Runs;

namespace Attune.Models;

/// <summary>Writes a model folder beside its final place and moves it there when it is whole.</summary>
internal static class FolderReplacement
{
    public static void Write(string path, Action<string> write)
    {
        var final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        RefuseOther(path, final);
        var partial = final + ".partial";
        try
        {
            Remove(partial); // what a killed process left
            Directory.CreateDirectory(partial);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw InputException.One(path, $"cannot be written ({e.Message.TrimEnd('.')})", "a folder that may be written", "choose another place, or correct its permissions");
        }

        try
        {
            write(partial);
            Replace(partial, final);
        }
        catch (Exception e)
        {
            Remove(partial);
            if (e is not (IOException or UnauthorizedAccessException))
                throw;
            throw new RunFailedException($"{path} could not be written ({e.Message.TrimEnd('.')}), expected room and the right to write; make room and write again", e);
        }
    }

    /// <summary>Only an empty folder or an older model may be replaced: a mistyped path must not cost somebody's files.</summary>
    private static void RefuseOther(string path, string final)
    {
        if (File.Exists(final))
            throw InputException.One(path, "is a file", "a folder, or nothing yet", "choose another place");
        if (Directory.Exists(final) && !File.Exists(Path.Combine(final, HuggingFaceFolder.ConfigName)) && Directory.EnumerateFileSystemEntries(final).Any())
            throw InputException.One(path, "holds files and is no model folder", "an older model, an empty folder or nothing", "choose another place");
    }

    private static void Replace(string partial, string final)
    {
        if (!Directory.Exists(final))
        {
            Directory.Move(partial, final);
            return;
        }

        var old = final + ".old";
        Remove(old);
        Directory.Move(final, old);
        try
        {
            Directory.Move(partial, final);
        }
        catch
        {
            Directory.Move(old, final);
            throw;
        }

        Remove(old);
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }
}
