using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>rmsnorm_norm_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RmsNormParams
{
    public nint X;
    public nint Weight;
    public nint Scale;
    public nint Y;
    public int Rows;
    public int Width;
    public int XStride;
    public int YStride;
    public int RowThreads;
    public float Eps;
}

/// <summary>Parameters of <c>rmsnorm_residual_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ResidualNormParams
{
    public nint X;
    public nint Y;
    public nint Weight;
    public nint Gate;
    public nint NextWeight;
    public nint NextScale;
    public nint H;
    public int Rows;
    public int Width;
    public int XStride;
    public int YStride;
    public int HStride;
    public int RowThreads;
    public float Eps;
}

public sealed partial class CudaBackend
{
    // Of rmsnorm_residual_ring_bf16: see the kernel.
    private const int RingThreads = 128;
    private const int RingBlocksPerMultiprocessor = 4;
    private const int RingSharedBytes = RingThreads * 4 * 2 * 3 * 16;
    private const int RingLongestRow = RingThreads * 4 * RowGeometry.Group;
    private const int RingShortestRow = RingLongestRow / 2;

    private CudaKernel rmsNormX2;
    private CudaKernel rmsNormX4;
    private CudaKernel rmsNormAny;
    private CudaKernel residualNormX2;
    private CudaKernel residualNormX4;
    private CudaKernel residualNormAny;
    private CudaKernel residualNormRing;

    /// <inheritdoc/>
    public void RmsNorm(Tensor x, Tensor weight, Tensor scale, float eps, Tensor y)
    {
        OperatorChecks.RmsNorm(ActivationType, x, weight, scale, y);
        if (x.Count == 0)
        {
            return;
        }

        bool vector = HasWholeGroups(x) && IsVectorAligned(x) && IsVectorAligned(weight) && IsVectorAligned(scale) && IsVectorAligned(y);
        RowGeometry geometry = RowGeometry.Choose(x.RowCount, x.RowLength, GroupsPerThread, vector);
        RmsNormParams parameters = new()
        {
            X = x.Address,
            Weight = weight.Address,
            Scale = AddressOrNull(scale),
            Y = y.Address,
            Rows = x.RowCount,
            Width = x.RowLength,
            XStride = x.RowStride,
            YStride = y.RowStride,
            RowThreads = geometry.RowThreads,
            Eps = eps,
        };
        CudaKernel kernel = geometry.Groups switch
        {
            2 => ForActivations(ref rmsNormX2, "rmsnorm", "rmsnorm_norm_x2"),
            4 => ForActivations(ref rmsNormX4, "rmsnorm", "rmsnorm_norm_x4"),
            _ => ForActivations(ref rmsNormAny, "rmsnorm", "rmsnorm_norm_any"),
        };
        Launch(kernel, new CudaGrid(geometry.Blocks), geometry.Threads, 0, in parameters);
    }

    /// <inheritdoc/>
    public void ResidualNorm(Tensor x, Tensor y, Tensor weight, Tensor gate, Tensor nextWeight, Tensor nextScale, float eps, Tensor h)
    {
        OperatorChecks.ResidualNorm(ActivationType, x, y, weight, gate, nextWeight, nextScale, h);
        if (x.Count == 0)
        {
            return;
        }

        bool vector = HasWholeGroups(x) && IsVectorAligned(x) && IsVectorAligned(y) && IsVectorAligned(h) && IsVectorAligned(weight)
            && IsVectorAligned(gate) && IsVectorAligned(nextWeight) && IsVectorAligned(nextScale);
        bool ring = vector && UsesRing(ActivationType, x.RowCount, x.RowLength, Multiprocessors);
        RowGeometry geometry = ring
            ? new RowGeometry(0, RingThreads, RingThreads, Math.Min(x.RowCount, RingBlocksPerMultiprocessor * Multiprocessors))
            : RowGeometry.Choose(x.RowCount, x.RowLength, GroupsPerThread, vector);
        ResidualNormParams parameters = new()
        {
            X = x.Address,
            Y = y.Address,
            Weight = AddressOrNull(weight),
            Gate = AddressOrNull(gate),
            NextWeight = AddressOrNull(nextWeight),
            NextScale = AddressOrNull(nextScale),
            H = AddressOrNull(h),
            Rows = x.RowCount,
            Width = x.RowLength,
            XStride = x.RowStride,
            YStride = y.RowStride,
            HStride = StrideOrNone(h),
            RowThreads = geometry.RowThreads,
            Eps = eps,
        };
        if (ring)
        {
            if (!residualNormRing.IsLoaded)
            {
                residualNormRing = Kernel("rmsnorm", "rmsnorm_residual_ring_bf16", RingSharedBytes);
            }

            Launch(residualNormRing, new CudaGrid(geometry.Blocks), RingThreads, RingSharedBytes, in parameters);
            return;
        }

        CudaKernel kernel = geometry.Groups switch
        {
            2 => ForActivations(ref residualNormX2, "rmsnorm", "rmsnorm_residual_x2"),
            4 => ForActivations(ref residualNormX4, "rmsnorm", "rmsnorm_residual_x4"),
            _ => ForActivations(ref residualNormAny, "rmsnorm", "rmsnorm_residual_any"),
        };
        Launch(kernel, new CudaGrid(geometry.Blocks), geometry.Threads, 0, in parameters);
    }

    /// <summary>Whether the residual operator takes the kernel whose blocks walk over the rows: rows that fill its threads, and enough of them.</summary>
    internal static bool UsesRing(DType type, int rows, int width, int multiprocessors) =>
        type == DType.BF16 && width is > RingShortestRow and <= RingLongestRow && rows >= multiprocessors;

    // Two groups a thread are fastest in bf16; the float kernels, for comparisons only, have four.
    private int GroupsPerThread => ActivationType == DType.BF16 ? 2 : 4;

    private static bool HasWholeGroups(Tensor x) => x.RowLength % RowGeometry.Group == 0;
}
