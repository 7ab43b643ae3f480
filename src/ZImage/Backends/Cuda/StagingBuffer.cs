using ZImage.Native;

namespace ZImage.Backends.Cuda;

/// <summary>A page-locked buffer for small copies on the backend's stream, used from front to back and then, once the stream is done, from the front again.</summary>
internal sealed unsafe class StagingBuffer(CudaDevice device) : IDisposable
{
    /// <summary>Its size in bytes: the most that one copy moves.</summary>
    public const int Size = 4 << 20;

    private const int Alignment = 64;

    private PinnedMemoryHandle? memory;
    private int used;

    /// <summary>Room to fill and then <see cref="Send"/>.</summary>
    /// <param name="bytes">At most <see cref="Size"/>.</param>
    public byte* Reserve(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Size);
        memory ??= PinnedMemoryHandle.Allocate(device.Context, Size);
        if (used > Size - bytes)
        {
            device.Stream.Synchronize();
            used = 0;
        }

        byte* room = memory.Pointer + used;
        used = Math.Min((used + bytes + Alignment - 1) & ~(Alignment - 1), Size);
        return room;
    }

    /// <summary>Copies reserved bytes to the device, behind the stream's work so far; returns at once.</summary>
    public void Send(byte* room, int bytes, nint destination) =>
        CudaException.ThrowIfFailed(CudaDriver.cuMemcpyHtoDAsync_v2((nuint)destination, room, (nuint)bytes, device.StreamValue));

    /// <summary>Waits for the stream's work so far and copies bytes from the device.</summary>
    /// <param name="source">Device address.</param>
    /// <param name="bytes">At most <see cref="Size"/>.</param>
    /// <returns>The bytes, until the next call of any method.</returns>
    public byte* Receive(nint source, int bytes)
    {
        byte* room = Reserve(bytes);
        CudaException.ThrowIfFailed(CudaDriver.cuMemcpyDtoHAsync_v2(room, (nuint)source, (nuint)bytes, device.StreamValue));
        device.Stream.Synchronize();

        // Everything sent before has left the buffer too.
        used = 0;
        return room;
    }

    /// <inheritdoc/>
    public void Dispose() => memory?.Dispose();
}
