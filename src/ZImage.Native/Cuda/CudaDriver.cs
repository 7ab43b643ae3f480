using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>
/// The CUDA driver API as its manual has it: names kept, the raw result returned, pointers and sizes as native integers. Handles: CUdevice is an int,
/// every other one a nint; a CUdeviceptr is a nuint. Nothing here owns anything; the SafeHandle classes beside it do.
/// A call of a library that is not there throws <see cref="NativeLibraryNotFoundException"/>; of a function that the driver is too old for,
/// <see cref="EntryPointNotFoundException"/>.
/// </summary>
internal static unsafe partial class CudaDriver
{
    private const string Library = NativeLibraryResolver.Cuda;

    /// <summary>Starts the driver; must come first, and may come again.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuInit(uint flags);

    /// <summary>Newest CUDA version that the driver can run: 1000 major + 10 minor.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDriverGetVersion(out int driverVersion);

    /// <summary>Address of a driver function by its base name (no _v2) for a CUDA version.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuGetProcAddress_v2(
        byte* symbol, out nint pfn, int cudaVersion, CUdriverProcAddress_flags flags, out CUdriverProcAddressQueryResult symbolStatus);

    /// <summary>Name of a result, as static ASCII text.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuGetErrorName(CudaResult error, out byte* text);

    /// <summary>Description of a result, as static ASCII text.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuGetErrorString(CudaResult error, out byte* text);

    /// <summary>Starts a tool's collection, when the tool was told to wait for it.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuProfilerStart();

    /// <summary>Ends a tool's collection.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuProfilerStop();

    /// <summary>Number of devices.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetCount(out int count);

    /// <summary>Handle of the device with an ordinal.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGet(out int device, int ordinal);

    /// <summary>Name of a device, zero-terminated into [len] bytes.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetName(byte* name, int len, int device);

    /// <summary>One fact about a device.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetAttribute(out int value, CUdevice_attribute attribute, int device);

    /// <summary>Memory of a device in bytes.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceTotalMem_v2(out nuint bytes, int device);

    /// <summary>Identity of a device, or of its MIG slice.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetUuid_v2(out CUuuid uuid, int device);

    /// <summary>PCI address of a device, zero-terminated into [len] bytes; 13 are enough.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDeviceGetPCIBusId(byte* pciBusId, int len, int device);

    /// <summary>The device's primary context, which the runtime API's libraries share; counted.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxRetain(out nint context, int device);

    /// <summary>Gives up one retain; the last one destroys the context.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxRelease_v2(int device);

    /// <summary>How threads wait in the primary context.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuDevicePrimaryCtxSetFlags_v2(int device, CUctx_flags flags);

    /// <summary>Makes a context the calling thread's.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuCtxSetCurrent(nint context);

    /// <summary>The calling thread's context; zero for none.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuCtxGetCurrent(out nint context);

    /// <summary>Waits until everything in the current context is done.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuCtxSynchronize();

    /// <summary>Priorities that streams can have; lower goes first.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuCtxGetStreamPriorityRange(out int leastPriority, out int greatestPriority);
}
