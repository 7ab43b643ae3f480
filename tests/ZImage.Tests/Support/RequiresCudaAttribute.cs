using NUnit.Framework;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;
using ZImage.Native;

namespace ZImage.Tests.Support;

/// <summary>Ignores a test, with the reason, on a machine without a usable GPU or without a library that it needs.</summary>
/// <param name="libraries">What it needs besides the driver: constants of <see cref="NativeLibraryResolver"/>.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class RequiresCudaAttribute(params string[] libraries) : NUnitAttribute, IApplyToTest
{
    private static readonly Lazy<string?> s_noDevice = new(FindDevice);

    /// <inheritdoc/>
    public void ApplyToTest(Test test)
    {
        if (Missing(libraries) is { } reason && test.RunState is not (RunState.NotRunnable or RunState.Ignored))
        {
            test.RunState = RunState.Ignored;
            test.Properties.Set(PropertyNames.SkipReason, reason);
        }
    }

    /// <summary>Why a test that needs a GPU and libraries cannot run here; null where it can.</summary>
    internal static string? Missing(params string[] libraries)
    {
        string? reason = s_noDevice.Value ?? libraries
            .Select(library => NativeLibraryResolver.TryLoad(library, out NativeLibraryNotFoundException? failure) ? null : failure.Message)
            .FirstOrDefault(message => message is not null);
        return reason is null ? null : $"Needs a CUDA device. {reason}";
    }

    private static string? FindDevice()
    {
        if (!NativeLibraryResolver.TryLoad(NativeLibraryResolver.Cuda, out NativeLibraryNotFoundException? failure))
        {
            return failure.Message;
        }

        CudaResult result = CudaDriver.cuInit(0);
        if (result != CudaResult.CUDA_SUCCESS)
        {
            return $"cuInit gave {result} ({NativeLibraryResolver.LoadedPath(NativeLibraryResolver.Cuda)}).";
        }

        result = CudaDriver.cuDeviceGetCount(out int count);
        return result != CudaResult.CUDA_SUCCESS ? $"cuDeviceGetCount gave {result}." : count == 0 ? "The driver lists no device." : null;
    }
}
