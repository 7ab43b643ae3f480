namespace ZImage.Native;

/// <summary>A block of page-locked host memory, which the device reads and writes without the CPU.</summary>
internal sealed unsafe class PinnedMemoryHandle : ContextBoundHandle
{
    private PinnedMemoryHandle(void* pointer, nuint byteSize, ContextHandle context)
        : base((nint)pointer, context) => ByteSize = byteSize;

    /// <summary>Size in bytes.</summary>
    public nuint ByteSize { get; }

    /// <summary>Address of the first byte.</summary>
    /// <exception cref="ObjectDisposedException">The block is freed.</exception>
    public byte* Pointer => (byte*)Value;

    /// <summary>Allocates in a context that is current on the calling thread.</summary>
    /// <param name="context">The context.</param>
    /// <param name="byteSize">Size in bytes; not zero.</param>
    /// <param name="flags">Kind of memory.</param>
    /// <exception cref="CudaException">The memory is refused; the message says how much was asked for.</exception>
    public static PinnedMemoryHandle Allocate(ContextHandle context, nuint byteSize, CUmemhostalloc_flags flags = CUmemhostalloc_flags.CU_MEMHOSTALLOC_PORTABLE)
    {
        ObjectDisposedException.ThrowIf(context.IsClosed, context);
        CudaResult result = CudaDriver.cuMemHostAlloc(out void* pointer, byteSize, flags);
        if (result != CudaResult.CUDA_SUCCESS)
        {
            CudaException.Throw(result, $"cuMemHostAlloc of {byteSize} bytes", log: null);
        }

        return new PinnedMemoryHandle(pointer, byteSize, context);
    }

    /// <summary>A part of the block as a span.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part does not lie in the block.</exception>
    public Span<byte> Span(nuint offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, ByteSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((nuint)length, ByteSize - offset);
        return new Span<byte>(Pointer + offset, length);
    }

    /// <inheritdoc/>
    protected override bool ReleaseInContext(nint value) => IsReleased(CudaDriver.cuMemFreeHost((void*)value));
}
