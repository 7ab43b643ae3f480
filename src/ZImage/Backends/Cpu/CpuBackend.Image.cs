using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void LatentsToChannelsLast(Tensor x, float scale, float shift, Tensor y)
    {
        OperatorChecks.LatentsToChannelsLast(ActivationType, x, y);
        int channels = x.Shape[1];
        long pixels = (long)x.Shape[2] * x.Shape[3];
        for (int item = 0; item < x.Shape[0]; item++)
        {
            float* source = x.Pointer<float>() + (item * channels * pixels);
            float* target = y.Pointer<float>() + (item * channels * pixels);
            for (long pixel = 0; pixel < pixels; pixel++)
            {
                for (int channel = 0; channel < channels; channel++)
                {
                    target[(pixel * channels) + channel] = (source[(channel * pixels) + pixel] * scale) + shift;
                }
            }
        }
        KeepAlive(x, y);
    }

    /// <inheritdoc/>
    public void ChannelsLastToLatents(Tensor x, float shift, float scale, Tensor y)
    {
        OperatorChecks.ChannelsLastToLatents(ActivationType, x, y);
        int channels = y.Shape[1], stored = x.Shape[3];
        long pixels = (long)y.Shape[2] * y.Shape[3];
        for (int item = 0; item < y.Shape[0]; item++)
        {
            float* source = x.Pointer<float>() + (item * stored * pixels);
            float* target = y.Pointer<float>() + (item * channels * pixels);
            for (int channel = 0; channel < channels; channel++)
            {
                for (long pixel = 0; pixel < pixels; pixel++)
                {
                    target[(channel * pixels) + pixel] = (source[(pixel * stored) + channel] + shift) * scale;
                }
            }
        }
        KeepAlive(x, y);
    }

    /// <inheritdoc/>
    public void ToRgb8(Tensor x, Span<byte> rgb)
    {
        OperatorChecks.Rgb8(nameof(ToRgb8), ActivationType, x, rgb.Length);
        fixed (byte* bytes = rgb)
        {
            ForRange(rgb.Length, 1, new ToRgb8Kernel { X = x.Pointer<float>(), Rgb = bytes });
        }
        KeepAlive(x);
    }

    /// <inheritdoc/>
    public void FromRgb8(ReadOnlySpan<byte> rgb, Tensor y)
    {
        OperatorChecks.Rgb8(nameof(FromRgb8), ActivationType, y, rgb.Length);
        fixed (byte* bytes = rgb)
        {
            ForRange(rgb.Length, 1, new FromRgb8Kernel { Rgb = bytes, Y = y.Pointer<float>() });
        }
        KeepAlive(y);
    }

    private struct ToRgb8Kernel : IRangeKernel
    {
        public float* X;
        public byte* Rgb;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            for (long i = begin; i < end; i++)
            {
                float level = (X[i] / 2) + 0.5f;

                // Written so that NaN fails both comparisons and becomes 0.
                level = level > 0f ? (level < 1f ? level : 1f) : 0f;
                Rgb[i] = (byte)MathF.Round(level * 255f, MidpointRounding.ToEven);
            }
        }
    }

    private struct FromRgb8Kernel : IRangeKernel
    {
        public byte* Rgb;
        public float* Y;

        public readonly void Run<TSimd, TVector>(long begin, long end)
            where TSimd : ISimd<TVector>
            where TVector : struct
        {
            for (long i = begin; i < end; i++)
            {
                Y[i] = (2f * (Rgb[i] / 255f)) - 1f;
            }
        }
    }
}
