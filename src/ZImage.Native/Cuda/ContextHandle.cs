namespace ZImage.Native;

/// <summary>One retain of a device's primary context: the context that cuBLASLt and every runtime-API library of the process use too.</summary>
internal sealed class ContextHandle : OwnedHandle
{
    private ContextHandle(nint context, int device)
        : base(context, parent: null) => Device = device;

    /// <summary>The device (a CUdevice).</summary>
    public int Device { get; }

    /// <summary>Retains the primary context; it is not made current.</summary>
    /// <param name="device">The device (a CUdevice).</param>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public static ContextHandle RetainPrimary(int device)
    {
        CudaException.ThrowIfFailed(CudaDriver.cuDevicePrimaryCtxRetain(out nint context, device));
        return new ContextHandle(context, device);
    }

    /// <summary>Makes it the calling thread's context.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void MakeCurrent() => CudaException.ThrowIfFailed(CudaDriver.cuCtxSetCurrent(Value));

    /// <inheritdoc/>
    protected override bool Release(nint value) => ContextBoundHandle.IsReleased(CudaDriver.cuDevicePrimaryCtxRelease_v2(Device));
}
