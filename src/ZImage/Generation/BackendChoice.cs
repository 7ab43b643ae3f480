using System.Globalization;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Backends.Cuda;
using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>From the device that was asked for to a backend.</summary>
internal static class BackendChoice
{
    private const int MaxThreads = 1024;
    private const string Choices = "Use auto, cpu, cuda, or cuda:N.";

    /// <summary>Opens the backend of <see cref="PipelineOptions.Device"/>.</summary>
    /// <param name="options">Device, precision, threads, memory limit.</param>
    /// <param name="warning">Why auto does not use a GPU that is there; null where there is nothing to say.</param>
    /// <exception cref="InvalidRequestException">A number of threads that cannot be.</exception>
    /// <exception cref="DeviceException">There is no such device, or it cannot be used.</exception>
    public static IBackend Open(PipelineOptions options, out string? warning)
    {
        warning = null;
        if (options.Threads is < 0 or > MaxThreads)
        {
            throw new InvalidRequestException($"{options.Threads} processor threads are outside 0..{MaxThreads}.", "0 takes one per logical processor.");
        }

        DType precision = Precision(options.Precision);
        if (options.Device == "cpu")
        {
            return new CpuBackend(options.Threads);
        }

        if (options.Device != "auto")
        {
            return new CudaBackend(Ordinal(options.Device), precision, options.DeviceMemoryLimit);
        }

        if (CudaDevice.TryFindUsable(out int ordinal, out string? reason))
        {
            return new CudaBackend(ordinal, precision, options.DeviceMemoryLimit);
        }

        warning = reason is null ? null : $"The processor computes, because the GPU cannot be used: {reason}";
        return new CpuBackend(options.Threads);
    }

    private static int Ordinal(string device)
    {
        const string Prefix = "cuda:";
        if (device == "cuda")
        {
            return 0;
        }

        return device.StartsWith(Prefix, StringComparison.Ordinal)
            && int.TryParse(device.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal)
            ? ordinal
            : throw new DeviceException($"There is no device called '{device}'.", Choices);
    }

    private static DType Precision(string name) => name switch
    {
        "bf16" => DType.BF16,
        "f32" => DType.F32,
        _ => throw new DeviceException($"There is no precision called '{name}'.", "Use bf16 or f32."),
    };
}
