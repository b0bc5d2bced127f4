using System.Globalization;

namespace Attune.Runs;

/// <summary>
/// Memory that this process may still take: what the machine has free, or what its container (cgroup v1 or v2) leaves, whichever is less.
/// Page cache counts as free, swap does not. Not here: the memory of graphics cards (<see cref="For"/>).
/// </summary>
/// <param name="Available">Bytes that can be taken now.</param>
/// <param name="Limit">Bytes the process may have in all: the machine's memory or the container's limit.</param>
public sealed record MemoryBudget(long Available, long Limit)
{
    /// <summary>The budget now.</summary>
    public static MemoryBudget Now() => Read("/");

    /// <summary>
    /// What computing somewhere may take. libtorch's dispatcher tells nothing of a graphics card's memory: there nothing is refused, and it is said.
    /// </summary>
    /// <param name="device">Where.</param>
    /// <param name="progress">Takes the note.</param>
    public static MemoryBudget For(Torch.Device device, IProgressSink progress)
    {
        if (device.Kind == Torch.DeviceKind.Cpu)
            return Now();
        progress.Warn($"whether it fits into the memory of {device} is not checked, as libtorch does not tell its size; where it runs out, lower the micro-batch or take a smaller model");
        return new(long.MaxValue, long.MaxValue);
    }

    /// <summary>A problem when a recipe needs more than there is; null when it fits.</summary>
    /// <param name="key">What needs it: a recipe key or its file.</param>
    /// <param name="bytes">The estimate.</param>
    /// <param name="fix">What to make smaller: "lower ppo.microBatch (now 16)".</param>
    public Problem? Check(string key, long bytes, string fix) =>
        bytes <= Available ? null : Problem.Of(key, $"needs about {ByteCount.Text(bytes)} of memory", $"at most the {ByteCount.Text(Available)} available", fix);

    /// <summary>The budget as the files under another root tell it.</summary>
    internal static MemoryBudget Read(string root)
    {
        var files = new ProcFiles(root);
        if (files.MemInfo() is not { } machine)
        {
            var info = GC.GetGCMemoryInfo();
            return new(Math.Max(0, info.TotalAvailableMemoryBytes - info.MemoryLoadBytes), info.TotalAvailableMemoryBytes);
        }
        return files.Containers().Aggregate(machine, (least, c) => new(Math.Min(least.Available, c.Available), Math.Min(least.Limit, c.Limit)));
    }

    private sealed class ProcFiles(string root)
    {
        public MemoryBudget? MemInfo()
        {
            var values = Table("proc/meminfo");
            return values.TryGetValue("MemAvailable:", out var available) && values.TryGetValue("MemTotal:", out var total)
                ? new(available * 1024, total * 1024) // the file counts in kB, which are KiB
                : null;
        }

        /// <summary>Every cgroup above this process that has a limit.</summary>
        public IEnumerable<MemoryBudget> Containers()
        {
            foreach (var line in Lines("proc/self/cgroup"))
            {
                var parts = line.Split(':', 3);
                if (parts.Length < 3)
                    continue;
                var isV2 = parts[1].Length == 0;
                if (!isV2 && !parts[1].Split(',').Contains("memory"))
                    continue;
                // inside a container the path is often the host's, and only the mount's own root is there
                for (var group = parts[2].Trim('/'); ; group = Path.GetDirectoryName(group) ?? "")
                {
                    if ((isV2 ? V2(group) : V1(group)) is { } budget)
                        yield return budget;
                    if (group.Length == 0)
                        break;
                }
            }
        }

        private MemoryBudget? V2(string group) =>
            Budget(Path.Combine("sys/fs/cgroup", group), "memory.max", "memory.current", "inactive_file");

        private MemoryBudget? V1(string group) =>
            Budget(Path.Combine("sys/fs/cgroup/memory", group), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");

        private MemoryBudget? Budget(string folder, string limitFile, string usageFile, string cacheKey)
        {
            if (Number(Path.Combine(folder, limitFile)) is not { } limit || limit >= long.MaxValue / 2)
                return null; // "max", or v1's number near 2^63
            var used = Number(Path.Combine(folder, usageFile)) ?? 0;
            var cache = Table(Path.Combine(folder, "memory.stat")).GetValueOrDefault(cacheKey);
            return new(Math.Clamp(limit - used + cache, 0, limit), limit);
        }

        private long? Number(string path) =>
            long.TryParse(Lines(path).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

        private Dictionary<string, long> Table(string path)
        {
            var values = new Dictionary<string, long>();
            foreach (var line in Lines(path))
            {
                var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (parts.Length >= 2 && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
                    values[parts[0]] = value;
            }
            return values;
        }

        private string[] Lines(string path)
        {
            try
            {
                return File.ReadAllLines(Path.Combine(root, path));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return [];
            }
        }
    }
}
