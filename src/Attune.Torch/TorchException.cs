namespace Attune.Torch;

/// <summary>An operator of libtorch refused its inputs; the message names the operator and the inputs' dtypes and shapes.</summary>
public sealed class TorchException : Exception
{
    /// <summary>Creates the error.</summary>
    public TorchException(string message) : base(message)
    {
    }

    /// <summary>Creates the error with its cause.</summary>
    public TorchException(string message, Exception? innerException) : base(message, innerException)
    {
    }
}

/// <summary>libtorch or the bridge to it is not there, or does not load.</summary>
public sealed class TorchUnavailableException : Exception
{
    /// <summary>Creates the error.</summary>
    public TorchUnavailableException(string message, Exception? innerException) : base(message, innerException)
    {
    }

    /// <summary>The one behind an exception, or null: libtorch is missed where a static field first asks for an operator, so it may lie deep.</summary>
    public static TorchUnavailableException? In(Exception exception)
    {
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is TorchUnavailableException missing)
                return missing;
        }
        return null;
    }
}
