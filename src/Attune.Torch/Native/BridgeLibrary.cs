using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Attune.Torch.Native;

/// <summary>Finds and opens the compiled bridge; the launcher builds it and names it in <c>ATTUNE_BRIDGE</c>.</summary>
internal static unsafe class BridgeLibrary
{
    private const string FileName = "libattune_torch.so";

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
            catch (DllNotFoundException e)
            {
                throw new TorchUnavailableException($"{candidate} cannot be loaded: {e.Message}", e);
            }
        }

        throw new TorchUnavailableException("The bridge to libtorch (libattune_torch.so) was not found; start Attune through ./attune, which builds it, or set ATTUNE_BRIDGE to the built file.", null);
    }

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("ATTUNE_BRIDGE") is { Length: > 0 } named)
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
