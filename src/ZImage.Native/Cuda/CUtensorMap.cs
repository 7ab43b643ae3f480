using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>
/// A tensor map: what the tensor memory accelerator needs to know of a tensor, encoded by the driver; [16] words.
/// A kernel takes it as a <c>__grid_constant__</c> parameter. It must lie on a multiple of 64 bytes there (128 in a parameter struct that CUDA 13's own
/// header declares); C# cannot align a struct so, hence <see cref="CudaDriver.EncodeTiled"/> encodes in aligned memory and copies.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUtensorMap
{
    /// <summary>Alignment in bytes that the driver asks of the memory it encodes into.</summary>
    public const int Alignment = 64;

    /// <summary>The encoded words.</summary>
    public fixed ulong opaque[16];
}

/// <summary>Element types of a tensor map. 8-bit floating-point elements go as UINT8.</summary>
internal enum CUtensorMapDataType
{
    CU_TENSOR_MAP_DATA_TYPE_UINT8 = 0,
    CU_TENSOR_MAP_DATA_TYPE_UINT16 = 1,
    CU_TENSOR_MAP_DATA_TYPE_UINT32 = 2,
    CU_TENSOR_MAP_DATA_TYPE_INT32 = 3,
    CU_TENSOR_MAP_DATA_TYPE_UINT64 = 4,
    CU_TENSOR_MAP_DATA_TYPE_INT64 = 5,
    CU_TENSOR_MAP_DATA_TYPE_FLOAT16 = 6,
    CU_TENSOR_MAP_DATA_TYPE_FLOAT32 = 7,
    CU_TENSOR_MAP_DATA_TYPE_FLOAT64 = 8,
    CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 = 9,
    CU_TENSOR_MAP_DATA_TYPE_FLOAT32_FTZ = 10,
    CU_TENSOR_MAP_DATA_TYPE_TFLOAT32 = 11,
    CU_TENSOR_MAP_DATA_TYPE_TFLOAT32_FTZ = 12,
}

/// <summary>Interleaving of channels in global memory.</summary>
internal enum CUtensorMapInterleave
{
    CU_TENSOR_MAP_INTERLEAVE_NONE = 0,
    CU_TENSOR_MAP_INTERLEAVE_16B = 1,
    CU_TENSOR_MAP_INTERLEAVE_32B = 2,
}

/// <summary>Swizzle of the box in shared memory; the box's innermost extent is at most this many bytes.</summary>
internal enum CUtensorMapSwizzle
{
    CU_TENSOR_MAP_SWIZZLE_NONE = 0,
    CU_TENSOR_MAP_SWIZZLE_32B = 1,
    CU_TENSOR_MAP_SWIZZLE_64B = 2,
    CU_TENSOR_MAP_SWIZZLE_128B = 3,
}

/// <summary>Bytes that a miss brings into the second-level cache.</summary>
internal enum CUtensorMapL2promotion
{
    CU_TENSOR_MAP_L2_PROMOTION_NONE = 0,
    CU_TENSOR_MAP_L2_PROMOTION_L2_64B = 1,
    CU_TENSOR_MAP_L2_PROMOTION_L2_128B = 2,
    CU_TENSOR_MAP_L2_PROMOTION_L2_256B = 3,
}

/// <summary>What elements outside of the tensor read as.</summary>
internal enum CUtensorMapFloatOOBfill
{
    CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE = 0,
    CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA = 1,
}
