using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>A call of cuBLASLt that failed. The message holds the call, the status' name and number, and the library's text.</summary>
public sealed class CublasLtException : Exception
{
    private CublasLtException(cublasStatus_t status, string message)
        : base(message) => Status = status;

    /// <summary>cuBLAS' number of the error.</summary>
    public int Code => (int)Status;

    /// <summary>The raw status.</summary>
    internal cublasStatus_t Status { get; }

    /// <summary>Throws if a call failed. The check is inlined; everything else is not.</summary>
    /// <param name="status">What the call returned.</param>
    /// <param name="call">The call, as the source has it; the compiler fills it in.</param>
    /// <exception cref="CublasLtException">The status is not success.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    [StackTraceHidden]
    internal static void ThrowIfFailed(cublasStatus_t status, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
        {
            Throw(status, call);
        }
    }

    [DoesNotReturn]
    [StackTraceHidden]
    private static unsafe void Throw(cublasStatus_t status, string call)
    {
        string name = status.ToString();
        string description = "";
        if (NativeLibraryResolver.TryLoad(NativeLibraryResolver.CublasLt, out _))
        {
            name = Marshal.PtrToStringUTF8((nint)CublasLt.cublasLtGetStatusName(status)) ?? name;
            description = Marshal.PtrToStringUTF8((nint)CublasLt.cublasLtGetStatusString(status)) is { } text ? $", {text}" : "";
        }

        throw new CublasLtException(
            status, $"{call.Replace($"{nameof(CublasLt)}.", "", StringComparison.Ordinal)} failed: {name} ({(int)status}){description}.");
    }
}
