using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>A call of the run-time compiler that failed. For a source that does not compile, the message ends with the compiler's log.</summary>
public sealed class NvrtcException : Exception
{
    internal NvrtcException(NvrtcResult result, string what, string log)
        : base($"{what} failed: {Text(result)} ({(int)result}).{(string.IsNullOrWhiteSpace(log) ? "" : $"\n{log.Trim()}")}")
    {
        Result = result;
        Log = log;
    }

    /// <summary>NVRTC's number of the error.</summary>
    public int Code => (int)Result;

    /// <summary>The compiler's log: errors with file and line; empty if the failure was no compilation.</summary>
    public string Log { get; }

    /// <summary>The raw result.</summary>
    internal NvrtcResult Result { get; }

    /// <summary>Throws if a call failed.</summary>
    /// <param name="result">What the call returned.</param>
    /// <param name="call">The call, as the source has it; the compiler fills it in.</param>
    /// <exception cref="NvrtcException">The result is not success.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    [StackTraceHidden]
    internal static void ThrowIfFailed(NvrtcResult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != NvrtcResult.NVRTC_SUCCESS)
        {
            Throw(result, call);
        }
    }

    [DoesNotReturn]
    [StackTraceHidden]
    private static void Throw(NvrtcResult result, string call) =>
        throw new NvrtcException(result, call.Replace($"{nameof(Nvrtc)}.", "", StringComparison.Ordinal), log: "");

    private static unsafe string Text(NvrtcResult result) => NativeLibraryResolver.TryLoad(NativeLibraryResolver.Nvrtc, out _)
        ? Marshal.PtrToStringUTF8((nint)Nvrtc.nvrtcGetErrorString(result)) ?? result.ToString()
        : result.ToString();
}
