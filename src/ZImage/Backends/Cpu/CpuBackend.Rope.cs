using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void HeadNormRope(Tensor q, Tensor k, Tensor qWeight, Tensor kWeight, Tensor cos, Tensor sin, RopeLayout layout, float eps)
    {
        OperatorChecks.HeadNormRope(ActivationType, q, k, qWeight, kWeight, cos, sin);
        Turn(q, qWeight, cos, sin, layout, eps);
        Turn(k, kWeight, cos, sin, layout, eps);
        KeepAlive(q, k, qWeight, kWeight, cos, sin);
    }

    private void Turn(Tensor x, Tensor weight, Tensor cos, Tensor sin, RopeLayout layout, float eps) =>
        ForRange(x.RowCount, x.RowLength, new HeadNormRopeKernel
        {
            X = x.Pointer<float>(),
            Stride = x.RowStride,
            Half = cos.RowLength,
            Heads = x.RowLength / (2 * cos.RowLength),
            Weight = PointerOrNull(weight),
            Cos = cos.Pointer<float>(),
            Sin = sin.Pointer<float>(),
            Layout = layout,
            Eps = eps,
        });

    private struct HeadNormRopeKernel : IRangeKernel
    {
        public float* X;
        public long Stride;
        public int Half;
        public int Heads;
        public float* Weight;
        public float* Cos;
        public float* Sin;
        public RopeLayout Layout;
        public float Eps;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            for (long row = begin; row < end; row++)
            {
                float* cos = Cos + (row * Half);
                float* sin = Sin + (row * Half);
                for (int head = 0; head < Heads; head++)
                {
                    float* x = X + (row * Stride) + (head * 2L * Half);
                    if (Weight != null)
                    {
                        float factor = RowMath.InverseRms<TSimd, TVector>(x, 2 * Half, Eps);
                        RowMath.Scale<TSimd, TVector>(x, factor, Weight, null, x, 2 * Half);
                    }

                    if (Layout == RopeLayout.Interleaved)
                    {
                        TurnPairs<TSimd, TVector>(x, cos, sin, Half);
                    }
                    else
                    {
                        TurnHalves<TSimd, TVector>(x, cos, sin, Half);
                    }
                }
            }
        }

        private static void TurnPairs<TSimd, TVector>(float* x, float* cos, float* sin, int half)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            int i = 0;
            for (; i <= half - (TSimd.Width / 2); i += TSimd.Width / 2)
            {
                TVector value = TSimd.Load(x + (2 * i));
                TVector across = TSimd.Multiply(TSimd.SwapPairs(value), TSimd.LoadPairs(sin + i));
                TVector along = TSimd.Multiply(value, TSimd.LoadPairs(cos + i));
                TSimd.Store(x + (2 * i), TSimd.Add(along, TSimd.Multiply(across, TSimd.PairSigns)));
            }

            for (; i < half; i++)
            {
                float a = x[2 * i], b = x[(2 * i) + 1];
                x[2 * i] = (a * cos[i]) - (b * sin[i]);
                x[(2 * i) + 1] = (b * cos[i]) + (a * sin[i]);
            }
        }

        private static void TurnHalves<TSimd, TVector>(float* x, float* cos, float* sin, int half)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            float* y = x + half;
            int i = 0;
            for (; i <= half - TSimd.Width; i += TSimd.Width)
            {
                TVector a = TSimd.Load(x + i), b = TSimd.Load(y + i), c = TSimd.Load(cos + i), s = TSimd.Load(sin + i);
                TSimd.Store(x + i, TSimd.Subtract(TSimd.Multiply(a, c), TSimd.Multiply(b, s)));
                TSimd.Store(y + i, TSimd.Add(TSimd.Multiply(b, c), TSimd.Multiply(a, s)));
            }

            for (; i < half; i++)
            {
                float a = x[i], b = y[i];
                x[i] = (a * cos[i]) - (b * sin[i]);
                y[i] = (b * cos[i]) + (a * sin[i]);
            }
        }
    }
}
