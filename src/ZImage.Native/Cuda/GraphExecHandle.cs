namespace ZImage.Native;

/// <summary>An executable graph; independent of the graph it was made from.</summary>
internal sealed class GraphExecHandle : ContextBoundHandle
{
    private GraphExecHandle(nint graphExec, ContextHandle context)
        : base(graphExec, context)
    {
    }

    /// <summary>Makes a graph executable.</summary>
    /// <param name="context">The graph's context.</param>
    /// <param name="graph">The graph.</param>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public static GraphExecHandle Instantiate(ContextHandle context, GraphHandle graph)
    {
        ObjectDisposedException.ThrowIf(context.IsClosed, context);
        CudaException.ThrowIfFailed(CudaDriver.cuGraphInstantiateWithFlags(out nint graphExec, graph.Value, 0));
        return new GraphExecHandle(graphExec, context);
    }

    /// <summary>Runs the graph on a stream.</summary>
    /// <param name="stream">The stream.</param>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void Launch(StreamHandle stream) => CudaException.ThrowIfFailed(CudaDriver.cuGraphLaunch(Value, stream.Value));

    /// <inheritdoc/>
    protected override bool ReleaseInContext(nint value) => IsReleased(CudaDriver.cuGraphExecDestroy(value));
}
