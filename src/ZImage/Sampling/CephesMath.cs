using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ZImage.Sampling;

/// <summary>
/// Logarithm, sine and cosine by the float32 polynomials of the Cephes library, as PyTorch's vector code evaluates them (its avx_mathfun, after
/// J. Pommier and G. Garberoglio, zlib licence).
/// </summary>
/// <remarks>
/// Which multiplications and additions are fused is the C++ compiler's choice, not the source's. Where a sum has two products there are two choices; both
/// were tried against a million of PyTorch's values, and only those below give all of them.
/// </remarks>
internal static class CephesMath
{
    /// <summary>Natural logarithm of eight normal positive numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Log(Vector256<float> value)
    {
        // value = m · 2^e, first with m in [1/2, 1), then in [√½, √2); x = m - 1.
        Vector256<int> bits = value.AsInt32();
        Vector256<float> e = Vector256.ConvertToSingle((bits >>> 23) - Vector256.Create(126));
        Vector256<float> m = ((bits & Vector256.Create(0x007FFFFF)) | Vector256.Create(0x3F000000)).AsSingle();
        Vector256<float> small = Vector256.LessThan(m, Vector256.Create(0.707106781186547524f));
        e -= small & Vector256<float>.One;
        Vector256<float> x = (m - Vector256<float>.One) + (m & small);

        Vector256<float> z = x * x;
        Vector256<float> y = Vector256.Create(7.0376836292e-2f);
        y = Step(y, x, -1.1514610310e-1f);
        y = Step(y, x, 1.1676998740e-1f);
        y = Step(y, x, -1.2420140846e-1f);
        y = Step(y, x, 1.4249322787e-1f);
        y = Step(y, x, -1.6668057665e-1f);
        y = Step(y, x, 2.0000714765e-1f);
        y = Step(y, x, -2.4999993993e-1f);
        y = Step(y, x, 3.3333331174e-1f);
        y = Vector256.FusedMultiplyAdd(y * x, z, e * -2.12194440e-4f);
        y = Vector256.FusedMultiplyAdd(z, Vector256.Create(-0.5f), y);
        return Vector256.FusedMultiplyAdd(e, Vector256.Create(0.693359375f), x + y);
    }

    /// <summary>Sine and cosine of eight angles in radians, from 0 to a few turns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Sine, Vector256<float> Cosine) SinCos(Vector256<float> angle)
    {
        // The nearest even multiple of π/4 is taken off in three parts.
        Vector256<int> octant = (Vector256.ConvertToInt32Native(angle * 1.27323954473516f) + Vector256<int>.One) & Vector256.Create(~1);
        Vector256<float> j = Vector256.ConvertToSingle(octant);
        Vector256<float> x = Vector256.FusedMultiplyAdd(j, Vector256.Create(-0.78515625f), angle);
        x = Vector256.FusedMultiplyAdd(j, Vector256.Create(-2.4187564849853515625e-4f), x);
        x = Vector256.FusedMultiplyAdd(j, Vector256.Create(-3.77489497744594108e-8f), x);

        Vector256<float> z = x * x;
        Vector256<float> even = Vector256.Create(2.443315711809948e-5f);
        even = Step(even, z, -1.388731625493765e-3f);
        even = Step(even, z, 4.166664568298827e-2f);
        even = Vector256.FusedMultiplyAdd(even * z, z, z * -0.5f) + Vector256<float>.One;

        Vector256<float> odd = Vector256.Create(-1.9515295891e-4f);
        odd = Step(odd, z, 8.3321608736e-3f);
        odd = Step(odd, z, -1.6666654611e-1f);
        odd = Vector256.FusedMultiplyAdd(odd * z, x, x);

        Vector256<float> swapped = ((octant << 30) >> 31).AsSingle();
        Vector256<int> sineSign = (octant << 29) & Vector256.Create(int.MinValue);
        Vector256<int> cosineSign = ((octant + Vector256.Create(2)) << 29) & Vector256.Create(int.MinValue);
        Vector256<float> sine = Vector256.ConditionalSelect(swapped, even, odd);
        Vector256<float> cosine = Vector256.ConditionalSelect(swapped, odd, even);
        return (sine ^ sineSign.AsSingle(), cosine ^ cosineSign.AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Step(Vector256<float> p, Vector256<float> x, float coefficient) =>
        Vector256.FusedMultiplyAdd(p, x, Vector256.Create(coefficient));
}
