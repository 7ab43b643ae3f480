namespace ZImage.Native;

/// <summary>A description of a product: types, transposes, scales, epilogue.</summary>
internal sealed unsafe class MatmulDescHandle : OwnedHandle
{
    private MatmulDescHandle(nint matmulDesc)
        : base(matmulDesc, parent: null)
    {
    }

    /// <summary>Makes a description.</summary>
    /// <param name="computeType">What sums are kept in.</param>
    /// <param name="scaleType">Type of alpha and beta.</param>
    /// <exception cref="CublasLtException">The library refuses.</exception>
    public static MatmulDescHandle Create(cublasComputeType_t computeType, cudaDataType_t scaleType)
    {
        CublasLtException.ThrowIfFailed(CublasLt.cublasLtMatmulDescCreate(out nint matmulDesc, computeType, scaleType));
        return new MatmulDescHandle(matmulDesc);
    }

    /// <summary>Sets an attribute.</summary>
    /// <typeparam name="T">Type of the value; its size is the attribute's.</typeparam>
    /// <param name="attribute">The attribute.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="CublasLtException">Attribute and size do not go together, or the library is too old for it.</exception>
    public void Set<T>(cublasLtMatmulDescAttributes_t attribute, T value)
        where T : unmanaged =>
        CublasLtException.ThrowIfFailed(CublasLt.cublasLtMatmulDescSetAttribute(Value, attribute, &value, (nuint)sizeof(T)), $"Setting {attribute} to {value}");

    /// <inheritdoc/>
    protected override bool Release(nint value) => CublasLt.cublasLtMatmulDescDestroy(value) == cublasStatus_t.CUBLAS_STATUS_SUCCESS;
}
