using System.Runtime.CompilerServices;

namespace ZImage.Backends.Cpu;

/// <summary>
/// The two products of attention as register tiles. Queries lie along the lanes, so both are C = A·B with A one packed column of
/// <see cref="Rows{TSimd, TVector}"/> values after the other, and B and C rows of <see cref="Lanes{TSimd, TVector}"/> queries.
/// </summary>
/// <remarks>The accumulators are separate locals because the JIT keeps no array of vectors in registers. The tiles are compiled with full
/// optimisation at once: unoptimised vector code is some hundred times slower, and a short run would spend seconds in it.</remarks>
internal static unsafe class AttentionTiles
{
    /// <summary>Height of a tile: keys in the scores, elements of the head in the output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Rows<TSimd, TVector>()
        where TSimd : ISimd<TVector>
        where TVector : struct => TSimd.Width == 16 ? 8 : 4;

    /// <summary>Queries in a panel: three vectors of 16 (24 of the 32 registers accumulate), else two vectors (8 of 16).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Lanes<TSimd, TVector>()
        where TSimd : ISimd<TVector>
        where TVector : struct => TSimd.Width * (TSimd.Width == 16 ? 3 : 2);

    /// <summary>One tile of C: A·B, brought into the range of finite floats, or C·factor + A·B.</summary>
    /// <param name="a">Packed [depth, Rows].</param>
    /// <param name="b">[depth, Lanes].</param>
    /// <param name="depth">Length of the sums.</param>
    /// <param name="c">[Rows, Lanes].</param>
    /// <param name="factor">[Lanes] to keep what C holds, or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply<TSimd, TVector>(float* a, float* b, int depth, float* c, float* factor)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        if (TSimd.Width == 16)
        {
            Multiply8x3<TSimd, TVector>(a, b, depth, c, factor);
        }
        else
        {
            Multiply4x2<TSimd, TVector>(a, b, depth, c, factor);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply8x3<TSimd, TVector>(float* a, float* b, int depth, float* c, float* factor)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        TVector c00 = TSimd.Broadcast(0f), c01 = c00, c02 = c00, c10 = c00, c11 = c00, c12 = c00;
        TVector c20 = c00, c21 = c00, c22 = c00, c30 = c00, c31 = c00, c32 = c00;
        TVector c40 = c00, c41 = c00, c42 = c00, c50 = c00, c51 = c00, c52 = c00;
        TVector c60 = c00, c61 = c00, c62 = c00, c70 = c00, c71 = c00, c72 = c00;
        float* end = a + ((long)depth * 8);
        while (a < end)
        {
            TVector b0 = TSimd.Load(b);
            TVector b1 = TSimd.Load(b + TSimd.Width);
            TVector b2 = TSimd.Load(b + (2 * TSimd.Width));
            TVector s = TSimd.Broadcast(a[0]);
            c00 = TSimd.MultiplyAdd(s, b0, c00);
            c01 = TSimd.MultiplyAdd(s, b1, c01);
            c02 = TSimd.MultiplyAdd(s, b2, c02);
            s = TSimd.Broadcast(a[1]);
            c10 = TSimd.MultiplyAdd(s, b0, c10);
            c11 = TSimd.MultiplyAdd(s, b1, c11);
            c12 = TSimd.MultiplyAdd(s, b2, c12);
            s = TSimd.Broadcast(a[2]);
            c20 = TSimd.MultiplyAdd(s, b0, c20);
            c21 = TSimd.MultiplyAdd(s, b1, c21);
            c22 = TSimd.MultiplyAdd(s, b2, c22);
            s = TSimd.Broadcast(a[3]);
            c30 = TSimd.MultiplyAdd(s, b0, c30);
            c31 = TSimd.MultiplyAdd(s, b1, c31);
            c32 = TSimd.MultiplyAdd(s, b2, c32);
            s = TSimd.Broadcast(a[4]);
            c40 = TSimd.MultiplyAdd(s, b0, c40);
            c41 = TSimd.MultiplyAdd(s, b1, c41);
            c42 = TSimd.MultiplyAdd(s, b2, c42);
            s = TSimd.Broadcast(a[5]);
            c50 = TSimd.MultiplyAdd(s, b0, c50);
            c51 = TSimd.MultiplyAdd(s, b1, c51);
            c52 = TSimd.MultiplyAdd(s, b2, c52);
            s = TSimd.Broadcast(a[6]);
            c60 = TSimd.MultiplyAdd(s, b0, c60);
            c61 = TSimd.MultiplyAdd(s, b1, c61);
            c62 = TSimd.MultiplyAdd(s, b2, c62);
            s = TSimd.Broadcast(a[7]);
            c70 = TSimd.MultiplyAdd(s, b0, c70);
            c71 = TSimd.MultiplyAdd(s, b1, c71);
            c72 = TSimd.MultiplyAdd(s, b2, c72);
            a += 8;
            b += 3 * TSimd.Width;
        }

        int lanes = 3 * TSimd.Width;
        for (int n = 0; n < 3; n++, c += TSimd.Width)
        {
            TVector f = factor == null ? c00 : TSimd.Load(factor + (n * TSimd.Width));
            Finish<TSimd, TVector>(c, factor != null, f, n == 0 ? c00 : n == 1 ? c01 : c02);
            Finish<TSimd, TVector>(c + lanes, factor != null, f, n == 0 ? c10 : n == 1 ? c11 : c12);
            Finish<TSimd, TVector>(c + (2 * lanes), factor != null, f, n == 0 ? c20 : n == 1 ? c21 : c22);
            Finish<TSimd, TVector>(c + (3 * lanes), factor != null, f, n == 0 ? c30 : n == 1 ? c31 : c32);
            Finish<TSimd, TVector>(c + (4 * lanes), factor != null, f, n == 0 ? c40 : n == 1 ? c41 : c42);
            Finish<TSimd, TVector>(c + (5 * lanes), factor != null, f, n == 0 ? c50 : n == 1 ? c51 : c52);
            Finish<TSimd, TVector>(c + (6 * lanes), factor != null, f, n == 0 ? c60 : n == 1 ? c61 : c62);
            Finish<TSimd, TVector>(c + (7 * lanes), factor != null, f, n == 0 ? c70 : n == 1 ? c71 : c72);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply4x2<TSimd, TVector>(float* a, float* b, int depth, float* c, float* factor)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        TVector c00 = TSimd.Broadcast(0f), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
        float* end = a + ((long)depth * 4);
        while (a < end)
        {
            TVector b0 = TSimd.Load(b);
            TVector b1 = TSimd.Load(b + TSimd.Width);
            TVector s = TSimd.Broadcast(a[0]);
            c00 = TSimd.MultiplyAdd(s, b0, c00);
            c01 = TSimd.MultiplyAdd(s, b1, c01);
            s = TSimd.Broadcast(a[1]);
            c10 = TSimd.MultiplyAdd(s, b0, c10);
            c11 = TSimd.MultiplyAdd(s, b1, c11);
            s = TSimd.Broadcast(a[2]);
            c20 = TSimd.MultiplyAdd(s, b0, c20);
            c21 = TSimd.MultiplyAdd(s, b1, c21);
            s = TSimd.Broadcast(a[3]);
            c30 = TSimd.MultiplyAdd(s, b0, c30);
            c31 = TSimd.MultiplyAdd(s, b1, c31);
            a += 4;
            b += 2 * TSimd.Width;
        }

        int lanes = 2 * TSimd.Width;
        bool keep = factor != null;
        TVector f0 = keep ? TSimd.Load(factor) : c00;
        TVector f1 = keep ? TSimd.Load(factor + TSimd.Width) : c00;
        Finish<TSimd, TVector>(c, keep, f0, c00);
        Finish<TSimd, TVector>(c + TSimd.Width, keep, f1, c01);
        Finish<TSimd, TVector>(c + lanes, keep, f0, c10);
        Finish<TSimd, TVector>(c + lanes + TSimd.Width, keep, f1, c11);
        Finish<TSimd, TVector>(c + (2 * lanes), keep, f0, c20);
        Finish<TSimd, TVector>(c + (2 * lanes) + TSimd.Width, keep, f1, c21);
        Finish<TSimd, TVector>(c + (3 * lanes), keep, f0, c30);
        Finish<TSimd, TVector>(c + (3 * lanes) + TSimd.Width, keep, f1, c31);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TSimd, TVector>(float* c, bool keep, TVector factor, TVector sum)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        // A score of ∞ would turn the whole row into NaN (∞ - ∞); the largest float in its place wins or loses as it should. NaN stays.
        sum = keep
            ? TSimd.MultiplyAdd(TSimd.Load(c), factor, sum)
            : TSimd.Min(TSimd.Broadcast(float.MaxValue), TSimd.Max(TSimd.Broadcast(float.MinValue), sum));
        TSimd.Store(c, sum);
    }
}
