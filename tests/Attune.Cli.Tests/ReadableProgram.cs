namespace Attune.Cli.Tests;

/// <summary>A copy of the program and its bridge that every user may read, to be run as one who may write nothing.</summary>
internal sealed class ReadableProgram : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("attune-program-").FullName;

    public ReadableProgram()
    {
        SmallDisk.Outcome("cp", "-R", AppContext.BaseDirectory, Path.Combine(_folder, "program"));
        if (Environment.GetEnvironmentVariable("ATTUNE_BRIDGE") is { } bridge)
            SmallDisk.Outcome("cp", bridge, Path.Combine(_folder, "libattune_torch.so"));
        SmallDisk.Outcome("chmod", "-R", "a+rX", _folder);
    }

    public (int ExitCode, string Result, string Log) AsNobody(string home, params string[] line) => SmallDisk.Outcome("setpriv",
    [
        "--reuid=65534", "--regid=65534", "--clear-groups", "env", $"ATTUNE_BRIDGE={Path.Combine(_folder, "libattune_torch.so")}", $"ATTUNE_HOME={home}",
        "dotnet", Path.Combine(_folder, "program", "Attune.Cli.dll"), .. line,
    ]);

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
