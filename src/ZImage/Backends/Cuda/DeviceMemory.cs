using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>The device's memory, with an account of what this backend holds.</summary>
/// <param name="device">The device.</param>
/// <param name="limit">Bytes that may be held at most; null for no limit.</param>
internal sealed class DeviceMemory(CudaDevice device, long? limit)
{
    private long allocated;
    private long peak;

    /// <summary>Bytes held now.</summary>
    public long AllocatedBytes => Interlocked.Read(ref allocated);

    /// <summary>The most bytes held at a time since the start or the last <see cref="ResetPeak"/>.</summary>
    public long PeakBytes => Interlocked.Read(ref peak);

    /// <summary>Bytes that can still be taken: what the device has free, within the limit.</summary>
    public long FreeBytes
    {
        get
        {
            device.Bind();
            CudaErrors.Check(CudaDriver.cuMemGetInfo_v2(out nuint free, out _), device.Title);
            return limit is { } most ? Math.Max(0, Math.Min((long)free, most - AllocatedBytes)) : (long)free;
        }
    }

    /// <summary>Begins a new measurement of the peak.</summary>
    public void ResetPeak() => Interlocked.Exchange(ref peak, AllocatedBytes);

    /// <summary>Takes a block, aligned to 256 bytes.</summary>
    /// <exception cref="DeviceMemoryException">The device or the limit has not that much.</exception>
    public DeviceStorage Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        device.Bind();
        long taken = Interlocked.Add(ref allocated, bytes);
        try
        {
            if (taken > limit)
            {
                throw Refused(bytes, Math.Max(0, limit.Value - (taken - bytes)), null);
            }

            DeviceMemoryHandle handle = DeviceMemoryHandle.Allocate(device.Context, (nuint)Math.Max(bytes, 1));
            Raise(taken);
            return new DeviceStorage(this, handle, bytes);
        }
        catch (CudaException exception)
        {
            Interlocked.Add(ref allocated, -bytes);
            throw exception.Result == CudaResult.CUDA_ERROR_OUT_OF_MEMORY
                ? Refused(bytes, FreeBytes, exception)
                : CudaErrors.Translate(exception, device.Title);
        }
        catch (DeviceMemoryException)
        {
            Interlocked.Add(ref allocated, -bytes);
            throw;
        }
    }

    /// <summary>Takes note that a block is given back.</summary>
    public void Returned(long bytes) => Interlocked.Add(ref allocated, -bytes);

    private DeviceMemoryException Refused(long bytes, long free, Exception? cause) => new(device.Title, bytes, free, cause);

    private void Raise(long value)
    {
        long seen = PeakBytes;
        while (value > seen)
        {
            long before = Interlocked.CompareExchange(ref peak, value, seen);
            if (before == seen)
            {
                break;
            }

            seen = before;
        }
    }
}

/// <summary>A block of device memory.</summary>
internal sealed class DeviceStorage : TensorStorage
{
    private readonly DeviceMemory memory;
    private readonly DeviceMemoryHandle handle;

    /// <summary>Takes over a block.</summary>
    public DeviceStorage(DeviceMemory memory, DeviceMemoryHandle handle, long bytes)
        : base((nint)handle.Pointer, bytes)
    {
        this.memory = memory;
        this.handle = handle;
    }

    /// <inheritdoc/>
    public override bool IsHost => false;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!handle.IsClosed)
        {
            handle.Dispose();
            memory.Returned(Bytes);
            Address = 0;
        }
    }
}

/// <summary>A part of a block that somebody else owns: disposing it frees nothing.</summary>
internal sealed class DeviceSlice : TensorStorage
{
    /// <summary>A part of <paramref name="block"/>.</summary>
    /// <param name="block">The whole.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="bytes">Size in bytes.</param>
    public DeviceSlice(TensorStorage block, long offset, long bytes)
        : base(block.Address + (nint)offset, bytes)
    {
    }

    /// <inheritdoc/>
    public override bool IsHost => false;

    /// <summary>Of a bias: the same values in bfloat16, as products add them; 0 for none.</summary>
    public nint Rounded { get; init; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
