using System.Runtime.InteropServices;
using NUnit.Framework;
using ZImage.Native;

namespace ZImage.Tests.Native;

/// <summary>The first device's primary context, current on the test's thread, and a stream in it.</summary>
[NonParallelizable]
public abstract unsafe class CudaFixture
{
    private protected ContextHandle Context { get; private set; } = null!;

    private protected StreamHandle Stream { get; private set; } = null!;

    private protected int Major { get; private set; }

    private protected string Architecture { get; private set; } = "";

    [OneTimeSetUp]
    public void OpenDevice()
    {
        CudaException.ThrowIfFailed(CudaDriver.cuInit(0));
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceGet(out int device, 0));
        Major = Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
        Architecture = $"sm_{Major}{Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device)}";
        Context = ContextHandle.RetainPrimary(device);
        Context.MakeCurrent();
        Stream = StreamHandle.Create(Context);
    }

    [SetUp]
    public void MakeCurrent() => Context.MakeCurrent();

    [OneTimeTearDown]
    public void CloseDevice()
    {
        Stream?.Dispose();
        Context?.Dispose();
    }

    private protected static int Attribute(CUdevice_attribute attribute, int device)
    {
        CudaException.ThrowIfFailed(CudaDriver.cuDeviceGetAttribute(out int value, attribute, device));
        return value;
    }

    private protected static long FreeBytes()
    {
        CudaException.ThrowIfFailed(CudaDriver.cuMemGetInfo_v2(out nuint free, out _));
        return (long)free;
    }

    private protected DeviceMemoryHandle Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        nuint byteSize = (nuint)(values.Length * sizeof(T));
        DeviceMemoryHandle memory = DeviceMemoryHandle.Allocate(Context, byteSize);
        fixed (T* source = values)
        {
            CudaException.ThrowIfFailed(CudaDriver.cuMemcpyHtoD_v2(memory.Pointer, source, byteSize));
        }

        // The call returns when the source is read; a stream that does not wait for the default one could overtake the bytes.
        CudaException.ThrowIfFailed(CudaDriver.cuCtxSynchronize());
        return memory;
    }

    private protected static T[] Download<T>(DeviceMemoryHandle memory)
        where T : unmanaged
    {
        T[] values = new T[(int)(memory.ByteSize / (nuint)sizeof(T))];
        fixed (T* destination = values)
        {
            CudaException.ThrowIfFailed(CudaDriver.cuMemcpyDtoH_v2(destination, memory.Pointer, memory.ByteSize));
        }

        return values;
    }
}
