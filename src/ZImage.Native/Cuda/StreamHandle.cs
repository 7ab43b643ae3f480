namespace ZImage.Native;

/// <summary>A stream: work in order.</summary>
internal sealed class StreamHandle : ContextBoundHandle
{
    private StreamHandle(nint stream, ContextHandle context)
        : base(stream, context)
    {
    }

    /// <summary>Makes a stream in a context that is current on the calling thread.</summary>
    /// <param name="context">The context.</param>
    /// <param name="flags">Kind of stream.</param>
    /// <param name="priority">Priority; lower goes first, 0 is the default.</param>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public static StreamHandle Create(ContextHandle context, CUstream_flags flags = CUstream_flags.CU_STREAM_NON_BLOCKING, int priority = 0)
    {
        ObjectDisposedException.ThrowIf(context.IsClosed, context);
        CudaException.ThrowIfFailed(CudaDriver.cuStreamCreateWithPriority(out nint stream, flags, priority));
        return new StreamHandle(stream, context);
    }

    /// <summary>Waits until the stream is done.</summary>
    /// <exception cref="CudaException">Work on the stream failed, maybe long ago.</exception>
    public void Synchronize() => CudaException.ThrowIfFailed(CudaDriver.cuStreamSynchronize(Value));

    /// <inheritdoc/>
    protected override bool ReleaseInContext(nint value) => IsReleased(CudaDriver.cuStreamDestroy_v2(value));
}
