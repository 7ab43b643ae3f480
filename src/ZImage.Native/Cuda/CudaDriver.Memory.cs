using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>Device and page-locked memory, copies and fills. Sizes are bytes unless said otherwise.</summary>
internal static unsafe partial class CudaDriver
{
    /// <summary>Device memory, aligned to at least 256 bytes.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemAlloc_v2(out nuint pointer, nuint byteSize);

    /// <summary>Frees device memory; waits for the device.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemFree_v2(nuint pointer);

    /// <summary>Free and total memory of the current context's device, as the system sees them.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemGetInfo_v2(out nuint free, out nuint total);

    /// <summary>Page-locked host memory.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemHostAlloc(out void* pointer, nuint byteSize, CUmemhostalloc_flags flags);

    /// <summary>Frees page-locked host memory.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemFreeHost(void* pointer);

    /// <summary>Page-locks existing host memory.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemHostRegister_v2(void* pointer, nuint byteSize, CUmemhostregister_flags flags);

    /// <summary>Undoes <see cref="cuMemHostRegister_v2"/>.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemHostUnregister(void* pointer);

    /// <summary>Host to device; returns when the source may be changed. From pageable memory the bytes may still be on their way: a non-blocking stream does not wait for them.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyHtoD_v2(nuint destination, void* source, nuint byteCount);

    /// <summary>Device to host; returns when the bytes are there.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyDtoH_v2(void* destination, nuint source, nuint byteCount);

    /// <summary>Device to device.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyDtoD_v2(nuint destination, nuint source, nuint byteCount);

    /// <summary>Host to device on a stream; asynchronous only from page-locked memory.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyHtoDAsync_v2(nuint destination, void* source, nuint byteCount, nint stream);

    /// <summary>Device to host on a stream; asynchronous only into page-locked memory.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyDtoHAsync_v2(void* destination, nuint source, nuint byteCount, nint stream);

    /// <summary>Device to device on a stream.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemcpyDtoDAsync_v2(nuint destination, nuint source, nuint byteCount, nint stream);

    /// <summary>Fills [count] bytes.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemsetD8_v2(nuint destination, byte value, nuint count);

    /// <summary>Fills [count] bytes on a stream.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemsetD8Async(nuint destination, byte value, nuint count, nint stream);

    /// <summary>Fills [count] 32-bit words on a stream.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuMemsetD32Async(nuint destination, uint value, nuint count, nint stream);
}
