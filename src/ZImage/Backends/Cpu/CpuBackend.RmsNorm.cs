using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void RmsNorm(Tensor x, Tensor weight, Tensor scale, float eps, Tensor y)
    {
        OperatorChecks.RmsNorm(ActivationType, x, weight, scale, y);
        ForRange(x.RowCount, x.RowLength, new RmsNormKernel
        {
            X = x.Pointer<float>(),
            Y = y.Pointer<float>(),
            StrideX = x.RowStride,
            StrideY = y.RowStride,
            Width = x.RowLength,
            Weight = weight.Pointer<float>(),
            Scale = PointerOrNull(scale),
            Eps = eps,
        });
        KeepAlive(x, weight, scale, y);
    }

    /// <inheritdoc/>
    public void ResidualNorm(Tensor x, Tensor y, Tensor weight, Tensor gate, Tensor nextWeight, Tensor nextScale, float eps, Tensor h)
    {
        OperatorChecks.ResidualNorm(ActivationType, x, y, weight, gate, nextWeight, nextScale, h);
        ForRange(x.RowCount, x.RowLength, new ResidualNormKernel
        {
            X = x.Pointer<float>(),
            Y = y.Pointer<float>(),
            H = PointerOrNull(h),
            StrideX = x.RowStride,
            StrideY = y.RowStride,
            StrideH = h.RowStride,
            Width = x.RowLength,
            Weight = PointerOrNull(weight),
            Gate = PointerOrNull(gate),
            NextWeight = PointerOrNull(nextWeight),
            NextScale = PointerOrNull(nextScale),
            Eps = eps,
        });
        KeepAlive(x, y, weight, gate, nextWeight, nextScale, h);
    }

    private static float* PointerOrNull(Tensor tensor) => tensor.IsEmpty ? null : tensor.Pointer<float>();

    private struct RmsNormKernel : IRangeKernel
    {
        public float* X;
        public float* Y;
        public long StrideX;
        public long StrideY;
        public int Width;
        public float* Weight;
        public float* Scale;
        public float Eps;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            for (long row = begin; row < end; row++)
            {
                float* x = X + (row * StrideX);
                float factor = RowMath.InverseRms<TSimd, TVector>(x, Width, Eps);
                RowMath.Scale<TSimd, TVector>(x, factor, Weight, Scale, Y + (row * StrideY), Width);
            }
        }
    }

    /// <summary>A row is read from memory once: the later passes find it in the first-level cache.</summary>
    private struct ResidualNormKernel : IRangeKernel
    {
        public float* X;
        public float* Y;
        public float* H;
        public long StrideX;
        public long StrideY;
        public long StrideH;
        public int Width;
        public float* Weight;
        public float* Gate;
        public float* NextWeight;
        public float* NextScale;
        public float Eps;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            for (long row = begin; row < end; row++)
            {
                float* x = X + (row * StrideX);
                float* y = Y + (row * StrideY);
                float factor = Weight == null ? 1f : RowMath.InverseRms<TSimd, TVector>(y, Width, Eps);
                RowMath.AddScaled<TSimd, TVector>(x, y, factor, Weight, Gate, Width);
                if (H != null)
                {
                    factor = RowMath.InverseRms<TSimd, TVector>(x, Width, Eps);
                    RowMath.Scale<TSimd, TVector>(x, factor, NextWeight, NextScale, H + (row * StrideH), Width);
                }
            }
        }
    }
}
