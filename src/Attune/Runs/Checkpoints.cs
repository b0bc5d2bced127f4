using System.Globalization;

namespace Attune.Runs;

/// <summary>A whole checkpoint of a run.</summary>
/// <param name="Step">Steps done when it was taken, which is also the number of the next step.</param>
/// <param name="Folder">Where its files are.</param>
public sealed record Checkpoint(int Step, string Folder);

/// <summary>The <c>checkpoints/</c> of a run folder: <c>step-000123</c> holds everything after 123 steps. A folder with that name is whole.</summary>
public sealed class Checkpoints
{
    private const string Prefix = "step-";
    private readonly string _folder;
    private readonly RunSettings _settings;

    internal Checkpoints(string runFolder, RunSettings settings)
    {
        _folder = Path.Combine(runFolder, "checkpoints");
        _settings = settings;
    }

    /// <summary>The checkpoints of a run folder, oldest first; none if there is no such folder.</summary>
    public static IReadOnlyList<Checkpoint> Of(string runFolder)
    {
        var folder = Path.Combine(runFolder, "checkpoints");
        if (!Directory.Exists(folder))
            return [];
        return [.. Directory.EnumerateDirectories(folder, Prefix + "*").Select(Parse).OfType<Checkpoint>().OrderBy(c => c.Step)];
    }

    /// <summary>The newest checkpoint of a run folder, or null.</summary>
    public static Checkpoint? Latest(string runFolder) => Of(runFolder) is [.., var newest] ? newest : null;

    internal bool IsDue(int done) => _settings.CheckpointEvery > 0 && done % _settings.CheckpointEvery == 0;

    internal void Save(int done, Action<string> fill)
    {
        var path = Path.Combine(_folder, Prefix + done.ToString("000000", CultureInfo.InvariantCulture));
        if (Directory.Exists(path))
            return; // equal by construction: a step's state does not depend on when it is saved
        AtomicFolder.Write(path, fill);
    }

    /// <summary>Deletes what the settings do not keep.</summary>
    internal void Prune()
    {
        var all = Of(Path.GetDirectoryName(_folder)!);
        foreach (var old in all.SkipLast(_settings.KeepLast).Where(c => _settings.KeepEvery == 0 || c.Step % _settings.KeepEvery != 0))
            AtomicFile.Discard(old.Folder);
    }

    private static Checkpoint? Parse(string folder) =>
        int.TryParse(Path.GetFileName(folder).AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            ? new(step, folder)
            : null;
}
