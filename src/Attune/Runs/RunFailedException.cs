namespace Attune.Runs;

/// <summary>
/// A run that had started could not go on: the disk is full, the loss is not a number. What was saved before stays whole.
/// The program prints its message and exits with code 1.
/// </summary>
public sealed class RunFailedException : Exception
{
    /// <summary>A failure in the three parts every error has, in one sentence.</summary>
    /// <param name="message">What went wrong with its value, what was expected, what to do.</param>
    /// <param name="cause">The exception underneath, if there is one.</param>
    public RunFailedException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }

    /// <summary>Whether a file could not be written: once there is room, what was saved can be gone on with as it is.</summary>
    public bool IsWriteFailure => WriteFailure.In(this) is not null;
}
