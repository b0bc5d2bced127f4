using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Attune.Torch.Native;

/// <summary>Finds and opens the compiled bridge; the launcher builds it and names it in <c>ATTUNE_BRIDGE</c>.</summary>
internal static unsafe class BridgeLibrary
{
    private const string FileName = "libattune_torch.so";
    private const string Fix = "start Attune through ./attune, which finds libtorch and builds the bridge to it";

#pragma warning disable CA2255 // The resolver must stand before the first import of this assembly, wherever that happens.
    [ModuleInitializer]
    internal static void Register() => NativeLibrary.SetDllImportResolver(typeof(BridgeLibrary).Assembly, Resolve);
#pragma warning restore CA2255

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != NativeMethods.Library)
            return 0;
        // Deterministic matrix products on CUDA need this before the library starts (cuBLAS reads it once).
        if (Environment.GetEnvironmentVariable("CUBLAS_WORKSPACE_CONFIG") is null)
            Environment.SetEnvironmentVariable("CUBLAS_WORKSPACE_CONFIG", ":4096:8");
        foreach (var candidate in Candidates())
        {
            if (!File.Exists(candidate))
                continue;
            try
            {
                var library = NativeLibrary.Load(candidate);
                // From the first operator on: without it the backward of indexing differs from run to run.
                ((delegate* unmanaged<int, int>)NativeLibrary.GetExport(library, "attune_set_deterministic"))(1);
                return library;
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
            {
                var reason = e.Message.ReplaceLineEndings(" ").Trim().TrimEnd('.');
                throw new TorchUnavailableException($"{candidate} cannot be loaded ({reason}), expected the bridge to this machine's libtorch; {Fix}", e);
            }
        }

        var found = Named is { } named ? $"ATTUNE_BRIDGE is {named}, which is no file" : $"{FileName} is not beside the program, and ATTUNE_BRIDGE is not set";
        throw new TorchUnavailableException($"{found}, expected the bridge to libtorch, {FileName}; {Fix}", null);
    }

    private static string? Named => Environment.GetEnvironmentVariable("ATTUNE_BRIDGE") is { Length: > 0 } named ? named : null;

    private static IEnumerable<string> Candidates()
    {
        if (Named is { } named)
        {
            yield return named;
            yield break;
        }

        yield return Path.Combine(AppContext.BaseDirectory, FileName);
        // Tests started by an IDE or by `dotnet test`: the newest bridge that the launcher built in this checkout.
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var native = new DirectoryInfo(Path.Combine(folder.FullName, ".build", "native"));
            if (!native.Exists)
                continue;
            foreach (var file in native.EnumerateFiles(FileName, SearchOption.AllDirectories).OrderByDescending(f => f.LastWriteTimeUtc))
                yield return file.FullName;
        }
    }
}
