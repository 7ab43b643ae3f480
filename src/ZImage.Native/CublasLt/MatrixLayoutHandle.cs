namespace ZImage.Native;

/// <summary>A matrix in memory: type, extents, leading dimension, batch.</summary>
internal sealed unsafe class MatrixLayoutHandle : OwnedHandle
{
    private MatrixLayoutHandle(nint layout)
        : base(layout, parent: null)
    {
    }

    /// <summary>Makes a layout, by columns. A [rows, columns] tensor in row-major order is a matrix of columns x rows here.</summary>
    /// <param name="type">Element type.</param>
    /// <param name="rows">Rows of the stored matrix.</param>
    /// <param name="columns">Columns of the stored matrix.</param>
    /// <param name="leadingDimension">Elements from one column to the next.</param>
    /// <exception cref="CublasLtException">The library refuses.</exception>
    public static MatrixLayoutHandle Create(cudaDataType_t type, ulong rows, ulong columns, long leadingDimension)
    {
        CublasLtException.ThrowIfFailed(CublasLt.cublasLtMatrixLayoutCreate(out nint layout, type, rows, columns, leadingDimension));
        return new MatrixLayoutHandle(layout);
    }

    /// <summary>Sets an attribute.</summary>
    /// <typeparam name="T">Type of the value; its size is the attribute's.</typeparam>
    /// <param name="attribute">The attribute.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="CublasLtException">Attribute and size do not go together.</exception>
    public void Set<T>(cublasLtMatrixLayoutAttribute_t attribute, T value)
        where T : unmanaged =>
        CublasLtException.ThrowIfFailed(CublasLt.cublasLtMatrixLayoutSetAttribute(Value, attribute, &value, (nuint)sizeof(T)), $"Setting {attribute} to {value}");

    /// <inheritdoc/>
    protected override bool Release(nint value) => CublasLt.cublasLtMatrixLayoutDestroy(value) == cublasStatus_t.CUBLAS_STATUS_SUCCESS;
}
