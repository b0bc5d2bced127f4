namespace Attune.Runs;

/// <summary>
/// Keeps two processes out of one run folder. The lock is an open file, not its existence: the system lets go of it when the process ends,
/// however it ends, so that there is no stale lock to remove.
/// </summary>
internal sealed class RunLock : IDisposable
{
    private readonly FileStream _held;

    private RunLock(FileStream held) => _held = held;

    public static RunLock Take(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            Directory.CreateDirectory(folder);
            var held = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            held.SetLength(0);
            held.Write(System.Text.Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n"));
            held.Flush();
            return new(held);
        }
        catch (IOException e) when (File.Exists(path) && e.HResult is EAgain or WindowsSharing)
        {
            throw InputException.One(folder, "is in use by another process", "a folder for this run alone",
                "wait until the other run ends, or choose another --out");
        }
        catch (Exception e) when (WriteFailure.Is(e))
        {
            throw WriteFailure.BeforeStarting(folder, e);
        }
    }

    public const string FileName = ".lock";
    private const int EAgain = 11; // what a taken lock looks like on Linux
    private const int WindowsSharing = unchecked((int)0x80070020);

    public void Dispose() => _held.Dispose();
}
