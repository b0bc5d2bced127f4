using System.Globalization;
using System.Runtime.InteropServices;

namespace Attune.Benchmarks;

/// <summary>Which machine this is, and the most memory that this process held.</summary>
internal static class Machine
{
    public static string Name
    {
        get
        {
            var model = File.Exists("/proc/cpuinfo")
                ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim()
                : null;
            return $"{model ?? RuntimeInformation.ProcessArchitecture.ToString()}, {Environment.ProcessorCount} cores";
        }
    }

    /// <summary>Such that a file can be named so.</summary>
    public static string FileName => new([.. Name.ToLowerInvariant().Replace(", ", "-", StringComparison.Ordinal).Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')]);

    /// <summary>Runnable processes a minute: above 0 before the start, something else is at work.</summary>
    public static string Load => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";

    /// <summary>Forgets the peak so far; false where the system cannot.</summary>
    public static bool ForgetPeak()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Most resident memory since <see cref="ForgetPeak"/>, in MB; null where the system does not tell.</summary>
    public static double? PeakMegabytes => File.Exists("/proc/self/status")
        && File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("VmHWM", StringComparison.Ordinal)) is { } line
        ? double.Parse(line.Split(':')[1].Trim().Split(' ')[0], CultureInfo.InvariantCulture) * 1024 / 1e6
        : null;
}
