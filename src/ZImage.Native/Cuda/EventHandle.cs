namespace ZImage.Native;

/// <summary>An event: a point in a stream's work.</summary>
internal sealed class EventHandle : ContextBoundHandle
{
    private EventHandle(nint @event, ContextHandle context)
        : base(@event, context)
    {
    }

    /// <summary>Makes an event in a context that is current on the calling thread.</summary>
    /// <param name="context">The context.</param>
    /// <param name="flags">Kind of event; without timing it is cheaper.</param>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public static EventHandle Create(ContextHandle context, CUevent_flags flags = CUevent_flags.CU_EVENT_DEFAULT)
    {
        ObjectDisposedException.ThrowIf(context.IsClosed, context);
        CudaException.ThrowIfFailed(CudaDriver.cuEventCreate(out nint @event, flags));
        return new EventHandle(@event, context);
    }

    /// <summary>Time from another event to this one; both have happened.</summary>
    /// <param name="start">The earlier event.</param>
    /// <returns>The time, to about half a microsecond.</returns>
    /// <exception cref="CudaException">One of them has not happened, or has no timing.</exception>
    public TimeSpan Since(EventHandle start)
    {
        CudaException.ThrowIfFailed(CudaDriver.cuEventElapsedTime(out float milliseconds, start.Value, Value));
        return TimeSpan.FromMilliseconds(milliseconds);
    }

    /// <inheritdoc/>
    protected override bool ReleaseInContext(nint value) => IsReleased(CudaDriver.cuEventDestroy_v2(value));
}
