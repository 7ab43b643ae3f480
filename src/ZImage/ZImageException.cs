namespace ZImage;

/// <summary>
/// The base of every error that the engine raises on purpose. The message says what failed and with which values; <see cref="Hint"/> says what to do.
/// </summary>
public class ZImageException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What failed, with which values.</param>
    /// <param name="hint">What to do about it.</param>
    /// <param name="innerException">The cause, if another error is.</param>
    public ZImageException(string message, string? hint = null, Exception? innerException = null)
        : base(message, innerException) => Hint = hint;

    /// <summary>What to do about it; null where the message says all there is.</summary>
    public string? Hint { get; }
}

/// <summary>A request that cannot be drawn: a bad size, strength, step count, latents file or input picture.</summary>
/// <inheritdoc cref="ZImageException(string, string?, Exception?)"/>
public sealed class InvalidRequestException(string message, string? hint = null, Exception? innerException = null)
    : ZImageException(message, hint, innerException);

/// <summary>A checkpoint that is missing, broken, or not of the expected kind.</summary>
/// <inheritdoc cref="ZImageException(string, string?, Exception?)"/>
public sealed class ModelFormatException(string message, string? hint = null, Exception? innerException = null)
    : ZImageException(message, hint, innerException);

/// <summary>A picture file that is no picture, or one that cannot be used.</summary>
/// <inheritdoc cref="ZImageException(string, string?, Exception?)"/>
public sealed class ImageFormatException(string message, string? hint = null, Exception? innerException = null)
    : ZImageException(message, hint, innerException);

/// <summary>A file that could not be written.</summary>
/// <param name="path">The file.</param>
/// <param name="reason">Why, as the end of a sentence.</param>
/// <param name="hint">What to do about it.</param>
/// <param name="innerException">The cause.</param>
public sealed class OutputException(string path, string reason, string? hint = null, Exception? innerException = null)
    : ZImageException($"{path} could not be written: {reason.TrimEnd('.')}.", hint, innerException)
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}

/// <summary>A device that is absent or cannot be used.</summary>
/// <inheritdoc cref="ZImageException(string, string?, Exception?)"/>
public sealed class DeviceException(string message, string? hint = null, Exception? innerException = null)
    : ZImageException(message, hint, innerException);

/// <summary>The system has not enough memory.</summary>
public sealed class HostMemoryException : ZImageException
{
    /// <summary>A block that was refused.</summary>
    /// <param name="bytes">Its size in bytes.</param>
    /// <param name="innerException">The cause.</param>
    public HostMemoryException(long bytes, Exception? innerException = null)
        : this(bytes, $"Out of memory: a block of {bytes / 1048576.0:F1} MiB was refused.", innerException)
    {
    }

    private HostMemoryException(long bytes, string message, Exception? innerException)
        : base(message, "Draw a smaller picture or fewer at once; `zimage info` tells what a run needs.", innerException) => Bytes = bytes;

    /// <summary>Size of the block, or of all that the run needs, in bytes.</summary>
    public long Bytes { get; }

    /// <summary>A run that would not fit, found out before it began.</summary>
    /// <param name="needed">Bytes that the run's activations need.</param>
    /// <param name="available">Bytes that the system can give.</param>
    public static HostMemoryException ForRun(long needed, long available) => new(
        needed,
        $"Out of memory: the run needs {needed / 1073741824.0:F1} GiB for activations, and {available / 1073741824.0:F1} GiB are available.",
        null);
}
