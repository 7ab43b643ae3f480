using System.Runtime.CompilerServices;

namespace ZImage.Backends.Cpu;

/// <summary>SiLU over a range of elements.</summary>
internal static unsafe class ActivationMath
{
    /// <summary>y = silu(x)·up, or silu(x) where <paramref name="up"/> is null; y may be x.</summary>
    /// <remarks>The last elements go through a padded vector, so that a value does not depend on its place in the range.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void GatedSilu<TSimd, TVector>(float* x, float* up, float* y, long count)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        long i = 0;
        for (; i <= count - TSimd.Width; i += TSimd.Width)
        {
            TVector value = VectorMath.Silu<TSimd, TVector>(TSimd.Load(x + i));
            TSimd.Store(y + i, up == null ? value : TSimd.Multiply(value, TSimd.Load(up + i)));
        }

        if (i < count)
        {
            float* last = stackalloc float[TSimd.Width];
            for (int j = 0; j < TSimd.Width; j++)
            {
                last[j] = i + j < count ? x[i + j] : 0f;
            }

            TSimd.Store(last, VectorMath.Silu<TSimd, TVector>(TSimd.Load(last)));
            for (int j = 0; i + j < count; j++)
            {
                y[i + j] = up == null ? last[j] : last[j] * up[i + j];
            }
        }
    }
}
