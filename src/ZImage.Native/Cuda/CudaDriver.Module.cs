using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>Modules, kernels, launches and tensor maps.</summary>
internal static unsafe partial class CudaDriver
{
    /// <summary>Loads a cubin, a fatbin or zero-terminated PTX.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuModuleLoadData(out nint module, void* image);

    /// <summary>The same with options: [numOptions] names and as many values, each in the place of a pointer.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuModuleLoadDataEx(out nint module, void* image, uint numOptions, CUjit_option* options, void** optionValues);

    /// <summary>Unloads a module from the current context.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuModuleUnload(nint module);

    /// <summary>A kernel of a module by its zero-terminated name.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuModuleGetFunction(out nint function, nint module, byte* name);

    /// <summary>One fact about a kernel.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuFuncGetAttribute(out int value, CUfunction_attribute attribute, nint function);

    /// <summary>One setting of a kernel, such as more than 48 KiB of dynamic shared memory.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuFuncSetAttribute(nint function, CUfunction_attribute attribute, int value);

    /// <summary>Blocks of a kernel that fit on one multiprocessor together.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuOccupancyMaxActiveBlocksPerMultiprocessor(
        out int blocks, nint function, int blockSize, nuint dynamicSharedMemoryBytes);

    /// <summary>Launches a kernel; one pointer a parameter in kernelParams, null for extra.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuLaunchKernel(
        nint function,
        uint gridDimX,
        uint gridDimY,
        uint gridDimZ,
        uint blockDimX,
        uint blockDimY,
        uint blockDimZ,
        uint sharedMemBytes,
        nint stream,
        void** kernelParams,
        void** extra);

    /// <summary>Launches a kernel with attributes: clusters, overlap with the kernel before it.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuLaunchKernelEx(CUlaunchConfig* config, nint function, void** kernelParams, void** extra);

    /// <summary>
    /// Encodes a tiled tensor map into memory that is a multiple of 64. globalDim, boxDim and elementStrides are [rank], innermost first;
    /// globalStrides is [rank - 1], in bytes, multiples of 16.
    /// </summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuTensorMapEncodeTiled(
        CUtensorMap* tensorMap,
        CUtensorMapDataType tensorDataType,
        uint tensorRank,
        void* globalAddress,
        ulong* globalDim,
        ulong* globalStrides,
        uint* boxDim,
        uint* elementStrides,
        CUtensorMapInterleave interleave,
        CUtensorMapSwizzle swizzle,
        CUtensorMapL2promotion l2Promotion,
        CUtensorMapFloatOOBfill oobFill);

    /// <summary>Encodes a tiled tensor map without interleave, every element taken, zeros outside of the tensor.</summary>
    /// <param name="map">The map.</param>
    /// <param name="type">Element type.</param>
    /// <param name="address">The tensor on the device; a multiple of 16.</param>
    /// <param name="dimensions">[rank] extents in elements, innermost first; rank is 1 to 5.</param>
    /// <param name="strides">[rank - 1] strides in bytes of all axes but the innermost; multiples of 16.</param>
    /// <param name="box">[rank] extents of the box that one copy moves, each at most 256.</param>
    /// <param name="swizzle">Swizzle in shared memory.</param>
    /// <param name="promotion">Cache promotion.</param>
    /// <returns>The driver's result.</returns>
    /// <exception cref="ArgumentException">The lengths of the spans do not belong to one rank.</exception>
    public static CudaResult EncodeTiled(
        out CUtensorMap map,
        CUtensorMapDataType type,
        nuint address,
        ReadOnlySpan<ulong> dimensions,
        ReadOnlySpan<ulong> strides,
        ReadOnlySpan<uint> box,
        CUtensorMapSwizzle swizzle,
        CUtensorMapL2promotion promotion)
    {
        int rank = dimensions.Length;
        if (rank is < 1 or > 5 || strides.Length != rank - 1 || box.Length != rank)
        {
            throw new ArgumentException(
                $"A tensor map needs 1 to 5 extents, one stride fewer, and as many box extents; it got {rank}, {strides.Length} and {box.Length}.", nameof(dimensions));
        }

        byte* memory = stackalloc byte[sizeof(CUtensorMap) + CUtensorMap.Alignment];
        CUtensorMap* aligned = (CUtensorMap*)(((nuint)memory + CUtensorMap.Alignment - 1) & ~(nuint)(CUtensorMap.Alignment - 1));
        uint* ones = stackalloc uint[] { 1, 1, 1, 1, 1 };
        fixed (ulong* extents = dimensions, steps = strides)
        fixed (uint* boxExtents = box)
        {
            CudaResult result = cuTensorMapEncodeTiled(
                aligned,
                type,
                (uint)rank,
                (void*)address,
                extents,
                steps,
                boxExtents,
                ones,
                CUtensorMapInterleave.CU_TENSOR_MAP_INTERLEAVE_NONE,
                swizzle,
                promotion,
                CUtensorMapFloatOOBfill.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
            map = result == CudaResult.CUDA_SUCCESS ? *aligned : default;
            return result;
        }
    }
}
