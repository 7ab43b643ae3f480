using System.Numerics;
using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>rope_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RopeParams
{
    public nint X;
    public nint Weight;
    public nint Cos;
    public nint Sin;
    public int Rows;
    public int Heads;
    public int Half;
    public int XStride;
    public int LaneShift;
    public int HalfSplit;
    public float Eps;
}

/// <summary>Launch of a <c>rope_*</c> kernel.</summary>
/// <param name="LaneShift">Base-2 logarithm of the threads per head; -1 for the kernel that takes any head.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="BlocksPerRow">Blocks that share a row.</param>
internal readonly record struct RopeGeometry(int LaneShift, int Threads, int BlocksPerRow)
{
    // Elements of a head that a thread turns, and heads it turns them in: kHeads of the kernel.
    private const int ElementsPerThread = 16;
    private const int HeadsPerThread = 2;
    private const int MostThreads = 128;
    private const int Warp = 32;

    /// <summary>Chooses the launch.</summary>
    /// <param name="heads">Heads of a row.</param>
    /// <param name="headDim">Elements of a head, even.</param>
    /// <param name="aligned">Whether every row, the tables and the weight start at multiples of 16 bytes.</param>
    public static RopeGeometry Choose(int heads, int headDim, bool aligned)
    {
        int lanes = headDim / ElementsPerThread;
        if (!aligned || !BitOperations.IsPow2(headDim) || lanes is < 1 or > Warp)
        {
            return new RopeGeometry(-1, MostThreads, RowGeometry.CeilDiv(heads, MostThreads / Warp));
        }

        int slots = checked(heads * lanes);
        int threads = Math.Min(MostThreads, RowGeometry.CeilDiv(RowGeometry.CeilDiv(slots, HeadsPerThread), Warp) * Warp);
        return new RopeGeometry(BitOperations.Log2((uint)lanes), threads, RowGeometry.CeilDiv(slots, HeadsPerThread * threads));
    }
}

public sealed partial class CudaBackend
{
    private CudaKernel ropeInterleaved;
    private CudaKernel ropeHalfSplit;
    private CudaKernel ropeAny;

    /// <inheritdoc/>
    public void HeadNormRope(Tensor x, Tensor weight, Tensor cos, Tensor sin, RopeLayout layout, float eps)
    {
        OperatorChecks.HeadNormRope(ActivationType, x, weight, cos, sin);
        if (x.Count == 0)
        {
            return;
        }

        int half = cos.RowLength;
        int heads = x.RowLength / (2 * half);
        bool aligned = IsVectorAligned(x) && IsVectorAligned(weight) && IsVectorAligned(cos) && IsVectorAligned(sin);
        RopeGeometry geometry = RopeGeometry.Choose(heads, 2 * half, aligned);
        RopeParams parameters = new()
        {
            X = x.Address,
            Weight = AddressOrNull(weight),
            Cos = cos.Address,
            Sin = sin.Address,
            Rows = x.RowCount,
            Heads = heads,
            Half = half,
            XStride = x.RowStride,
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
        Launch(kernel, new CudaGrid(x.RowCount, geometry.BlocksPerRow), geometry.Threads, 0, in parameters);
    }
}
