using System.Globalization;
using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>What decides which algorithm is best for y[M, N] = x[M, K]·W[N, K]ᵀ (+ b).</summary>
/// <param name="M">Rows.</param>
/// <param name="N">Output features.</param>
/// <param name="K">Input features.</param>
/// <param name="StrideX">Elements from one row of x to the next.</param>
/// <param name="StrideY">Elements from one row of y to the next.</param>
/// <param name="Input">Type of x and W.</param>
/// <param name="Output">Type of y.</param>
/// <param name="HasBias">Whether b is added.</param>
/// <param name="AlignX">Alignment of x in bytes, a power of two up to 256.</param>
/// <param name="AlignW">Alignment of W.</param>
/// <param name="AlignY">Alignment of y.</param>
internal readonly record struct GemmShape(
    int M, int N, int K, int StrideX, int StrideY, DType Input, DType Output, bool HasBias, int AlignX, int AlignW, int AlignY)
{
    /// <summary>Floating-point operations.</summary>
    public double Operations => 2.0 * M * N * K;

    // The compiler's own versions box the types until the code is optimised, and this is looked up at every product.

    /// <inheritdoc/>
    public bool Equals(GemmShape other) =>
        M == other.M && N == other.N && K == other.K && StrideX == other.StrideX && StrideY == other.StrideY && Input == other.Input
        && Output == other.Output && HasBias == other.HasBias && AlignX == other.AlignX && AlignW == other.AlignW && AlignY == other.AlignY;

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        int hash = M;
        hash = (hash * 31) + N;
        hash = (hash * 31) + K;
        hash = (hash * 31) + StrideX;
        hash = (hash * 31) + (int)Output;
        return (hash * 31) + AlignX;
    }

    /// <summary>The alignment of an address as this record counts it.</summary>
    public static int AlignmentOf(nint address) => (int)Math.Min(256, address & -address);

    /// <summary>The shape as a key in files.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{M}x{N}x{K} {Input}-{Output} {StrideX} {StrideY} {(HasBias ? "bias" : "plain")} {AlignX} {AlignW} {AlignY}");
}

/// <summary>An algorithm, and how it was found.</summary>
/// <param name="Algorithm">The library's description.</param>
/// <param name="Workspace">Bytes of workspace that it needs.</param>
/// <param name="Microseconds">Measured time; 0 where nothing was measured.</param>
internal readonly record struct GemmChoice(cublasLtMatmulAlgo_t Algorithm, long Workspace, double Microseconds);

/// <summary>
/// One shape, described to cuBLASLt. The library sees columns where we see rows: y as [N x M], W as [K x N] transposed, x as [K x M].
/// </summary>
internal sealed unsafe class GemmPlan : IDisposable
{
    private readonly MatmulDescHandle operation;
    private readonly MatrixLayoutHandle layoutW;
    private readonly MatrixLayoutHandle layoutX;
    private readonly MatrixLayoutHandle layoutY;

    /// <summary>Describes a shape.</summary>
    /// <exception cref="CublasLtException">The library refuses.</exception>
    public GemmPlan(GemmShape shape)
    {
        Shape = shape;
        cudaDataType_t input = TypeOf(shape.Input), output = TypeOf(shape.Output);

        // COMPUTE_32F of floats is true float32: the faster, coarser modes have names of their own.
        operation = MatmulDescHandle.Create(cublasComputeType_t.CUBLAS_COMPUTE_32F, cudaDataType_t.CUDA_R_32F);
        operation.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA, cublasOperation_t.CUBLAS_OP_T);
        operation.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSB, cublasOperation_t.CUBLAS_OP_N);
        if (shape.HasBias)
        {
            operation.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BIAS);
            operation.Set(cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, output);
        }

        layoutW = MatrixLayoutHandle.Create(input, (ulong)shape.K, (ulong)shape.N, shape.K);
        layoutX = MatrixLayoutHandle.Create(input, (ulong)shape.K, (ulong)shape.M, shape.StrideX);
        layoutY = MatrixLayoutHandle.Create(output, (ulong)shape.N, (ulong)shape.M, shape.StrideY);
    }

    /// <summary>The shape.</summary>
    public GemmShape Shape { get; }

    /// <summary>The algorithm that <see cref="Run(nint, in GemmOperands)"/> uses.</summary>
    public GemmChoice Choice { get; set; }

    /// <summary>Whether <see cref="Choice"/> was measured or read, and not only proposed.</summary>
    public bool IsTuned { get; set; }

    /// <summary>The library's proposals, the presumably fastest first; none of them splits sums in a way whose result depends on timing.</summary>
    /// <param name="handle">The library's handle.</param>
    /// <param name="workspace">Bytes of workspace there are.</param>
    /// <param name="count">The most to give.</param>
    public List<GemmChoice> Propose(nint handle, long workspace, int count)
    {
        using MatmulPreferenceHandle preference = MatmulPreferenceHandle.Create();
        preference.Set(cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, (ulong)workspace);
        preference.Set(
            cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, cublasLtReductionScheme_t.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
        preference.Set(cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, (uint)Shape.AlignW);
        preference.Set(cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, (uint)Shape.AlignX);
        preference.Set(cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, (uint)Shape.AlignY);
        preference.Set(cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, (uint)Shape.AlignY);

        cublasLtMatmulHeuristicResult_t* results = stackalloc cublasLtMatmulHeuristicResult_t[count];
        CublasLtException.ThrowIfFailed(
            CublasLt.cublasLtMatmulAlgoGetHeuristic(
                handle, operation.Value, layoutW.Value, layoutX.Value, layoutY.Value, layoutY.Value, preference.Value, count, results, out int found),
            $"cublasLtMatmulAlgoGetHeuristic for {Shape}");
        List<GemmChoice> choices = [];
        for (int i = 0; i < found; i++)
        {
            if (results[i].state == cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            {
                choices.Add(new GemmChoice(results[i].algo, (long)results[i].workspaceSize, 0));
            }
        }

        return choices;
    }

    /// <summary>Queues the product with the chosen algorithm.</summary>
    public cublasStatus_t Run(nint handle, in GemmOperands operands) => Run(handle, operands, Choice);

    /// <summary>Queues the product with a given algorithm.</summary>
    public cublasStatus_t Run(nint handle, in GemmOperands operands, in GemmChoice choice)
    {
        float one = 1, zero = 0;
        if (Shape.HasBias)
        {
            nint bias = operands.Bias;
            cublasStatus_t status = CublasLt.cublasLtMatmulDescSetAttribute(
                operation.Value, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, (nuint)sizeof(nint));
            if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            {
                return status;
            }
        }

        cublasLtMatmulAlgo_t algorithm = choice.Algorithm;
        return CublasLt.cublasLtMatmul(
            handle, operation.Value, &one, (nuint)operands.W, layoutW.Value, (nuint)operands.X, layoutX.Value, &zero, (nuint)operands.Y, layoutY.Value,
            (nuint)operands.Y, layoutY.Value, &algorithm, (nuint)operands.Workspace, (nuint)choice.Workspace, operands.Stream);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        operation.Dispose();
        layoutW.Dispose();
        layoutX.Dispose();
        layoutY.Dispose();
    }

    private static cudaDataType_t TypeOf(DType type) => type switch
    {
        DType.F32 => cudaDataType_t.CUDA_R_32F,
        DType.BF16 => cudaDataType_t.CUDA_R_16BF,
        _ => throw new ArgumentException($"Products take F32 or BF16, not {type}.", nameof(type)),
    };
}

/// <summary>Addresses of one product.</summary>
/// <param name="X">Input rows.</param>
/// <param name="W">Weight.</param>
/// <param name="Bias">Bias in the output's type; 0 for none.</param>
/// <param name="Y">Output rows.</param>
/// <param name="Workspace">Workspace.</param>
/// <param name="Stream">Stream.</param>
internal readonly record struct GemmOperands(nint X, nint W, nint Bias, nint Y, nint Workspace, nint Stream);
