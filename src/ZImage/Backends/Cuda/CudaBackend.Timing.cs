using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <summary>A point in time on the device, for <see cref="Mark"/>; the caller disposes it.</summary>
    internal EventHandle NewTimer()
    {
        device.Bind();
        return EventHandle.Create(device.Context);
    }

    /// <summary>Puts a timer behind the work asked for so far.</summary>
    internal void Mark(EventHandle timer)
    {
        Prepare();
        CudaErrors.Check(CudaDriver.cuEventRecord(timer.Value, device.StreamValue), device.Title);
    }

    /// <summary>Copies device memory by the driver: what the card itself makes of a copy.</summary>
    internal void CopyByDriver(Tensor source, Tensor destination)
    {
        Prepare();
        CudaErrors.Check(
            CudaDriver.cuMemcpyDtoDAsync_v2((nuint)destination.Address, (nuint)source.Address, (nuint)source.Bytes, device.StreamValue), device.Title);
    }
}
