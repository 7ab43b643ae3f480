using System.Runtime.InteropServices;

namespace ZImage.Tensors;

/// <summary>A block of memory that tensors look into: host memory, a mapped file, or device memory.</summary>
public abstract class TensorStorage : IDisposable
{
    private nint first;

    /// <summary>Creates storage over <paramref name="bytes"/> bytes at <paramref name="address"/>.</summary>
    protected TensorStorage(nint address, long bytes)
    {
        first = address;
        Bytes = bytes;
    }

    /// <summary>First byte: a host or a device address, see <see cref="IsHost"/>.</summary>
    public virtual nint Address
    {
        get => first;
        protected set => first = value;
    }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }

    /// <summary>Whether the processor may read <see cref="Address"/>.</summary>
    public virtual bool IsHost => true;

    /// <summary>Frees the memory. Tensors that look into it must not be used afterwards.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the memory; called once from <see cref="Dispose()"/>.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>Unmanaged host memory, aligned to 64 bytes, not initialised.</summary>
public sealed unsafe class HostStorage : TensorStorage
{
    /// <summary>Allocates <paramref name="bytes"/> bytes.</summary>
    /// <exception cref="HostMemoryException">The system has not that much memory.</exception>
    public HostStorage(long bytes)
        : base(Allocate(bytes), bytes)
    {
    }

    /// <summary>Releases memory that nobody disposed.</summary>
    ~HostStorage() => Dispose(false);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree((void*)Address);
        Address = 0;
    }

    private static nint Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        try
        {
            // 64 bytes of slack: vector code may read, never write, past the last element.
            return (nint)NativeMemory.AlignedAlloc((nuint)bytes + 64, 64);
        }
        catch (OutOfMemoryException exception)
        {
            throw new HostMemoryException(bytes, exception);
        }
    }
}
