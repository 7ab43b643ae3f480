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

/// <summary>A request that cannot be drawn: a bad size, strength, step count, latents file or input picture; or a pipeline's option that is out of range.</summary>
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

/// <summary>The device has not enough memory.</summary>
public sealed class DeviceMemoryException : ZImageException
{
    /// <summary>A block that was refused.</summary>
    /// <param name="device">The device, as messages name it.</param>
    /// <param name="neededBytes">Bytes asked for; 0 where a library did not say.</param>
    /// <param name="freeBytes">Bytes that were free.</param>
    /// <param name="innerException">The cause.</param>
    public DeviceMemoryException(string device, long neededBytes, long freeBytes, Exception? innerException = null)
        : base(
            $"Out of memory on {device}: {(neededBytes > 0 ? $"{Show(neededBytes)} more were needed" : "more was needed")}, and {Show(freeBytes)} are free.",
            "Draw a smaller picture or fewer at once, close other programs that use the GPU, raise the memory limit if one is set, or use --device cpu.",
            innerException)
    {
        NeededBytes = neededBytes;
        FreeBytes = freeBytes;
    }

    /// <summary>Bytes asked for; 0 where a library did not say.</summary>
    public long NeededBytes { get; }

    /// <summary>Bytes that were free.</summary>
    public long FreeBytes { get; }

    private static string Show(long bytes) => bytes >= 1L << 30 ? $"{bytes / 1073741824.0:F1} GiB" : $"{bytes / 1048576.0:F1} MiB";
}

/// <summary>A kernel that the run-time compiler rejects: a fault of this program or of changed kernel files, not of a request.</summary>
/// <param name="family">The kernel file, without extension.</param>
/// <param name="options">The compiler's options.</param>
/// <param name="log">What the compiler said.</param>
/// <param name="innerException">The cause.</param>
public sealed class KernelCompilationException(string family, string options, string log, Exception? innerException = null)
    : ZImageException(
        $"kernels/{family}.cu does not compile with {options}:\n{log.Trim()}",
        "Where ZIMAGE_KERNEL_DIR is set, correct the file there; else report this together with the GPU's name and the CUDA version.",
        innerException)
{
    /// <summary>The kernel file, without extension.</summary>
    public string Family { get; } = family;

    /// <summary>The compiler's options.</summary>
    public string Options { get; } = options;

    /// <summary>What the compiler said.</summary>
    public string Log { get; } = log;
}
