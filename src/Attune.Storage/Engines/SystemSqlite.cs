using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Attune.Storage.Engines;

/// <summary>
/// Which native SQLite is used: the system's where it is at least as new as the packaged one (3.35, of 2021), else that one.
/// </summary>
internal static class SystemSqlite
{
    private const int PackagedVersion = 3_035_000;

    private static readonly string[] Names = ["libsqlite3.so.0", "libsqlite3.so", "/usr/lib/libsqlite3.dylib"];
    private static readonly Lazy<bool> Prepared = new(() =>
    {
        NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, Resolve);
        Batteries_V2.Init();
        return true;
    });

    /// <summary>Makes SQLite ready; once per process has an effect.</summary>
    public static void Prepare() => _ = Prepared.Value;

    private static IntPtr Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != "e_sqlite3")
            return IntPtr.Zero;
        foreach (var candidate in Names)
        {
            if (!NativeLibrary.TryLoad(candidate, out var library))
                continue;
            if (NativeLibrary.TryGetExport(library, "sqlite3_libversion_number", out var version)
                && Marshal.GetDelegateForFunctionPointer<VersionNumber>(version)() >= PackagedVersion)
                return library;
            NativeLibrary.Free(library);
        }
        return IntPtr.Zero; // the packaged one, by the usual search
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int VersionNumber();
}
