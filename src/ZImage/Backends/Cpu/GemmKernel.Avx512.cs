using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ZImage.Backends.Cpu;

/// <summary>12 rows by 32 columns in 512-bit vectors: 24 of the 32 registers hold sums, two the panel, one a broadcast element of A.</summary>
internal readonly unsafe partial struct GemmKernel512 : IGemmKernel
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
