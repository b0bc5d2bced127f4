namespace Attune.Runs;

/// <summary>Free room where files are to be written.</summary>
public static class DiskSpace
{
    /// <summary>Bytes this user may still write at a path, which need not exist yet: its nearest existing parent counts.</summary>
    public static long Free(string path)
    {
        var folder = Path.GetFullPath(path);
        while (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } parent)
            folder = parent;
        return new DriveInfo(folder).AvailableFreeSpace;
    }

    /// <summary>A problem when less is free than needed; null when there is room.</summary>
    /// <param name="path">Where the files will go.</param>
    /// <param name="bytes">How much they will take.</param>
    /// <param name="what">What takes it: "3 checkpoints".</param>
    public static Problem? Check(string path, long bytes, string what)
    {
        var free = Free(path);
        return free >= bytes ? null
            : Problem.Of(path, $"has {ByteCount.Text(free)} free", $"{ByteCount.Text(bytes)} for {what}", "free some or choose another --out");
    }
}
