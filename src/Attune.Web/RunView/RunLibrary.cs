using Attune.Runs;
using Attune.Updates;

namespace Attune.Web.RunView;

/// <summary>A run folder below the one that is served.</summary>
/// <param name="Name">Its path below that folder, with '/'.</param>
/// <param name="Folder">Where it is.</param>
/// <param name="Changed">When its metrics or its result were last written.</param>
/// <param name="IsFinished">Whether it has a result.</param>
/// <param name="HasRollouts">Whether it recorded answers token by token.</param>
public sealed record RunEntry(string Name, string Folder, DateTimeOffset Changed, bool IsFinished, bool HasRollouts);

/// <summary>
/// The run folders below one folder. A name that somebody asks for is compared with those that are found, and never becomes a path; links are not followed, so
/// nothing outside can be read through it.
/// </summary>
public sealed class RunLibrary(WebOptions options)
{
    private const int Deepest = 4, MostFolders = 5_000, MostRuns = 500;
    private const long LargestFile = 64 << 20;

    /// <summary>Whether there is such a folder.</summary>
    public bool IsOpen => options.Runs is not null;

    /// <summary>All runs, by name: folders with a recipe, metrics or a result.</summary>
    public IReadOnlyList<RunEntry> List()
    {
        if (options.Runs is null || !Directory.Exists(options.Runs))
            return [];
        var root = Path.GetFullPath(options.Runs);
        var found = new List<RunEntry>();
        var open = new Queue<(DirectoryInfo Folder, int Depth)>([(new DirectoryInfo(root), 0)]);
        for (var seen = 0; open.TryDequeue(out var next) && seen < MostFolders && found.Count < MostRuns; seen++)
        {
            if (Entry(root, next.Folder) is { } run)
                found.Add(run);
            if (next.Depth == Deepest)
                continue;
            foreach (var below in Below(next.Folder))
                open.Enqueue((below, next.Depth + 1));
        }
        return [.. found.OrderBy(run => run.Name, StringComparer.Ordinal)];
    }

    /// <summary>A run by its name; null where there is none.</summary>
    public RunEntry? Find(string? name) => List().FirstOrDefault(run => run.Name == name);

    /// <summary>Its metrics; empty where there are none.</summary>
    /// <exception cref="InputException">A line is none of metrics.</exception>
    public static IReadOnlyList<MetricsRow> Metrics(RunEntry run) => OwnFile(Run.MetricsPath(run.Folder)) is { } file ? MetricsLog.Read(file) : [];

    /// <summary>Its result as it stands in the file; null where there is none.</summary>
    public static string? Result(RunEntry run) => OwnFile(Path.Combine(run.Folder, ResultFile.Name)) is { } file ? File.ReadAllText(file) : null;

    /// <summary>The recorded steps.</summary>
    public static IReadOnlyList<int> Steps(RunEntry run) => IsOwn(new DirectoryInfo(Path.Combine(run.Folder, RolloutRecords.FolderName))) ? RolloutRecords.Steps(run.Folder) : [];

    /// <summary>The record of a step; empty where there is none.</summary>
    /// <exception cref="InputException">A line is no record.</exception>
    public static IReadOnlyList<RolloutRecord> Rollouts(RunEntry run, int step) =>
        Steps(run).Contains(step) && OwnFile(RolloutRecords.PathOf(run.Folder, step)) is not null ? RolloutRecords.Read(run.Folder, step) : [];

    /// <summary>What changes when the run writes something.</summary>
    public static string Stamp(RunEntry run)
    {
        var metrics = new FileInfo(Run.MetricsPath(run.Folder));
        return $"{(metrics.Exists ? metrics.Length : 0)}.{run.Changed.UtcTicks}.{(run.IsFinished ? 1 : 0)}.{Steps(run).Count}";
    }

    private static RunEntry? Entry(string root, DirectoryInfo folder)
    {
        var files = new[] { "recipe.yaml", "metrics.jsonl", ResultFile.Name }.Select(name => new FileInfo(Path.Combine(folder.FullName, name))).Where(file => file.Exists && IsOwn(file)).ToList();
        if (files.Count == 0)
            return null;
        var name = Path.GetRelativePath(root, folder.FullName).Replace(Path.DirectorySeparatorChar, '/');
        return new(name, folder.FullName, files.Max(file => new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero)), files.Any(file => file.Name == ResultFile.Name),
            Directory.Exists(Path.Combine(folder.FullName, RolloutRecords.FolderName)));
    }

    private static IEnumerable<DirectoryInfo> Below(DirectoryInfo folder)
    {
        try
        {
            return [.. folder.EnumerateDirectories().Where(below => IsOwn(below) && below.Name[0] != '.' && below.Name is not ("checkpoints" or RolloutRecords.FolderName or "model")).OrderBy(below => below.Name, StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // gone meanwhile, or not for this program
        }
    }

    private static string? OwnFile(string path) => new FileInfo(path) is { Exists: true, Length: <= LargestFile } file && IsOwn(file) ? path : null;

    private static bool IsOwn(FileSystemInfo place) => place.Exists && place.LinkTarget is null;
}
