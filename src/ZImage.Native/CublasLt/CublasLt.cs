using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>
/// cuBLASLt as its manual has it: names kept, the raw status returned; handles and descriptors are nint, device pointers nuint.
/// A handle belongs to the context that was current when it was made; descriptors are plain host objects.
/// </summary>
internal static unsafe partial class CublasLt
{
    private const string Library = NativeLibraryResolver.CublasLt;

    /// <summary>A handle for the current context.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtCreate(out nint lightHandle);

    /// <summary>Destroys a handle; waits for the device.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtDestroy(nint lightHandle);

    /// <summary>Version of the library: 10000 major + 100 minor + patch; 130000 and more for CUDA 13.</summary>
    [LibraryImport(Library)]
    public static partial nuint cublasLtGetVersion();

    /// <summary>Name of a status, static text.</summary>
    [LibraryImport(Library)]
    public static partial byte* cublasLtGetStatusName(cublasStatus_t status);

    /// <summary>Description of a status, static text.</summary>
    [LibraryImport(Library)]
    public static partial byte* cublasLtGetStatusString(cublasStatus_t status);

    /// <summary>A description of a product.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatmulDescCreate(out nint matmulDesc, cublasComputeType_t computeType, cudaDataType_t scaleType);

    /// <summary>Destroys it.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatmulDescDestroy(nint matmulDesc);

    /// <summary>Sets one attribute of it.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatmulDescSetAttribute(
        nint matmulDesc, cublasLtMatmulDescAttributes_t attribute, void* value, nuint sizeInBytes);

    /// <summary>A matrix in memory; the leading dimension in elements.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatrixLayoutCreate(out nint layout, cudaDataType_t type, ulong rows, ulong columns, long leadingDimension);

    /// <summary>Destroys it.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatrixLayoutDestroy(nint layout);

    /// <summary>Sets one attribute of it.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatrixLayoutSetAttribute(
        nint layout, cublasLtMatrixLayoutAttribute_t attribute, void* value, nuint sizeInBytes);

    /// <summary>What the heuristic shall keep to.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatmulPreferenceCreate(out nint preference);

    /// <summary>Destroys it.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatmulPreferenceDestroy(nint preference);

    /// <summary>Sets one attribute of it.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
        nint preference, cublasLtMatmulPreferenceAttributes_t attribute, void* value, nuint sizeInBytes);

    /// <summary>Proposes up to [requestedAlgoCount] algorithms, the presumably fastest first.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
        nint lightHandle,
        nint operationDesc,
        nint layoutA,
        nint layoutB,
        nint layoutC,
        nint layoutD,
        nint preference,
        int requestedAlgoCount,
        cublasLtMatmulHeuristicResult_t* results,
        out int returnAlgoCount);

    /// <summary>D = alpha op(A) op(B) + beta C, with the epilogue; alpha and beta of the scale type, on the host unless the pointer mode says otherwise.</summary>
    [LibraryImport(Library)]
    public static partial cublasStatus_t cublasLtMatmul(
        nint lightHandle,
        nint computeDesc,
        void* alpha,
        nuint a,
        nint layoutA,
        nuint b,
        nint layoutB,
        void* beta,
        nuint c,
        nint layoutC,
        nuint d,
        nint layoutD,
        cublasLtMatmulAlgo_t* algo,
        nuint workspace,
        nuint workspaceSizeInBytes,
        nint stream);
}
