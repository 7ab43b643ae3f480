using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ZImage.Backends.Cpu;

/// <summary>6 rows by 16 columns in 256-bit vectors: 12 of the 16 registers hold sums, two the panel, one a broadcast element of A.</summary>
internal readonly unsafe struct GemmKernel256 : IGemmKernel
{
    private const int Stride = GemmLayout.Stride;

    public static int Rows => 6;

    public static int Columns => 16;

    public static void Multiply(int rows, float* a, float* panel, int depth, float* c, nint cStride, bool accumulate)
    {
        for (; rows >= 6; rows -= 6, a += 6 * Stride, c += 6 * cStride)
        {
            Multiply6(a, panel, depth, c, cStride, accumulate);
        }

        for (; rows >= 3; rows -= 3, a += 3 * Stride, c += 3 * cStride)
        {
            Multiply3(a, panel, depth, c, cStride, accumulate);
        }

        for (; rows >= 1; rows--, a += Stride, c += cStride)
        {
            Multiply1(a, panel, depth, c, cStride, accumulate);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* rows, nint rowStride, int depth, float* panel)
    {
        for (int k = 0; k < depth; k += 8)
        {
            Transpose8(rows + k, rowStride, panel + (k * 16));
            Transpose8(rows + (8 * rowStride) + k, rowStride, panel + (k * 16) + 8);
        }
    }

    private static void Transpose8(float* s, nint stride, float* d)
    {
        Quad(s, stride, out Vector256<float> a0, out Vector256<float> a1, out Vector256<float> a2, out Vector256<float> a3);
        Quad(s + (4 * stride), stride, out Vector256<float> b0, out Vector256<float> b1, out Vector256<float> b2, out Vector256<float> b3);
        Lanes(a0, b0, d);
        Lanes(a1, b1, d + 16);
        Lanes(a2, b2, d + 32);
        Lanes(a3, b3, d + 48);
    }

    // Four rows; lane l of q_j holds column 4l + j.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(float* s, nint stride, out Vector256<float> q0, out Vector256<float> q1, out Vector256<float> q2, out Vector256<float> q3)
    {
        Vector256<float> r0 = Vector256.Load(s), r1 = Vector256.Load(s + stride), r2 = Vector256.Load(s + (2 * stride)), r3 = Vector256.Load(s + (3 * stride));
        Vector256<double> low01 = Avx.UnpackLow(r0, r1).AsDouble(), high01 = Avx.UnpackHigh(r0, r1).AsDouble();
        Vector256<double> low23 = Avx.UnpackLow(r2, r3).AsDouble(), high23 = Avx.UnpackHigh(r2, r3).AsDouble();
        q0 = Avx.UnpackLow(low01, low23).AsSingle();
        q1 = Avx.UnpackHigh(low01, low23).AsSingle();
        q2 = Avx.UnpackLow(high01, high23).AsSingle();
        q3 = Avx.UnpackHigh(high01, high23).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Lanes(Vector256<float> a, Vector256<float> b, float* to)
    {
        Avx.Permute2x128(a, b, 0x20).Store(to);
        Avx.Permute2x128(a, b, 0x31).Store(to + 64);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply6(float* a, float* b, int depth, float* c, nint cStride, bool accumulate)
    {
        Vector256<float> c0a = default, c0b = default;
        Vector256<float> c1a = default, c1b = default;
        Vector256<float> c2a = default, c2b = default;
        Vector256<float> c3a = default, c3b = default;
        Vector256<float> c4a = default, c4b = default;
        Vector256<float> c5a = default, c5b = default;
        float* end = a + depth;
        do
        {
            Vector256<float> b0 = Vector256.Load(b);
            Vector256<float> b1 = Vector256.Load(b + 8);
            Vector256<float> x = Vector256.Create(*a);
            c0a = Fma.MultiplyAdd(x, b0, c0a);
            c0b = Fma.MultiplyAdd(x, b1, c0b);
            x = Vector256.Create(a[1 * Stride]);
            c1a = Fma.MultiplyAdd(x, b0, c1a);
            c1b = Fma.MultiplyAdd(x, b1, c1b);
            x = Vector256.Create(a[2 * Stride]);
            c2a = Fma.MultiplyAdd(x, b0, c2a);
            c2b = Fma.MultiplyAdd(x, b1, c2b);
            x = Vector256.Create(a[3 * Stride]);
            c3a = Fma.MultiplyAdd(x, b0, c3a);
            c3b = Fma.MultiplyAdd(x, b1, c3b);
            x = Vector256.Create(a[4 * Stride]);
            c4a = Fma.MultiplyAdd(x, b0, c4a);
            c4b = Fma.MultiplyAdd(x, b1, c4b);
            x = Vector256.Create(a[5 * Stride]);
            c5a = Fma.MultiplyAdd(x, b0, c5a);
            c5b = Fma.MultiplyAdd(x, b1, c5b);
            b += 16;
            a++;
        }
        while (a < end);
        Write(c, c0a, c0b, accumulate);
        Write(c + cStride, c1a, c1b, accumulate);
        Write(c + (2 * cStride), c2a, c2b, accumulate);
        Write(c + (3 * cStride), c3a, c3b, accumulate);
        Write(c + (4 * cStride), c4a, c4b, accumulate);
        Write(c + (5 * cStride), c5a, c5b, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply3(float* a, float* b, int depth, float* c, nint cStride, bool accumulate)
    {
        Vector256<float> c0a = default, c0b = default;
        Vector256<float> c1a = default, c1b = default;
        Vector256<float> c2a = default, c2b = default;
        float* end = a + depth;
        do
        {
            Vector256<float> b0 = Vector256.Load(b);
            Vector256<float> b1 = Vector256.Load(b + 8);
            Vector256<float> x = Vector256.Create(*a);
            c0a = Fma.MultiplyAdd(x, b0, c0a);
            c0b = Fma.MultiplyAdd(x, b1, c0b);
            x = Vector256.Create(a[1 * Stride]);
            c1a = Fma.MultiplyAdd(x, b0, c1a);
            c1b = Fma.MultiplyAdd(x, b1, c1b);
            x = Vector256.Create(a[2 * Stride]);
            c2a = Fma.MultiplyAdd(x, b0, c2a);
            c2b = Fma.MultiplyAdd(x, b1, c2b);
            b += 16;
            a++;
        }
        while (a < end);
        Write(c, c0a, c0b, accumulate);
        Write(c + cStride, c1a, c1b, accumulate);
        Write(c + (2 * cStride), c2a, c2b, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply1(float* a, float* b, int depth, float* c, nint cStride, bool accumulate)
    {
        Vector256<float> c0a = default, c0b = default;
        float* end = a + depth;
        do
        {
            Vector256<float> b0 = Vector256.Load(b);
            Vector256<float> b1 = Vector256.Load(b + 8);
            Vector256<float> x = Vector256.Create(*a);
            c0a = Fma.MultiplyAdd(x, b0, c0a);
            c0b = Fma.MultiplyAdd(x, b1, c0b);
            b += 16;
            a++;
        }
        while (a < end);
        Write(c, c0a, c0b, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, Vector256<float> v0, Vector256<float> v1, bool accumulate)
    {
        if (accumulate)
        {
            v0 += Vector256.Load(c);
            v1 += Vector256.Load(c + 8);
        }

        v0.Store(c);
        v1.Store(c + 8);
    }
}
