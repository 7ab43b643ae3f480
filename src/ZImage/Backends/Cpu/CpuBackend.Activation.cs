using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void SwiGlu(Tensor gateUp, Tensor y)
    {
        OperatorChecks.SwiGlu(ActivationType, gateUp, y);
        ForRange(y.RowCount, y.RowLength, new SwiGluKernel
        {
            X = gateUp.Pointer<float>(),
            Y = y.Pointer<float>(),
            StrideX = gateUp.RowStride,
            StrideY = y.RowStride,
            Width = y.RowLength,
        });
        KeepAlive(gateUp, y);
    }

    /// <inheritdoc/>
    public void Silu(Tensor x, Tensor y)
    {
        OperatorChecks.DensePair(nameof(Silu), ActivationType, x, y);
        ForRange(x.Count, 1, new SiluKernel { X = x.Pointer<float>(), Y = y.Pointer<float>() });
        KeepAlive(x, y);
    }

    /// <inheritdoc/>
    public void Add(Tensor x, Tensor y)
    {
        OperatorChecks.DensePair(nameof(Add), ActivationType, x, y);
        ForRange(x.Count, 1, new AddKernel { X = x.Pointer<float>(), Y = y.Pointer<float>() });
        KeepAlive(x, y);
    }

    /// <inheritdoc/>
    public void Modulation(Tensor x, int width, Tensor y)
    {
        OperatorChecks.Modulation(ActivationType, x, width, y);

        // Some ten thousand numbers for a whole schedule, computed once: no vector code.
        for (int row = 0; row < x.RowCount; row++)
        {
            float* source = x.Pointer<float>() + ((long)row * x.RowStride);
            float* target = y.Pointer<float>() + ((long)row * y.RowStride);
            for (int i = 0; i < x.RowLength; i++)
            {
                target[i] = (i / width) % 2 == 0 ? 1f + source[i] : MathF.Tanh(source[i]);
            }
        }
        KeepAlive(x, y);
    }

    private struct SwiGluKernel : IRangeKernel
    {
        public float* X;
        public float* Y;
        public long StrideX;
        public long StrideY;
        public int Width;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            for (long row = begin; row < end; row++)
            {
                float* gate = X + (row * StrideX);
                ActivationMath.GatedSilu<TSimd, TVector>(gate, gate + Width, Y + (row * StrideY), Width);
            }
        }
    }

    private struct SiluKernel : IRangeKernel
    {
        public float* X;
        public float* Y;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct => ActivationMath.GatedSilu<TSimd, TVector>(X + begin, null, Y + begin, end - begin);
    }

    private struct AddKernel : IRangeKernel
    {
        public float* X;
        public float* Y;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            long i = begin;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
            {
                TSimd.Store(X + i, TSimd.Add(TSimd.Load(X + i), TSimd.Load(Y + i)));
            }

            for (; i < end; i++)
            {
                X[i] += Y[i];
            }
        }
    }
}
