using System.Runtime.CompilerServices;

namespace ZImage.Backends.Cpu;

/// <summary>What the norms compute over one row. Sums run in four vectors of partial sums, so each is a short chain.</summary>
internal static unsafe class RowMath
{
    /// <summary>Σ x².</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float SumOfSquares<TSimd, TVector>(float* x, int width)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        int step = TSimd.Width;
        TVector s0 = TSimd.Broadcast(0f), s1 = s0, s2 = s0, s3 = s0;
        int i = 0;
        for (; i <= width - (4 * step); i += 4 * step)
        {
            TVector a = TSimd.Load(x + i), b = TSimd.Load(x + i + step), c = TSimd.Load(x + i + (2 * step)), d = TSimd.Load(x + i + (3 * step));
            s0 = TSimd.MultiplyAdd(a, a, s0);
            s1 = TSimd.MultiplyAdd(b, b, s1);
            s2 = TSimd.MultiplyAdd(c, c, s2);
            s3 = TSimd.MultiplyAdd(d, d, s3);
        }

        for (; i <= width - step; i += step)
        {
            TVector a = TSimd.Load(x + i);
            s0 = TSimd.MultiplyAdd(a, a, s0);
        }

        float sum = TSimd.Sum(TSimd.Add(TSimd.Add(s0, s1), TSimd.Add(s2, s3)));
        for (; i < width; i++)
        {
            sum += x[i] * x[i];
        }

        return sum;
    }

    /// <summary>1 / sqrt(mean(x²) + eps).</summary>
    public static float InverseRms<TSimd, TVector>(float* x, int width, float eps)
        where TSimd : ISimd<TVector>
        where TVector : struct => 1f / MathF.Sqrt((SumOfSquares<TSimd, TVector>(x, width) / width) + eps);

    /// <summary>y = x·factor·weight·scale, multiplied in this order; weight and scale may be null for 1, y may be x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale<TSimd, TVector>(float* x, float factor, float* weight, float* scale, float* y, int width)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        TVector f = TSimd.Broadcast(factor);
        int i = 0;
        for (; i <= width - TSimd.Width; i += TSimd.Width)
        {
            TVector value = TSimd.Multiply(TSimd.Load(x + i), f);
            if (weight != null)
            {
                value = TSimd.Multiply(value, TSimd.Load(weight + i));
            }

            if (scale != null)
            {
                value = TSimd.Multiply(value, TSimd.Load(scale + i));
            }

            TSimd.Store(y + i, value);
        }

        for (; i < width; i++)
        {
            float value = x[i] * factor;
            value = weight != null ? value * weight[i] : value;
            y[i] = scale != null ? value * scale[i] : value;
        }
    }

    /// <summary>x += gate·(y·factor·weight); weight null: y is added as it is, gate null: 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddScaled<TSimd, TVector>(float* x, float* y, float factor, float* weight, float* gate, int width)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        TVector f = TSimd.Broadcast(factor);
        int i = 0;
        for (; i <= width - TSimd.Width; i += TSimd.Width)
        {
            TVector value = TSimd.Load(y + i);
            if (weight != null)
            {
                value = TSimd.Multiply(TSimd.Multiply(value, f), TSimd.Load(weight + i));
            }

            if (gate != null)
            {
                value = TSimd.Multiply(value, TSimd.Load(gate + i));
            }

            TSimd.Store(x + i, TSimd.Add(TSimd.Load(x + i), value));
        }

        for (; i < width; i++)
        {
            float value = weight != null ? y[i] * factor * weight[i] : y[i];
            x[i] += gate != null ? value * gate[i] : value;
        }
    }

    /// <summary>Σ x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum<TSimd, TVector>(float* x, int width)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        int step = TSimd.Width;
        TVector s0 = TSimd.Broadcast(0f), s1 = s0;
        int i = 0;
        for (; i <= width - (2 * step); i += 2 * step)
        {
            s0 = TSimd.Add(s0, TSimd.Load(x + i));
            s1 = TSimd.Add(s1, TSimd.Load(x + i + step));
        }

        float sum = TSimd.Sum(TSimd.Add(s0, s1));
        for (; i < width; i++)
        {
            sum += x[i];
        }

        return sum;
    }

    /// <summary>y = x - shift; returns Σ y².</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Subtract<TSimd, TVector>(float* x, float shift, float* y, int width)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        TVector s = TSimd.Broadcast(shift);
        int i = 0;
        for (; i <= width - TSimd.Width; i += TSimd.Width)
        {
            TSimd.Store(y + i, TSimd.Subtract(TSimd.Load(x + i), s));
        }

        for (; i < width; i++)
        {
            y[i] = x[i] - shift;
        }

        return SumOfSquares<TSimd, TVector>(y, width);
    }
}
