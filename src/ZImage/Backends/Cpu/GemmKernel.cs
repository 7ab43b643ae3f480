using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ZImage.Backends.Cpu;

/// <summary>The vector instructions a product is computed with.</summary>
internal enum VectorWidth
{
    /// <summary>128 bits: NEON, or SSE where a build allows no more.</summary>
    Bits128,

    /// <summary>256 bits: AVX2 and FMA.</summary>
    Bits256,

    /// <summary>512 bits: AVX-512F.</summary>
    Bits512,
}

/// <summary>
/// The innermost part of a matrix product, C = A·B or C += A·B over one block of the inner dimension.
/// </summary>
/// <remarks>
/// A is a block of rows, each <see cref="GemmLayout.Stride"/> floats from the next: a constant, so that every row is one fixed displacement in the
/// address and A needs no interleaving. B is a panel: <see cref="Columns"/> consecutive columns, [depth, Columns].
/// Every element of C is acc = 0; acc = fma(a_k, b_k, acc) for k in ascending order; then C = acc or C = C + acc. That order is the same
/// for each kernel and each number of rows, so an element does not depend on the rows, threads or vector width around it (wherever the
/// processor has FMA).
/// </remarks>
internal unsafe interface IGemmKernel
{
    /// <summary>Rows that one pass over a panel serves best.</summary>
    static abstract int Rows { get; }

    /// <summary>Columns of a panel.</summary>
    static abstract int Columns { get; }

    /// <summary>C [rows, Columns] = or += A [rows, depth] · panel [depth, Columns].</summary>
    /// <param name="rows">Any number of rows.</param>
    /// <param name="a">Rows of A, <see cref="GemmLayout.Stride"/> apart.</param>
    /// <param name="panel">The panel of B.</param>
    /// <param name="depth">1 .. <see cref="GemmLayout.Depth"/>.</param>
    /// <param name="c">First element of C; all Columns columns are written.</param>
    /// <param name="cStride">Floats from one row of C to the next.</param>
    /// <param name="accumulate">Whether to add to C.</param>
    static abstract void Multiply(int rows, float* a, float* panel, int depth, float* c, nint cStride, bool accumulate);

    /// <summary>Turns Columns rows of B transposed into a panel.</summary>
    /// <param name="rows">[Columns, depth]; read up to depth rounded up to 16.</param>
    /// <param name="rowStride">Floats from one row to the next.</param>
    /// <param name="depth">1 .. <see cref="GemmLayout.Depth"/>.</param>
    /// <param name="panel">[depth rounded up to 16, Columns].</param>
    static abstract void Transpose(float* rows, nint rowStride, int depth, float* panel);

    /// <summary>The same from bfloat16, widened on the way; false where the kernel has no short way for it.</summary>
    /// <param name="rows">[Columns, depth].</param>
    /// <param name="rowStride">Elements from one row to the next.</param>
    /// <param name="depth">A multiple of 32, at most <see cref="GemmLayout.Depth"/>.</param>
    /// <param name="panel">[depth, Columns].</param>
    static virtual bool TryTransposeBFloat16(ushort* rows, nint rowStride, int depth, float* panel) => false;
}

/// <summary>Sizes that all kernels share, and the choice among them.</summary>
internal static class GemmLayout
{
    /// <summary>
    /// Length of a block of the inner dimension. A panel of 32 columns is then 32 KiB, which leaves room in a 48 KiB first-level cache for the rows
    /// of A. Part of the arithmetic: sums of blocks are added up, which also keeps the rounding error that of 256 terms.
    /// </summary>
    public const int Depth = 256;

    /// <summary>Floats between rows of a block of A: not a multiple of 4 KiB, so that rows fall into different cache sets.</summary>
    public const int Stride = Depth + 16;

    /// <summary>The widest instructions of this processor that the build may use. (NativeAOT fixes this at publish time, see IlcInstructionSet.)</summary>
    public static VectorWidth Best { get; } =
        Avx512F.IsSupported && Vector512.IsHardwareAccelerated ? VectorWidth.Bits512
        : Avx2.IsSupported && Fma.IsSupported ? VectorWidth.Bits256
        : VectorWidth.Bits128;

    /// <summary>Whether this processor and build have the instructions.</summary>
    public static bool IsSupported(VectorWidth width) => width switch
    {
        VectorWidth.Bits512 => Avx512F.IsSupported,
        VectorWidth.Bits256 => Avx2.IsSupported && Fma.IsSupported,
        _ => true,
    };

    /// <summary>Depth rounded up to what a panel holds.</summary>
    public static int PanelDepth(int depth) => (depth + 15) & ~15;
}
