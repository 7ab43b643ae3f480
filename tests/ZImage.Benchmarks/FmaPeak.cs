using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ZImage.Benchmarks;

/// <summary>The most floating-point operations that the cores can do: fused multiply-adds on registers alone, on every thread.</summary>
internal static class FmaPeak
{
    private const int Chains = 12;

    /// <summary>GFLOP/s of <paramref name="threads"/> threads together, the best of several short runs.</summary>
    public static double Measure(int threads)
    {
        double best = 0;
        for (int repeat = 0; repeat < 8; repeat++)
        {
            // Each thread times itself: the thread that starts them may be kept waiting by the very work it measures.
            const int Steps = 10_000_000;
            using Barrier barrier = new(threads);
            Thread[] workers = new Thread[threads];
            double[] rates = new double[threads];
            for (int i = 0; i < threads; i++)
            {
                int self = i;
                workers[i] = new Thread(() =>
                {
                    barrier.SignalAndWait();
                    long start = Stopwatch.GetTimestamp();
                    Sink = Loop(Steps);
                    rates[self] = 2e-9 * Lanes * Chains * Steps / Stopwatch.GetElapsedTime(start).TotalSeconds;
                });
                workers[i].Start();
            }

            foreach (Thread worker in workers)
            {
                worker.Join();
            }

            best = Math.Max(best, rates.Sum());
        }

        return best;
    }

    /// <summary>Floats in the widest vector.</summary>
    public static int Lanes => Avx512F.IsSupported ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4;

    private static float Sink { get; set; }

    private static float Loop(int steps) => Avx512F.IsSupported ? Loop512(steps) : Vector256.IsHardwareAccelerated ? Loop256(steps) : Loop128(steps);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Loop512(int steps)
    {
        Vector512<float> x = Vector512.Create(0.999f), y = Vector512.Create(1e-9f);
        Vector512<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (int n = 0; n < steps; n++)
        {
            a = Vector512.FusedMultiplyAdd(a, x, y);
            b = Vector512.FusedMultiplyAdd(b, x, y);
            c = Vector512.FusedMultiplyAdd(c, x, y);
            d = Vector512.FusedMultiplyAdd(d, x, y);
            e = Vector512.FusedMultiplyAdd(e, x, y);
            f = Vector512.FusedMultiplyAdd(f, x, y);
            g = Vector512.FusedMultiplyAdd(g, x, y);
            h = Vector512.FusedMultiplyAdd(h, x, y);
            i = Vector512.FusedMultiplyAdd(i, x, y);
            j = Vector512.FusedMultiplyAdd(j, x, y);
            k = Vector512.FusedMultiplyAdd(k, x, y);
            l = Vector512.FusedMultiplyAdd(l, x, y);
        }

        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Loop256(int steps)
    {
        Vector256<float> x = Vector256.Create(0.999f), y = Vector256.Create(1e-9f);
        Vector256<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (int n = 0; n < steps; n++)
        {
            a = Vector256.FusedMultiplyAdd(a, x, y);
            b = Vector256.FusedMultiplyAdd(b, x, y);
            c = Vector256.FusedMultiplyAdd(c, x, y);
            d = Vector256.FusedMultiplyAdd(d, x, y);
            e = Vector256.FusedMultiplyAdd(e, x, y);
            f = Vector256.FusedMultiplyAdd(f, x, y);
            g = Vector256.FusedMultiplyAdd(g, x, y);
            h = Vector256.FusedMultiplyAdd(h, x, y);
            i = Vector256.FusedMultiplyAdd(i, x, y);
            j = Vector256.FusedMultiplyAdd(j, x, y);
            k = Vector256.FusedMultiplyAdd(k, x, y);
            l = Vector256.FusedMultiplyAdd(l, x, y);
        }

        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Loop128(int steps)
    {
        Vector128<float> x = Vector128.Create(0.999f), y = Vector128.Create(1e-9f);
        Vector128<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (int n = 0; n < steps; n++)
        {
            a = Vector128.MultiplyAddEstimate(a, x, y);
            b = Vector128.MultiplyAddEstimate(b, x, y);
            c = Vector128.MultiplyAddEstimate(c, x, y);
            d = Vector128.MultiplyAddEstimate(d, x, y);
            e = Vector128.MultiplyAddEstimate(e, x, y);
            f = Vector128.MultiplyAddEstimate(f, x, y);
            g = Vector128.MultiplyAddEstimate(g, x, y);
            h = Vector128.MultiplyAddEstimate(h, x, y);
            i = Vector128.MultiplyAddEstimate(i, x, y);
            j = Vector128.MultiplyAddEstimate(j, x, y);
            k = Vector128.MultiplyAddEstimate(k, x, y);
            l = Vector128.MultiplyAddEstimate(l, x, y);
        }

        return Vector128.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
