using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ZImage.Backends.Cpu;

/// <summary>12 rows by 32 columns in 512-bit vectors: 24 of the 32 registers hold sums, two the panel, one a broadcast element of A.</summary>
internal readonly unsafe struct GemmKernel512 : IGemmKernel
{
    private const int Stride = GemmLayout.Stride;

    public static int Rows => 12;

    public static int Columns => 32;

    public static void Multiply(int rows, float* a, float* panel, int depth, float* c, nint cStride, bool accumulate)
    {
        for (; rows >= 12; rows -= 12, a += 12 * Stride, c += 12 * cStride)
        {
            Multiply12(a, panel, depth, c, cStride, accumulate);
        }

        for (; rows >= 4; rows -= 4, a += 4 * Stride, c += 4 * cStride)
        {
            Multiply4(a, panel, depth, c, cStride, accumulate);
        }

        for (; rows >= 1; rows--, a += Stride, c += cStride)
        {
            Multiply1(a, panel, depth, c, cStride, accumulate);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* rows, int depth, float* panel)
    {
        for (int k = 0; k < depth; k += 16)
        {
            Transpose16(rows + k, panel + (k * 32));
            Transpose16(rows + (16 * Stride) + k, panel + (k * 32) + 16);
        }
    }

    // 16 rows of 16 floats become 16 columns: pairs of rows, then quadruples within each 128-bit lane, then the lanes change places.
    private static void Transpose16(float* s, float* d)
    {
        Quad(s, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
        Quad(s + (4 * Stride), out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3);
        Quad(s + (8 * Stride), out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
        Quad(s + (12 * Stride), out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2, out Vector512<float> d3);
        Lanes(a0, b0, c0, d0, d);
        Lanes(a1, b1, c1, d1, d + 32);
        Lanes(a2, b2, c2, d2, d + 64);
        Lanes(a3, b3, c3, d3, d + 96);
    }

    // Four rows; lane l of q_j holds column 4l + j.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(float* s, out Vector512<float> q0, out Vector512<float> q1, out Vector512<float> q2, out Vector512<float> q3)
    {
        Vector512<float> r0 = Vector512.Load(s), r1 = Vector512.Load(s + Stride), r2 = Vector512.Load(s + (2 * Stride)), r3 = Vector512.Load(s + (3 * Stride));
        Vector512<double> low01 = Avx512F.UnpackLow(r0, r1).AsDouble(), high01 = Avx512F.UnpackHigh(r0, r1).AsDouble();
        Vector512<double> low23 = Avx512F.UnpackLow(r2, r3).AsDouble(), high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
        q0 = Avx512F.UnpackLow(low01, low23).AsSingle();
        q1 = Avx512F.UnpackHigh(low01, low23).AsSingle();
        q2 = Avx512F.UnpackLow(high01, high23).AsSingle();
        q3 = Avx512F.UnpackHigh(high01, high23).AsSingle();
    }

    // Lane l of each input becomes a quarter of column 4l: rows 4l of the panel, 128 floats apart.
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply12(float* a, float* b, int depth, float* c, nint cStride, bool accumulate)
    {
        Vector512<float> c0a = default, c0b = default;
        Vector512<float> c1a = default, c1b = default;
        Vector512<float> c2a = default, c2b = default;
        Vector512<float> c3a = default, c3b = default;
        Vector512<float> c4a = default, c4b = default;
        Vector512<float> c5a = default, c5b = default;
        Vector512<float> c6a = default, c6b = default;
        Vector512<float> c7a = default, c7b = default;
        Vector512<float> c8a = default, c8b = default;
        Vector512<float> c9a = default, c9b = default;
        Vector512<float> c10a = default, c10b = default;
        Vector512<float> c11a = default, c11b = default;
        float* end = a + depth;
        do
        {
            Vector512<float> b0 = Vector512.Load(b);
            Vector512<float> b1 = Vector512.Load(b + 16);
            Vector512<float> x = Vector512.Create(*a);
            c0a = Avx512F.FusedMultiplyAdd(x, b0, c0a);
            c0b = Avx512F.FusedMultiplyAdd(x, b1, c0b);
            x = Vector512.Create(a[1 * Stride]);
            c1a = Avx512F.FusedMultiplyAdd(x, b0, c1a);
            c1b = Avx512F.FusedMultiplyAdd(x, b1, c1b);
            x = Vector512.Create(a[2 * Stride]);
            c2a = Avx512F.FusedMultiplyAdd(x, b0, c2a);
            c2b = Avx512F.FusedMultiplyAdd(x, b1, c2b);
            x = Vector512.Create(a[3 * Stride]);
            c3a = Avx512F.FusedMultiplyAdd(x, b0, c3a);
            c3b = Avx512F.FusedMultiplyAdd(x, b1, c3b);
            x = Vector512.Create(a[4 * Stride]);
            c4a = Avx512F.FusedMultiplyAdd(x, b0, c4a);
            c4b = Avx512F.FusedMultiplyAdd(x, b1, c4b);
            x = Vector512.Create(a[5 * Stride]);
            c5a = Avx512F.FusedMultiplyAdd(x, b0, c5a);
            c5b = Avx512F.FusedMultiplyAdd(x, b1, c5b);
            x = Vector512.Create(a[6 * Stride]);
            c6a = Avx512F.FusedMultiplyAdd(x, b0, c6a);
            c6b = Avx512F.FusedMultiplyAdd(x, b1, c6b);
            x = Vector512.Create(a[7 * Stride]);
            c7a = Avx512F.FusedMultiplyAdd(x, b0, c7a);
            c7b = Avx512F.FusedMultiplyAdd(x, b1, c7b);
            x = Vector512.Create(a[8 * Stride]);
            c8a = Avx512F.FusedMultiplyAdd(x, b0, c8a);
            c8b = Avx512F.FusedMultiplyAdd(x, b1, c8b);
            x = Vector512.Create(a[9 * Stride]);
            c9a = Avx512F.FusedMultiplyAdd(x, b0, c9a);
            c9b = Avx512F.FusedMultiplyAdd(x, b1, c9b);
            x = Vector512.Create(a[10 * Stride]);
            c10a = Avx512F.FusedMultiplyAdd(x, b0, c10a);
            c10b = Avx512F.FusedMultiplyAdd(x, b1, c10b);
            x = Vector512.Create(a[11 * Stride]);
            c11a = Avx512F.FusedMultiplyAdd(x, b0, c11a);
            c11b = Avx512F.FusedMultiplyAdd(x, b1, c11b);
            b += 32;
            a++;
        }
        while (a < end);
        Write(c, c0a, c0b, accumulate);
        Write(c + cStride, c1a, c1b, accumulate);
        Write(c + (2 * cStride), c2a, c2b, accumulate);
        Write(c + (3 * cStride), c3a, c3b, accumulate);
        Write(c + (4 * cStride), c4a, c4b, accumulate);
        Write(c + (5 * cStride), c5a, c5b, accumulate);
        Write(c + (6 * cStride), c6a, c6b, accumulate);
        Write(c + (7 * cStride), c7a, c7b, accumulate);
        Write(c + (8 * cStride), c8a, c8b, accumulate);
        Write(c + (9 * cStride), c9a, c9b, accumulate);
        Write(c + (10 * cStride), c10a, c10b, accumulate);
        Write(c + (11 * cStride), c11a, c11b, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply4(float* a, float* b, int depth, float* c, nint cStride, bool accumulate)
    {
        Vector512<float> c0a = default, c0b = default;
        Vector512<float> c1a = default, c1b = default;
        Vector512<float> c2a = default, c2b = default;
        Vector512<float> c3a = default, c3b = default;
        float* end = a + depth;
        do
        {
            Vector512<float> b0 = Vector512.Load(b);
            Vector512<float> b1 = Vector512.Load(b + 16);
            Vector512<float> x = Vector512.Create(*a);
            c0a = Avx512F.FusedMultiplyAdd(x, b0, c0a);
            c0b = Avx512F.FusedMultiplyAdd(x, b1, c0b);
            x = Vector512.Create(a[1 * Stride]);
            c1a = Avx512F.FusedMultiplyAdd(x, b0, c1a);
            c1b = Avx512F.FusedMultiplyAdd(x, b1, c1b);
            x = Vector512.Create(a[2 * Stride]);
            c2a = Avx512F.FusedMultiplyAdd(x, b0, c2a);
            c2b = Avx512F.FusedMultiplyAdd(x, b1, c2b);
            x = Vector512.Create(a[3 * Stride]);
            c3a = Avx512F.FusedMultiplyAdd(x, b0, c3a);
            c3b = Avx512F.FusedMultiplyAdd(x, b1, c3b);
            b += 32;
            a++;
        }
        while (a < end);
        Write(c, c0a, c0b, accumulate);
        Write(c + cStride, c1a, c1b, accumulate);
        Write(c + (2 * cStride), c2a, c2b, accumulate);
        Write(c + (3 * cStride), c3a, c3b, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply1(float* a, float* b, int depth, float* c, nint cStride, bool accumulate)
    {
        Vector512<float> c0a = default, c0b = default;
        float* end = a + depth;
        do
        {
            Vector512<float> b0 = Vector512.Load(b);
            Vector512<float> b1 = Vector512.Load(b + 16);
            Vector512<float> x = Vector512.Create(*a);
            c0a = Avx512F.FusedMultiplyAdd(x, b0, c0a);
            c0b = Avx512F.FusedMultiplyAdd(x, b1, c0b);
            b += 32;
            a++;
        }
        while (a < end);
        Write(c, c0a, c0b, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, Vector512<float> v0, Vector512<float> v1, bool accumulate)
    {
        if (accumulate)
        {
            v0 += Vector512.Load(c);
            v1 += Vector512.Load(c + 16);
        }

        v0.Store(c);
        v1.Store(c + 16);
    }
}
