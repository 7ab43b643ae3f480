using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ZImage.Backends.Cpu;

/// <content>Panels of 32 columns, by transposing 16 rows of 16 elements of 32 bits in registers.</content>
internal readonly unsafe partial struct GemmKernel512
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* rows, nint rowStride, int depth, float* panel)
    {
        for (int half = 0; half < 2; half++, rows += 16 * rowStride, panel += 16)
        {
            for (int k = 0; k < depth; k += 16)
            {
                Quad(rows + k, rowStride, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
                Quad(rows + k + (4 * rowStride), rowStride, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3);
                Quad(rows + k + (8 * rowStride), rowStride, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
                Quad(rows + k + (12 * rowStride), rowStride, out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2, out Vector512<float> d3);
                float* to = panel + (k * 32);
                Lanes(a0, b0, c0, d0, to);
                Lanes(a1, b1, c1, d1, to + 32);
                Lanes(a2, b2, c2, d2, to + 64);
                Lanes(a3, b3, c3, d3, to + 96);
            }
        }
    }

    // Two neighbouring bfloat16 travel as one element and part at the end: the lower one is shifted up, of the upper one the lower half is cleared.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool TryTransposeBFloat16(ushort* rows, nint rowStride, int depth, float* panel)
    {
        for (int half = 0; half < 2; half++, rows += 16 * rowStride, panel += 16)
        {
            for (int k = 0; k < depth; k += 32)
            {
                // The runs of a row are too short for the hardware to foresee the next block's.
                for (int r = 0; r < 16; r++)
                {
                    Sse.Prefetch0(rows + k + GemmLayout.Depth + (r * rowStride));
                }

                QuadPairs(rows + k, rowStride, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
                QuadPairs(rows + k + (4 * rowStride), rowStride, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3);
                QuadPairs(rows + k + (8 * rowStride), rowStride, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
                QuadPairs(rows + k + (12 * rowStride), rowStride, out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2, out Vector512<float> d3);
                float* to = panel + (k * 32);
                LanePairs(a0, b0, c0, d0, to);
                LanePairs(a1, b1, c1, d1, to + 64);
                LanePairs(a2, b2, c2, d2, to + 128);
                LanePairs(a3, b3, c3, d3, to + 192);
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(
        float* s, nint stride, out Vector512<float> q0, out Vector512<float> q1, out Vector512<float> q2, out Vector512<float> q3) =>
        Interleave(Vector512.Load(s), Vector512.Load(s + stride), Vector512.Load(s + (2 * stride)), Vector512.Load(s + (3 * stride)), out q0, out q1, out q2, out q3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void QuadPairs(
        ushort* s, nint stride, out Vector512<float> q0, out Vector512<float> q1, out Vector512<float> q2, out Vector512<float> q3) =>
        Interleave(
            Vector512.Load(s).AsSingle(), Vector512.Load(s + stride).AsSingle(), Vector512.Load(s + (2 * stride)).AsSingle(), Vector512.Load(s + (3 * stride)).AsSingle(),
            out q0, out q1, out q2, out q3);

    // Four rows; 128-bit lane l of q_j becomes column 4l + j.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Interleave(
        Vector512<float> r0, Vector512<float> r1, Vector512<float> r2, Vector512<float> r3,
        out Vector512<float> q0, out Vector512<float> q1, out Vector512<float> q2, out Vector512<float> q3)
    {
        Vector512<double> low01 = Avx512F.UnpackLow(r0, r1).AsDouble(), high01 = Avx512F.UnpackHigh(r0, r1).AsDouble();
        Vector512<double> low23 = Avx512F.UnpackLow(r2, r3).AsDouble(), high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
        q0 = Avx512F.UnpackLow(low01, low23).AsSingle();
        q1 = Avx512F.UnpackHigh(low01, low23).AsSingle();
        q2 = Avx512F.UnpackLow(high01, high23).AsSingle();
        q3 = Avx512F.UnpackHigh(high01, high23).AsSingle();
    }

    // Lane l of each input becomes a quarter of column 4l: row 4l of the panel.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Lanes(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* to)
    {
        Vector512<float> ab01 = Avx512F.Shuffle4x128(a, b, 0x44), ab23 = Avx512F.Shuffle4x128(a, b, 0xEE);
        Vector512<float> cd01 = Avx512F.Shuffle4x128(c, d, 0x44), cd23 = Avx512F.Shuffle4x128(c, d, 0xEE);
        Avx512F.Shuffle4x128(ab01, cd01, 0x88).Store(to);
        Avx512F.Shuffle4x128(ab01, cd01, 0xDD).Store(to + 128);
        Avx512F.Shuffle4x128(ab23, cd23, 0x88).Store(to + 256);
        Avx512F.Shuffle4x128(ab23, cd23, 0xDD).Store(to + 384);
    }

    // As above with columns of pairs: pair 4l is rows 8l and 8l + 1 of the panel.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LanePairs(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* to)
    {
        Vector512<float> ab01 = Avx512F.Shuffle4x128(a, b, 0x44), ab23 = Avx512F.Shuffle4x128(a, b, 0xEE);
        Vector512<float> cd01 = Avx512F.Shuffle4x128(c, d, 0x44), cd23 = Avx512F.Shuffle4x128(c, d, 0xEE);
        Part(Avx512F.Shuffle4x128(ab01, cd01, 0x88), to);
        Part(Avx512F.Shuffle4x128(ab01, cd01, 0xDD), to + 256);
        Part(Avx512F.Shuffle4x128(ab23, cd23, 0x88), to + 512);
        Part(Avx512F.Shuffle4x128(ab23, cd23, 0xDD), to + 768);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Part(Vector512<float> pairs, float* to)
    {
        (pairs.AsUInt32() << 16).AsSingle().Store(to);
        (pairs.AsUInt32() & Vector512.Create(0xFFFF_0000u)).AsSingle().Store(to + 32);
    }
}
