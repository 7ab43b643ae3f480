namespace ZImage.Native;

/// <summary>A block of device memory.</summary>
internal sealed class DeviceMemoryHandle : ContextBoundHandle
{
    private DeviceMemoryHandle(nuint pointer, nuint byteSize, ContextHandle context)
        : base((nint)pointer, context) => ByteSize = byteSize;

    /// <summary>Size in bytes.</summary>
    public nuint ByteSize { get; }

    /// <summary>Address of the first byte (a CUdeviceptr), a multiple of 256.</summary>
    /// <exception cref="ObjectDisposedException">The block is freed.</exception>
    public nuint Pointer => (nuint)Value;

    /// <summary>Allocates in a context that is current on the calling thread. The content is undefined.</summary>
    /// <param name="context">The context.</param>
    /// <param name="byteSize">Size in bytes; not zero.</param>
    /// <exception cref="CudaException">The memory is refused; the message says how much was asked for.</exception>
    public static DeviceMemoryHandle Allocate(ContextHandle context, nuint byteSize)
    {
        ObjectDisposedException.ThrowIf(context.IsClosed, context);
        CudaResult result = CudaDriver.cuMemAlloc_v2(out nuint pointer, byteSize);
        if (result != CudaResult.CUDA_SUCCESS)
        {
            CudaException.Throw(result, $"cuMemAlloc_v2 of {byteSize} bytes", log: null);
        }

        return new DeviceMemoryHandle(pointer, byteSize, context);
    }

    /// <inheritdoc/>
    protected override bool ReleaseInContext(nint value) => IsReleased(CudaDriver.cuMemFree_v2((nuint)value));
}
