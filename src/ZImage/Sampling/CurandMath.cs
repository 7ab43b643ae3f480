using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ZImage.Sampling;

/// <summary>cuRAND's Box-Muller transform with CUDA's float32 arithmetic, eight lanes at a time. Every fused operation below is one on the GPU.</summary>
internal static class CurandMath
{
    /// <summary>Two normal numbers from two times 32 random bits: radius · sine and radius · cosine.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Sine, Vector256<float> Cosine) BoxMuller(Vector256<uint> x, Vector256<uint> y)
    {
        const float step = 1f / 4294967296;
        const float angleStep = step * 6.2831855f;
        Vector256<float> u = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(x), Vector256.Create(step), Vector256.Create(step / 2));
        Vector256<float> v = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(y), Vector256.Create(angleStep), Vector256.Create(angleStep / 2));
        Vector256<float> radius = Vector256.Sqrt(Log(u) * -2f);
        (Vector256<float> sine, Vector256<float> cosine) = MufuSine.SinCos(v);

        // PyTorch scales by 1 and adds the mean 0, which makes -0 to +0.
        return ((sine * radius) + Vector256<float>.Zero, (cosine * radius) + Vector256<float>.Zero);
    }

    /// <summary>CUDA's <c>logf</c> for normal positive numbers; the coefficients stand in the PTX that the compiler writes for it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Log(Vector256<float> value)
    {
        // value = m · 2^e, m in [2/3, 4/3).
        Vector256<int> bits = value.AsInt32();
        Vector256<int> scaled = (bits - Vector256.Create(0x3F2AAAAB)) & Vector256.Create(unchecked((int)0xFF800000));
        Vector256<float> exponent = Vector256.ConvertToSingle(scaled) * 1.1920929e-7f;
        Vector256<float> m = (bits - scaled).AsSingle() - Vector256<float>.One;

        Vector256<float> p = Vector256.Create(BitConverter.UInt32BitsToSingle(0xBE055027));
        p = Step(p, m, 0x3E1039F6);
        p = Step(p, m, 0xBDF8CDCC);
        p = Step(p, m, 0x3E0F2955);
        p = Step(p, m, 0xBE2AD8B9);
        p = Step(p, m, 0x3E4CED0B);
        p = Step(p, m, 0xBE7FFF22);
        p = Step(p, m, 0x3EAAAA78);
        p = Step(p, m, 0xBF000000);
        p = Vector256.FusedMultiplyAdd(m * p, m, m);
        return Vector256.FusedMultiplyAdd(exponent, Vector256.Create(BitConverter.UInt32BitsToSingle(0x3F317218)), p);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Step(Vector256<float> p, Vector256<float> m, uint coefficient) =>
        Vector256.FusedMultiplyAdd(p, m, Vector256.Create(BitConverter.UInt32BitsToSingle(coefficient)));
}
