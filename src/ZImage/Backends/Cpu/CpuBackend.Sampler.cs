using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void EulerStep(Tensor latents, Tensor prediction, float sigma, float sigmaNext)
    {
        OperatorChecks.DensePair(nameof(EulerStep), DType.F32, latents, prediction);

        // The sign of the prediction moves to the step: that changes no rounding.
        AddMultiple(sigma - sigmaNext, prediction, 1f, latents);
    }

    /// <inheritdoc/>
    public void Guidance(Tensor positive, Tensor negative, float scale, float normalization)
    {
        OperatorChecks.DensePair(nameof(Guidance), DType.F32, positive, negative);
        float* p = positive.Pointer<float>();
        float* n = negative.Pointer<float>();
        long count = positive.Count;
        double before = 0, after = 0;
        for (long i = 0; i < count; i++)
        {
            float guided = p[i] + (scale * (p[i] - n[i]));
            before += (double)p[i] * p[i];
            after += (double)guided * guided;
            p[i] = guided;
        }

        double bound = Math.Sqrt(before) * normalization;
        if (normalization > 0 && Math.Sqrt(after) > bound)
        {
            float factor = (float)(bound / Math.Sqrt(after));
            for (long i = 0; i < count; i++)
            {
                p[i] *= factor;
            }
        }
        KeepAlive(positive, negative);
    }

    /// <inheritdoc/>
    public void Blend(float a, Tensor x, float b, Tensor y)
    {
        OperatorChecks.DensePair(nameof(Blend), DType.F32, x, y);
        AddMultiple(a, x, b, y);
    }

    /// <summary>y = a·x + b·y, each product rounded before the sum.</summary>
    private void AddMultiple(float a, Tensor x, float b, Tensor y)
    {
        ForRange(x.Count, 1, new BlendKernel { A = a, X = x.Pointer<float>(), B = b, Y = y.Pointer<float>() });
        KeepAlive(x, y);
    }

    private struct BlendKernel : IRangeKernel
    {
        public float A;
        public float* X;
        public float B;
        public float* Y;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            TVector a = TSimd.Broadcast(A), b = TSimd.Broadcast(B);
            long i = begin;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
            {
                TSimd.Store(Y + i, TSimd.Add(TSimd.Multiply(a, TSimd.Load(X + i)), TSimd.Multiply(b, TSimd.Load(Y + i))));
            }

            for (; i < end; i++)
            {
                Y[i] = (A * X[i]) + (B * Y[i]);
            }
        }
    }
}
