namespace ZImage.Native;

/// <summary>A graph: recorded work, not yet executable.</summary>
internal sealed unsafe class GraphHandle : ContextBoundHandle
{
    private GraphHandle(nint graph, ContextHandle context)
        : base(graph, context)
    {
    }

    /// <summary>Ends the capture of a stream and takes its graph.</summary>
    /// <param name="context">The stream's context.</param>
    /// <param name="stream">The stream that is being captured.</param>
    /// <exception cref="CudaException">The capture failed; the stream is usable again.</exception>
    public static GraphHandle EndCapture(ContextHandle context, StreamHandle stream)
    {
        CudaException.ThrowIfFailed(CudaDriver.cuStreamEndCapture(stream.Value, out nint graph));
        return new GraphHandle(graph, context);
    }

    /// <summary>Number of nodes.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public int CountNodes()
    {
        nuint count = 0;
        CudaException.ThrowIfFailed(CudaDriver.cuGraphGetNodes(Value, null, ref count));
        return (int)count;
    }

    /// <inheritdoc/>
    protected override bool ReleaseInContext(nint value) => IsReleased(CudaDriver.cuGraphDestroy(value));
}
