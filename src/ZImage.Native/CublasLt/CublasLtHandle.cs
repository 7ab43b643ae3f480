namespace ZImage.Native;

/// <summary>A cuBLASLt handle of one context. Threads may share it.</summary>
internal sealed class CublasLtHandle : ContextBoundHandle
{
    private CublasLtHandle(nint lightHandle, ContextHandle context)
        : base(lightHandle, context)
    {
    }

    /// <summary>Makes a handle in a context that is current on the calling thread.</summary>
    /// <param name="context">The context.</param>
    /// <exception cref="CublasLtException">The library refuses.</exception>
    public static CublasLtHandle Create(ContextHandle context)
    {
        ObjectDisposedException.ThrowIf(context.IsClosed, context);
        CublasLtException.ThrowIfFailed(CublasLt.cublasLtCreate(out nint lightHandle));
        return new CublasLtHandle(lightHandle, context);
    }

    /// <inheritdoc/>
    protected override bool ReleaseInContext(nint value) => CublasLt.cublasLtDestroy(value) == cublasStatus_t.CUBLAS_STATUS_SUCCESS;
}
