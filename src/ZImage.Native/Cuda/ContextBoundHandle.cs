namespace ZImage.Native;

/// <summary>
/// A native object that belongs to a context and is released with that context current. Release may run on the finalizer's thread, which has no context,
/// or on a thread that works with another one, so the context is set for the call and the former one put back.
/// A finalizer's release during a capture is safe only if the capture is not CU_STREAM_CAPTURE_MODE_GLOBAL.
/// </summary>
/// <param name="value">The object.</param>
/// <param name="context">Its context, kept alive.</param>
internal abstract class ContextBoundHandle(nint value, ContextHandle context) : OwnedHandle(value, context)
{
    private readonly ContextHandle _context = context;

    /// <summary>Whether an object is gone: released, or swept away with the driver at the end of the process.</summary>
    /// <param name="result">What the release returned.</param>
    public static bool IsReleased(CudaResult result) => result is CudaResult.CUDA_SUCCESS or CudaResult.CUDA_ERROR_DEINITIALIZED;

    /// <summary>Releases the object; its context is current.</summary>
    /// <param name="value">The object.</param>
    /// <returns>True on success.</returns>
    protected abstract bool ReleaseInContext(nint value);

    /// <inheritdoc/>
    protected sealed override bool Release(nint value)
    {
        // Not Value: the context may be disposed by its user and lives on only through this object's reference.
        nint context = _context.DangerousGetHandle();
        if (CudaDriver.cuCtxGetCurrent(out nint previous) != CudaResult.CUDA_SUCCESS)
        {
            return false;
        }

        if (previous == context)
        {
            return ReleaseInContext(value);
        }

        if (CudaDriver.cuCtxSetCurrent(context) != CudaResult.CUDA_SUCCESS)
        {
            return false;
        }

        bool released = ReleaseInContext(value);
        return CudaDriver.cuCtxSetCurrent(previous) == CudaResult.CUDA_SUCCESS && released;
    }
}
