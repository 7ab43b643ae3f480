using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ZImage.Native;

namespace ZImage.Backends.Cuda;

/// <summary>The edge between the bindings' exceptions and the engine's.</summary>
internal static class CudaErrors
{
    private const string LostHint = "The GPU's state is lost; start the program again. If it happens again, report it with what ZIMAGE_SYNC=1 prints.";

    private const string OrCpu = "Or use --device cpu.";

    /// <summary>Whether an exception comes from the bindings and must not leave the backend as it is.</summary>
    public static bool IsNative(Exception exception) =>
        exception is CudaException or CublasLtException or NvrtcException or NativeLibraryNotFoundException or EntryPointNotFoundException;

    /// <summary>The engine's exception for one of the bindings'.</summary>
    /// <param name="exception">One for which <see cref="IsNative"/> holds.</param>
    /// <param name="device">The device, as messages name it.</param>
    /// <param name="doing">What failed, as the end of a sentence; null where the exception says it.</param>
    public static ZImageException Translate(Exception exception, string device, string? doing = null)
    {
        string what = doing is null ? device : $"{device}, {doing}";
        return exception switch
        {
            CudaException { Result: CudaResult.CUDA_ERROR_OUT_OF_MEMORY } => new DeviceMemoryException(device, 0, FreeBytes(), exception),
            CublasLtException { Status: cublasStatus_t.CUBLAS_STATUS_ALLOC_FAILED } => new DeviceMemoryException(device, 0, FreeBytes(), exception),
            CudaException { ContextIsLost: true } => new DeviceException($"{what}: {exception.Message}", LostHint, exception),
            NativeLibraryNotFoundException missing => new DeviceException(missing.Message, $"{missing.Hint} {OrCpu}", exception),
            EntryPointNotFoundException => new DeviceException($"{what}: the driver is too old: {exception.Message}", $"Update the NVIDIA driver. {OrCpu}", exception),
            _ => new DeviceException($"{what}: {exception.Message}", "`zimage doctor` checks the driver and the libraries.", exception),
        };
    }

    /// <summary>Throws the engine's exception for a failed call of the driver.</summary>
    /// <param name="result">What the call returned.</param>
    /// <param name="device">The device, as messages name it.</param>
    /// <param name="call">The call, as the source has it; the compiler fills it in.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check(CudaResult result, string device, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CudaResult.CUDA_SUCCESS)
        {
            Throw(result, device, call);
        }
    }

    /// <summary>Throws the engine's exception for a failed call of the driver.</summary>
    [DoesNotReturn]
    public static void Throw(CudaResult result, string device, string call)
    {
        try
        {
            CudaException.Throw(result, call, log: null);
        }
        catch (CudaException exception)
        {
            throw Translate(exception, device);
        }
    }

    private static long FreeBytes() => CudaDriver.cuMemGetInfo_v2(out nuint free, out _) == CudaResult.CUDA_SUCCESS ? (long)free : 0;
}
