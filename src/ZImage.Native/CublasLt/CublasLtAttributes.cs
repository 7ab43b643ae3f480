namespace ZImage.Native;

/// <summary>Attributes of a product, with the size of their values: 4 bytes unless the comment says otherwise.</summary>
internal enum cublasLtMatmulDescAttributes_t
{
    CUBLASLT_MATMUL_DESC_COMPUTE_TYPE = 0,
    CUBLASLT_MATMUL_DESC_SCALE_TYPE = 1,
    CUBLASLT_MATMUL_DESC_POINTER_MODE = 2,
    CUBLASLT_MATMUL_DESC_TRANSA = 3,
    CUBLASLT_MATMUL_DESC_TRANSB = 4,
    CUBLASLT_MATMUL_DESC_TRANSC = 5,
    CUBLASLT_MATMUL_DESC_FILL_MODE = 6,
    CUBLASLT_MATMUL_DESC_EPILOGUE = 7,

    /// <summary>A device pointer, 8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_BIAS_POINTER = 8,

    /// <summary>8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE = 10,

    /// <summary>A device pointer, 8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER = 11,

    /// <summary>8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD = 12,

    /// <summary>8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE = 13,

    /// <summary>8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_ALPHA_VECTOR_BATCH_STRIDE = 14,
    CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET = 15,

    /// <summary>A device pointer, 8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_A_SCALE_POINTER = 17,

    /// <summary>A device pointer, 8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_B_SCALE_POINTER = 18,

    /// <summary>A device pointer, 8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_C_SCALE_POINTER = 19,

    /// <summary>A device pointer, 8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_D_SCALE_POINTER = 20,

    /// <summary>A device pointer, 8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_AMAX_D_POINTER = 21,
    CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE = 22,

    /// <summary>1 byte: 8-bit products may be summed in fewer bits between promotions.</summary>
    CUBLASLT_MATMUL_DESC_FAST_ACCUM = 25,
    CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE = 26,
    CUBLASLT_MATMUL_DESC_A_SCALE_MODE = 31,
    CUBLASLT_MATMUL_DESC_B_SCALE_MODE = 32,
    CUBLASLT_MATMUL_DESC_C_SCALE_MODE = 33,
    CUBLASLT_MATMUL_DESC_D_SCALE_MODE = 34,
    CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_SCALE_MODE = 35,

    /// <summary>A device pointer, 8 bytes.</summary>
    CUBLASLT_MATMUL_DESC_D_OUT_SCALE_POINTER = 36,
    CUBLASLT_MATMUL_DESC_D_OUT_SCALE_MODE = 37,
}

/// <summary>Attributes of a matrix in memory.</summary>
internal enum cublasLtMatrixLayoutAttribute_t
{
    /// <summary>4 bytes, a <see cref="cudaDataType_t"/>.</summary>
    CUBLASLT_MATRIX_LAYOUT_TYPE = 0,

    /// <summary>4 bytes, a <see cref="cublasLtOrder_t"/>.</summary>
    CUBLASLT_MATRIX_LAYOUT_ORDER = 1,

    /// <summary>8 bytes.</summary>
    CUBLASLT_MATRIX_LAYOUT_ROWS = 2,

    /// <summary>8 bytes.</summary>
    CUBLASLT_MATRIX_LAYOUT_COLS = 3,

    /// <summary>8 bytes, elements.</summary>
    CUBLASLT_MATRIX_LAYOUT_LD = 4,

    /// <summary>4 bytes.</summary>
    CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT = 5,

    /// <summary>8 bytes, elements.</summary>
    CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET = 6,

    /// <summary>8 bytes.</summary>
    CUBLASLT_MATRIX_LAYOUT_PLANE_OFFSET = 7,
}

/// <summary>What the heuristic shall keep to.</summary>
internal enum cublasLtMatmulPreferenceAttributes_t
{
    /// <summary>4 bytes.</summary>
    CUBLASLT_MATMUL_PREF_SEARCH_MODE = 0,

    /// <summary>8 bytes; the default is 0, which leaves out the fast algorithms.</summary>
    CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,

    /// <summary>4 bytes, bits of <see cref="cublasLtReductionScheme_t"/>.</summary>
    CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3,

    /// <summary>4 bytes; the default is 256.</summary>
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5,

    /// <summary>4 bytes; the default is 256.</summary>
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6,

    /// <summary>4 bytes; the default is 256.</summary>
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7,

    /// <summary>4 bytes; the default is 256.</summary>
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8,

    /// <summary>4 bytes, a float.</summary>
    CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT = 9,

    /// <summary>8 bytes.</summary>
    CUBLASLT_MATMUL_PREF_IMPL_MASK = 12,
}
