using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void LayerNorm(Tensor x, Tensor scale, float eps, Tensor y)
    {
        OperatorChecks.LayerNorm(ActivationType, x, scale, y);
        ForRange(x.RowCount, x.RowLength, new LayerNormKernel
        {
            X = x.Pointer<float>(),
            Y = y.Pointer<float>(),
            StrideX = x.RowStride,
            StrideY = y.RowStride,
            Width = x.RowLength,
            Scale = scale.Pointer<float>(),
            Eps = eps,
        });
        KeepAlive(x, scale, y);
    }

    private struct LayerNormKernel : IRangeKernel
    {
        public float* X;
        public float* Y;
        public long StrideX;
        public long StrideY;
        public int Width;
        public float* Scale;
        public float Eps;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            for (long row = begin; row < end; row++)
            {
                float* x = X + (row * StrideX);
                float* y = Y + (row * StrideY);

                // The mean comes off before squaring: mean(x²) - mean(x)² would lose the digits of a row that is far from 0.
                // What is left of the mean after its rounding comes off in a second step.
                float mean = RowMath.Sum<TSimd, TVector>(x, Width) / Width;
                RowMath.Subtract<TSimd, TVector>(x, mean, y, Width);
                float rest = RowMath.Sum<TSimd, TVector>(y, Width) / Width;
                float squares = RowMath.Subtract<TSimd, TVector>(y, rest, y, Width);
                float factor = 1f / MathF.Sqrt((squares / Width) + Eps);
                RowMath.Scale<TSimd, TVector>(y, factor, null, Scale, y, Width);
            }
        }
    }
}
