using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>layernorm_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LayerNormParams
{
    public nint X;
    public nint Scale;
    public nint Y;
    public int Rows;
    public int Width;
    public int XStride;
    public int YStride;
    public int RowThreads;
    public float Eps;
}

public sealed partial class CudaBackend
{
    private CudaKernel layerNormX4;
    private CudaKernel layerNormAny;

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, Tensor scale, float eps, Tensor y)
    {
        OperatorChecks.LayerNorm(ActivationType, x, scale, y);
        if (x.Count == 0)
        {
            return;
        }

        bool vector = HasWholeGroups(x) && IsVectorAligned(x) && IsVectorAligned(scale) && IsVectorAligned(y);
        RowGeometry geometry = RowGeometry.Choose(x.RowCount, x.RowLength, perThread: 4, vector);
        LayerNormParams parameters = new()
        {
            X = x.Address,
            Scale = scale.Address,
            Y = y.Address,
            Rows = x.RowCount,
            Width = x.RowLength,
            XStride = x.RowStride,
            YStride = y.RowStride,
            RowThreads = geometry.RowThreads,
            Eps = eps,
        };
        CudaKernel kernel = geometry.Groups == 4
            ? ForActivations(ref layerNormX4, "layernorm", "layernorm_x4")
            : ForActivations(ref layerNormAny, "layernorm", "layernorm_any");
        Launch(kernel, new CudaGrid(geometry.Blocks), geometry.Threads, 0, in parameters);
    }
}
