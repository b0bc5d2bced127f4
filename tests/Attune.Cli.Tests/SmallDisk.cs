using System.Diagnostics;

namespace Attune.Cli.Tests;

/// <summary>A disk of a few KiB, which only root may mount. Unmounted when disposed.</summary>
internal sealed class SmallDisk : IDisposable
{
    public SmallDisk(string size)
    {
        Folder = Directory.CreateTempSubdirectory("attune-disk-").FullName;
        if (Outcome("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", Folder).ExitCode != 0)
            throw new InvalidOperationException($"{Folder} could not be mounted.");
    }

    public string Folder { get; }

    public static string? WhyNot { get; } = Environment.UserName != "root" ? "only root may mount a file system" : Try();

    public void Dispose()
    {
        Outcome("umount", Folder);
        Directory.Delete(Folder);
    }

    public static (int ExitCode, string Result, string Log) Outcome(string program, params string[] args)
    {
        using var process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var log = process.StandardError.ReadToEndAsync();
        var result = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, result, log.GetAwaiter().GetResult());
    }

    private static string? Try()
    {
        try
        {
            new SmallDisk("64k").Dispose();
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return "this machine does not let root mount a tmpfs";
        }
    }
}

[AttributeUsage(AttributeTargets.Method)]
internal sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute() => Skip = SmallDisk.WhyNot;
}

[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnprivilegedFactAttribute : FactAttribute
{
    public UnprivilegedFactAttribute() =>
        Skip = Environment.UserName == "root" && File.Exists("/usr/bin/setpriv") ? null : "only root may become another user, with setpriv";
}

[AttributeUsage(AttributeTargets.Method)]
internal sealed class SmallDiskTheoryAttribute : TheoryAttribute
{
    public SmallDiskTheoryAttribute() => Skip = SmallDisk.WhyNot;
}
