using System.Numerics;
using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>rope_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RopeParams
{
    public nint Q;
    public nint K;
    public nint QWeight;
    public nint KWeight;
    public nint Cos;
    public nint Sin;
    public int Rows;
    public int QRows;
    public int QHeads;
    public int KHeads;
    public int QStride;
    public int KStride;
    public int QBlocks;
    public int KBlocks;
    public int Half;
    public int LaneShift;
    public int HalfSplit;
    public float Eps;
}

/// <summary>Launch of a <c>rope_*</c> kernel.</summary>
/// <param name="LaneShift">Base-2 logarithm of the threads per head; -1 for the kernel that takes any head.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="QBlocks">Blocks that share a row of queries.</param>
/// <param name="KBlocks">Blocks that share a row of keys.</param>
internal readonly record struct RopeGeometry(int LaneShift, int Threads, int QBlocks, int KBlocks)
{
    // Elements of a head that a thread turns, heads it turns them in, and the most threads of a block: kHeads and kThreads of the kernel.
    private const int ElementsPerThread = 16;
    private const int HeadsPerThread = 4;
    private const int MostThreads = 64;

    // Of the kernel that takes any head: a warp each.
    private const int ThreadsOfAny = 128;
    private const int Warp = 32;

    /// <summary>Chooses the launch.</summary>
    /// <param name="qHeads">Heads of a row of queries.</param>
    /// <param name="kHeads">Heads of a row of keys.</param>
    /// <param name="headDim">Elements of a head, even.</param>
    /// <param name="aligned">Whether every row, the tables and the weights start at multiples of 16 bytes.</param>
    public static RopeGeometry Choose(int qHeads, int kHeads, int headDim, bool aligned)
    {
        int lanes = headDim / ElementsPerThread;
        if (!aligned || !BitOperations.IsPow2(headDim) || lanes is < 1 or > Warp)
        {
            return new RopeGeometry(-1, ThreadsOfAny, RowGeometry.CeilDiv(qHeads, ThreadsOfAny / Warp), RowGeometry.CeilDiv(kHeads, ThreadsOfAny / Warp));
        }

        int qSlots = checked(qHeads * lanes), kSlots = checked(kHeads * lanes);
        int threads = Math.Min(MostThreads, RowGeometry.CeilDiv(RowGeometry.CeilDiv(Math.Max(qSlots, kSlots), HeadsPerThread), Warp) * Warp);
        int slots = HeadsPerThread * threads;
        return new RopeGeometry(BitOperations.Log2((uint)lanes), threads, RowGeometry.CeilDiv(qSlots, slots), RowGeometry.CeilDiv(kSlots, slots));
    }
}

public sealed partial class CudaBackend
{
    private CudaKernel ropeInterleaved;
    private CudaKernel ropeHalfSplit;
    private CudaKernel ropeAny;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">More blocks than a launch can have.</exception>
    public void HeadNormRope(Tensor q, Tensor k, Tensor qWeight, Tensor kWeight, Tensor cos, Tensor sin, RopeLayout layout, float eps)
    {
        OperatorChecks.HeadNormRope(ActivationType, q, k, qWeight, kWeight, cos, sin);
        if (k.Count == 0)
        {
            return;
        }

        int half = cos.RowLength;
        int qHeads = q.RowLength / (2 * half), kHeads = k.RowLength / (2 * half);
        bool aligned = IsVectorAligned(q) && IsVectorAligned(k) && IsVectorAligned(qWeight) && IsVectorAligned(kWeight)
            && IsVectorAligned(cos) && IsVectorAligned(sin);
        RopeGeometry geometry = RopeGeometry.Choose(qHeads, kHeads, 2 * half, aligned);
        RopeParams parameters = new()
        {
            Q = q.Address,
            K = k.Address,
            QWeight = AddressOrNull(qWeight),
            KWeight = AddressOrNull(kWeight),
            Cos = cos.Address,
            Sin = sin.Address,
            Rows = k.RowCount,
            QRows = q.RowCount,
            QHeads = qHeads,
            KHeads = kHeads,
            QStride = q.RowStride,
            KStride = k.RowStride,
            QBlocks = geometry.QBlocks,
            KBlocks = geometry.KBlocks,
            Half = half,
            LaneShift = geometry.LaneShift,
            HalfSplit = layout == RopeLayout.HalfSplit ? 1 : 0,
            Eps = eps,
        };
        CudaKernel kernel = (geometry.LaneShift, layout) switch
        {
            (< 0, _) => ForActivations(ref ropeAny, "rope", "rope_any"),
            (_, RopeLayout.Interleaved) => ForActivations(ref ropeInterleaved, "rope", "rope_interleaved"),
            _ => ForActivations(ref ropeHalfSplit, "rope", "rope_halfsplit"),
        };
        int blocks = RowGeometry.BlocksFor((long)k.RowCount * (geometry.QBlocks + geometry.KBlocks), 1);
        Launch(kernel, new CudaGrid(blocks), geometry.Threads, 0, in parameters);
    }
}
