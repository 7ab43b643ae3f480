using System.Runtime.CompilerServices;

namespace ZImage.Backends.Cpu;

/// <summary>Elementary functions over vectors: the exponential within 2 units in the last place, what is built on it within 4.</summary>
internal static unsafe class VectorMath
{
    /// <summary>
    /// eˣ: x = n·ln 2 + r with |r| ≤ ln 2 / 2, a polynomial for eʳ, then a scaling by 2ⁿ that rounds once, so denormal results are right too.
    /// 0 from -104 down and at -∞, ∞ above 88.73, NaN for NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp<TSimd, TVector>(TVector x)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        // The bounds keep n in the range of Scale; beyond them the result is 0 or ∞ anyway.
        x = TSimd.Min(TSimd.Broadcast(90f), TSimd.Max(TSimd.Broadcast(-110f), x));
        TVector n = TSimd.Round(TSimd.Multiply(x, TSimd.Broadcast(1.44269504f)));

        // ln 2 in two parts; the first has 10 bits, so that n times it is exact even without fused multiply-add.
        TVector r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-0.693359375f), x);
        r = TSimd.MultiplyAdd(n, TSimd.Broadcast(2.12194440e-4f), r);

        // Taylor terms to r⁷/5040: the next one is below 2^-27 of the result on this range.
        TVector p = TSimd.Broadcast(1f / 5040);
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1f / 720));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1f / 120));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1f / 24));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1f / 6));
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(0.5f));
        p = TSimd.MultiplyAdd(TSimd.Multiply(r, r), p, r);
        return TSimd.Scale(TSimd.Add(p, TSimd.Broadcast(1f)), n);
    }

    /// <summary>1 / (1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid<TSimd, TVector>(TVector x)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        TVector one = TSimd.Broadcast(1f);
        return TSimd.Divide(one, TSimd.Add(one, Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Broadcast(0f), x))));
    }

    /// <summary>x·sigmoid(x), as x / (1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Silu<TSimd, TVector>(TVector x)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        TVector one = TSimd.Broadcast(1f);
        return TSimd.Divide(x, TSimd.Add(one, Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Broadcast(0f), x))));
    }
}
