using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>An algorithm for one product, opaque: [8] words that may be stored and used again with the same library version and device.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct cublasLtMatmulAlgo_t
{
    /// <summary>The words.</summary>
    public fixed ulong data[8];
}

/// <summary>One proposal of the heuristic.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct cublasLtMatmulHeuristicResult_t
{
    /// <summary>The algorithm.</summary>
    public cublasLtMatmulAlgo_t algo;

    /// <summary>Workspace in bytes that it needs.</summary>
    public nuint workspaceSize;

    /// <summary>Other fields count only if this is success.</summary>
    public cublasStatus_t state;

    /// <summary>How many times the grid fills the device; 1 is one full wave.</summary>
    public float wavesCount;

    /// <summary>Reserved.</summary>
    public fixed int reserved[4];
}
