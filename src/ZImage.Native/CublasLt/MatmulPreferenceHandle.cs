namespace ZImage.Native;

/// <summary>What the heuristic shall keep to: workspace, alignments, ways to reduce.</summary>
internal sealed unsafe class MatmulPreferenceHandle : OwnedHandle
{
    private MatmulPreferenceHandle(nint preference)
        : base(preference, parent: null)
    {
    }

    /// <summary>Makes a preference with the library's defaults: no workspace, 256-byte alignments.</summary>
    /// <exception cref="CublasLtException">The library refuses.</exception>
    public static MatmulPreferenceHandle Create()
    {
        CublasLtException.ThrowIfFailed(CublasLt.cublasLtMatmulPreferenceCreate(out nint preference));
        return new MatmulPreferenceHandle(preference);
    }

    /// <summary>Sets an attribute.</summary>
    /// <typeparam name="T">Type of the value; its size is the attribute's.</typeparam>
    /// <param name="attribute">The attribute.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="CublasLtException">Attribute and size do not go together.</exception>
    public void Set<T>(cublasLtMatmulPreferenceAttributes_t attribute, T value)
        where T : unmanaged =>
        CublasLtException.ThrowIfFailed(CublasLt.cublasLtMatmulPreferenceSetAttribute(Value, attribute, &value, (nuint)sizeof(T)), $"Setting {attribute} to {value}");

    /// <inheritdoc/>
    protected override bool Release(nint value) => CublasLt.cublasLtMatmulPreferenceDestroy(value) == cublasStatus_t.CUBLAS_STATUS_SUCCESS;
}
