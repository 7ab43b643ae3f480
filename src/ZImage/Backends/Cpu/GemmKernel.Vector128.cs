using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace ZImage.Backends.Cpu;

/// <summary>8 rows by 8 columns in 128-bit vectors on ARM (16 of 32 registers hold sums), 4 rows by 8 columns where there are 16 registers.</summary>
internal readonly unsafe struct GemmKernel128 : IGemmKernel
{
    private const int Stride = GemmLayout.Stride;

    public static int Rows => AdvSimd.IsSupported ? 8 : 4;

    public static int Columns => 8;

    public static void Multiply(int rows, float* a, float* panel, int depth, float* c, nint cStride, bool accumulate)
    {
        for (; AdvSimd.IsSupported && rows >= 8; rows -= 8, a += 8 * Stride, c += 8 * cStride)
        {
            Multiply8(a, panel, depth, c, cStride, accumulate);
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
    public static void Transpose(float* rows, nint rowStride, int depth, float* panel)
    {
        for (int k = 0; k < depth; k += 4)
        {
            Transpose4(rows + k, rowStride, panel + (k * 8));
            Transpose4(rows + (4 * rowStride) + k, rowStride, panel + (k * 8) + 4);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4(float* s, nint stride, float* d)
    {
        Vector128<float> r0 = Vector128.Load(s), r1 = Vector128.Load(s + stride), r2 = Vector128.Load(s + (2 * stride)), r3 = Vector128.Load(s + (3 * stride));
        Vector128<float> low01 = Low(r0, r1), high01 = High(r0, r1), low23 = Low(r2, r3), high23 = High(r2, r3);
        Vector128.Create(low01.GetLower(), low23.GetLower()).Store(d);
        Vector128.Create(low01.GetUpper(), low23.GetUpper()).Store(d + 8);
        Vector128.Create(high01.GetLower(), high23.GetLower()).Store(d + 16);
        Vector128.Create(high01.GetUpper(), high23.GetUpper()).Store(d + 24);
    }

    // a0 b0 a1 b1
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Low(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    // a2 b2 a3 b3
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> High(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    // Without the instruction a fused product would be computed in software, element by element; two roundings are the lesser evil.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> MultiplyAdd(Vector128<float> x, Vector128<float> y, Vector128<float> sum) =>
        Fma.IsSupported || AdvSimd.IsSupported ? Vector128.FusedMultiplyAdd(x, y, sum) : sum + (x * y);

    /// <summary>The tile for ARM. Internal, so that it is tested on other processors too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Multiply8(float* a, float* b, int depth, float* c, nint cStride, bool accumulate)
    {
        Vector128<float> c0a = default, c0b = default;
        Vector128<float> c1a = default, c1b = default;
        Vector128<float> c2a = default, c2b = default;
        Vector128<float> c3a = default, c3b = default;
        Vector128<float> c4a = default, c4b = default;
        Vector128<float> c5a = default, c5b = default;
        Vector128<float> c6a = default, c6b = default;
        Vector128<float> c7a = default, c7b = default;
        float* end = a + depth;
        do
        {
            Vector128<float> b0 = Vector128.Load(b);
            Vector128<float> b1 = Vector128.Load(b + 4);
            Vector128<float> x = Vector128.Create(*a);
            c0a = MultiplyAdd(x, b0, c0a);
            c0b = MultiplyAdd(x, b1, c0b);
            x = Vector128.Create(a[1 * Stride]);
            c1a = MultiplyAdd(x, b0, c1a);
            c1b = MultiplyAdd(x, b1, c1b);
            x = Vector128.Create(a[2 * Stride]);
            c2a = MultiplyAdd(x, b0, c2a);
            c2b = MultiplyAdd(x, b1, c2b);
            x = Vector128.Create(a[3 * Stride]);
            c3a = MultiplyAdd(x, b0, c3a);
            c3b = MultiplyAdd(x, b1, c3b);
            x = Vector128.Create(a[4 * Stride]);
            c4a = MultiplyAdd(x, b0, c4a);
            c4b = MultiplyAdd(x, b1, c4b);
            x = Vector128.Create(a[5 * Stride]);
            c5a = MultiplyAdd(x, b0, c5a);
            c5b = MultiplyAdd(x, b1, c5b);
            x = Vector128.Create(a[6 * Stride]);
            c6a = MultiplyAdd(x, b0, c6a);
            c6b = MultiplyAdd(x, b1, c6b);
            x = Vector128.Create(a[7 * Stride]);
            c7a = MultiplyAdd(x, b0, c7a);
            c7b = MultiplyAdd(x, b1, c7b);
            b += 8;
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
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply4(float* a, float* b, int depth, float* c, nint cStride, bool accumulate)
    {
        Vector128<float> c0a = default, c0b = default;
        Vector128<float> c1a = default, c1b = default;
        Vector128<float> c2a = default, c2b = default;
        Vector128<float> c3a = default, c3b = default;
        float* end = a + depth;
        do
        {
            Vector128<float> b0 = Vector128.Load(b);
            Vector128<float> b1 = Vector128.Load(b + 4);
            Vector128<float> x = Vector128.Create(*a);
            c0a = MultiplyAdd(x, b0, c0a);
            c0b = MultiplyAdd(x, b1, c0b);
            x = Vector128.Create(a[1 * Stride]);
            c1a = MultiplyAdd(x, b0, c1a);
            c1b = MultiplyAdd(x, b1, c1b);
            x = Vector128.Create(a[2 * Stride]);
            c2a = MultiplyAdd(x, b0, c2a);
            c2b = MultiplyAdd(x, b1, c2b);
            x = Vector128.Create(a[3 * Stride]);
            c3a = MultiplyAdd(x, b0, c3a);
            c3b = MultiplyAdd(x, b1, c3b);
            b += 8;
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
        Vector128<float> c0a = default, c0b = default;
        float* end = a + depth;
        do
        {
            Vector128<float> b0 = Vector128.Load(b);
            Vector128<float> b1 = Vector128.Load(b + 4);
            Vector128<float> x = Vector128.Create(*a);
            c0a = MultiplyAdd(x, b0, c0a);
            c0b = MultiplyAdd(x, b1, c0b);
            b += 8;
            a++;
        }
        while (a < end);
        Write(c, c0a, c0b, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(float* c, Vector128<float> v0, Vector128<float> v1, bool accumulate)
    {
        if (accumulate)
        {
            v0 += Vector128.Load(c);
            v1 += Vector128.Load(c + 4);
        }

        v0.Store(c);
        v1.Store(c + 4);
    }
}
