using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>A call of the CUDA driver that failed. The message holds the call, the error's CUDA name and number, and the driver's text.</summary>
public sealed class CudaException : Exception
{
    private CudaException(CudaResult result, string name, string message)
        : base(message)
    {
        Result = result;
        Name = name;
    }

    /// <summary>CUDA's number of the error.</summary>
    public int Code => (int)Result;

    /// <summary>CUDA's name of the error, such as CUDA_ERROR_OUT_OF_MEMORY.</summary>
    public string Name { get; }

    /// <summary>
    /// True when the error leaves the process's context unusable: every later call gives the same error, and only a new process helps.
    /// </summary>
    public bool ContextIsLost => Result
        is CudaResult.CUDA_ERROR_ECC_UNCORRECTABLE
        or CudaResult.CUDA_ERROR_NVLINK_UNCORRECTABLE
        or CudaResult.CUDA_ERROR_CONTAINED
        or (>= CudaResult.CUDA_ERROR_HARDWARE_STACK_ERROR and <= CudaResult.CUDA_ERROR_LAUNCH_FAILED)
        or CudaResult.CUDA_ERROR_ILLEGAL_ADDRESS
        or CudaResult.CUDA_ERROR_LAUNCH_TIMEOUT
        or CudaResult.CUDA_ERROR_ASSERT
        or CudaResult.CUDA_ERROR_TENSOR_MEMORY_LEAK;

    /// <summary>The raw result.</summary>
    internal CudaResult Result { get; }

    /// <summary>Throws if a call failed. The check is inlined; everything else is not.</summary>
    /// <param name="result">What the call returned.</param>
    /// <param name="call">The call, as the source has it; the compiler fills it in.</param>
    /// <exception cref="CudaException">The result is not success.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    [StackTraceHidden]
    internal static void ThrowIfFailed(CudaResult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CudaResult.CUDA_SUCCESS)
        {
            Throw(result, call, log: null);
        }
    }

    /// <summary>Throws the exception of a failed call.</summary>
    /// <param name="result">What the call returned.</param>
    /// <param name="call">The call.</param>
    /// <param name="log">Text that came with the failure; null or empty for none.</param>
    /// <exception cref="CudaException">Always.</exception>
    [DoesNotReturn]
    [StackTraceHidden]
    internal static void Throw(CudaResult result, string call, string? log)
    {
        string name = Text(result, isName: true) ?? result.ToString();
        string description = Text(result, isName: false) is { } text ? $", {text}" : "";
        string details = string.IsNullOrWhiteSpace(log) ? "" : $"\n{log.Trim()}";
        throw new CudaException(result, name, $"{call.Replace($"{nameof(CudaDriver)}.", "", StringComparison.Ordinal)} failed: {name} ({(int)result}){description}.{details}");
    }

    // The driver knows names newer than this file; without a driver, as in tests, the file's own name serves.
    private static unsafe string? Text(CudaResult result, bool isName)
    {
        if (!NativeLibraryResolver.TryLoad(NativeLibraryResolver.Cuda, out _))
        {
            return null;
        }

        byte* text;
        CudaResult found = isName ? CudaDriver.cuGetErrorName(result, out text) : CudaDriver.cuGetErrorString(result, out text);
        return found == CudaResult.CUDA_SUCCESS ? Marshal.PtrToStringUTF8((nint)text) : null;
    }
}
