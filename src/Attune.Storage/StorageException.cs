namespace Attune.Storage;

/// <summary>Why a database could not do what was asked.</summary>
public enum StorageFault
{
    /// <summary>There is no room left on the disk.</summary>
    DiskFull,

    /// <summary>The server does not answer, or the connection to it broke.</summary>
    Unavailable,

    /// <summary>Another program holds the file.</summary>
    Busy,

    /// <summary>The file or the disk is damaged, or the database does not hold what was expected.</summary>
    Damaged,
}

/// <summary>
/// The database could not read or write. Nothing of the change is there, or, where the connection broke while it was confirmed, all of it:
/// sending it again is safe, as everything that people send can be sent twice.
/// </summary>
public sealed class StorageException : Exception
{
    /// <summary>A failure in the three parts every error has.</summary>
    /// <param name="fault">Why.</param>
    /// <param name="message">What went wrong, what was expected, what to do; without a password.</param>
    /// <param name="cause">The exception underneath.</param>
    public StorageException(StorageFault fault, string message, Exception? cause = null)
        : base(message, cause) => Fault = fault;

    /// <summary>Why.</summary>
    public StorageFault Fault { get; }
}
