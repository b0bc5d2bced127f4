using System.Runtime.InteropServices;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Loop;

/// <summary>What <c>attune doctor</c> says of a machine: what is there, what is doubtful, what is missing.</summary>
public sealed record MachineReport
{
    private const long LittleMemory = 3L << 30, LittleDisk = 1L << 30;

    /// <summary>Version of .NET.</summary>
    public string DotNet { get; init; } = "";

    /// <summary>Operating system and processor kind.</summary>
    public string System { get; init; } = "";

    /// <summary>Version of libtorch; null where it does not load.</summary>
    public string? Libtorch { get; init; }

    /// <summary>Where libtorch was loaded from; null where the system does not tell.</summary>
    public string? LibtorchFile { get; init; }

    /// <summary>The library for matrix products: its file, or what libtorch says of its build.</summary>
    public string? Blas { get; init; }

    /// <summary>Processor cores.</summary>
    public int Cores { get; init; }

    /// <summary>Threads of an operator where a recipe says nothing: one a core.</summary>
    public int Threads { get; init; }

    /// <summary>Usable CUDA devices.</summary>
    public int CudaDevices { get; init; }

    /// <summary>Whose batched matrix products run; null where libtorch does not load.</summary>
    public string? BatchedProducts { get; init; }

    /// <summary>Memory that may be taken now, bytes.</summary>
    public long MemoryAvailable { get; init; }

    /// <summary>Memory of the machine or its container, bytes.</summary>
    public long MemoryLimit { get; init; }

    /// <summary>Free room on the disk of the current folder, bytes.</summary>
    public long DiskFree { get; init; }

    /// <summary>The folder of the files that come with Attune; null where they were not found.</summary>
    public string? Files { get; init; }

    /// <summary>What works, but not as well as it could.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>What does not work, and what to do.</summary>
    public IReadOnlyList<Problem> Problems { get; init; } = [];

    /// <summary>Looks at this machine.</summary>
    public static MachineReport Of() => Of(MemoryBudget.Now(), DiskSpace.Free("."));

    internal static MachineReport Of(MemoryBudget memory, long diskFree)
    {
        var problems = new InputProblems("This machine");
        var report = new MachineReport
        {
            DotNet = RuntimeInformation.FrameworkDescription,
            System = $"{RuntimeInformation.OSDescription} ({RuntimeInformation.OSArchitecture})",
            Cores = Environment.ProcessorCount,
            MemoryAvailable = memory.Available,
            MemoryLimit = memory.Limit,
            DiskFree = diskFree,
        };
        report = WithLibtorch(report, problems);
        if (problems.Try(ShippedFiles.Find) is { } files)
        {
            report = report with { Files = files.Root };
            foreach (var problem in files.Check())
                problems.Add(problem);
        }
        return report with { Problems = problems.All, Warnings = [.. Doubts(report)] };
    }

    private static MachineReport WithLibtorch(MachineReport report, InputProblems problems)
    {
        try
        {
            var version = TorchRuntime.Version; // the first call loads it
            var loaded = LoadedLibraries();
            return report with
            {
                Libtorch = version,
                LibtorchFile = loaded.FirstOrDefault(file => Path.GetFileName(file).StartsWith("libtorch_cpu", StringComparison.Ordinal)),
                Blas = BlasOf(loaded) ?? BuiltInBlas(TorchRuntime.Configuration),
                Threads = Environment.ProcessorCount,
                CudaDevices = TorchRuntime.CudaDevices,
                BatchedProducts = TorchRuntime.SharesProducts ? "the bridge's: each thread takes whole matrices of a batch, or a part of a large one" : "libtorch's own",
            };
        }
        catch (TorchUnavailableException e)
        {
            problems.Add(Problem.Of("libtorch", $"cannot be used: {e.Message.TrimEnd('.')}", "libtorch and the bridge to it", "start Attune through ./attune, which finds or installs both"));
            return report;
        }
    }

    private static IEnumerable<string> Doubts(MachineReport report)
    {
        if (report.Blas is { } blas && Path.GetFileName(blas).StartsWith("libblas", StringComparison.Ordinal))
            yield return $"matrix products run through {blas}, the slow reference library: install libopenblas0-openmp, expect training to be several times faster";
        else if (report.Blas is { } threaded && threaded.Contains("openblas-pthread", StringComparison.Ordinal))
            yield return $"matrix products run through {threaded}, whose threads compete with libtorch's: install libopenblas0-openmp";
        if (report.MemoryAvailable < LittleMemory)
            yield return $"{ByteCount.Text(report.MemoryAvailable)} of memory are available, and the quick start takes up to {ByteCount.Text(LittleMemory)}: end other programs";
        if (report.DiskFree < LittleDisk)
            yield return $"{ByteCount.Text(report.DiskFree)} are free on this disk; runs with checkpoints need some more: free some, or write to another disk";
    }

    /// <summary>Files of the libraries in this process; none where the system does not tell.</summary>
    private static string[] LoadedLibraries()
    {
        const string Maps = "/proc/self/maps";
        return !File.Exists(Maps) ? []
            : [.. File.ReadLines(Maps).Select(line => line[Math.Max(0, line.IndexOf('/'))..]).Where(line => line.StartsWith('/') && line.Contains(".so")).Distinct()];
    }

    private static string? BlasOf(string[] libraries)
    {
        string[] known = ["libmkl_", "libopenblas", "libblis", "libblas", "libcblas"]; // a real one before the thin libraries that lead to it
        return known.Select(name => Array.Find(libraries, file => Path.GetFileName(file).StartsWith(name, StringComparison.Ordinal))).FirstOrDefault(file => file is not null);
    }

    /// <summary>libtorch of PyTorch's wheels has its BLAS inside; the description of its build names it.</summary>
    private static string? BuiltInBlas(string configuration)
    {
        const string Key = "BLAS_INFO=";
        var at = configuration.IndexOf(Key, StringComparison.Ordinal);
        return at < 0 ? null : configuration[(at + Key.Length)..].Split(',', '\n')[0].Trim() + ", built into libtorch";
    }
}
