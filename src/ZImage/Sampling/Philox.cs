using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ZImage.Sampling;

/// <summary>
/// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011): 128 bits of counter and 64 bits of
/// key give 128 random bits, without any state.
/// </summary>
internal static class Philox
{
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    /// <summary>The four words of one block.</summary>
    public static (uint X, uint Y, uint Z, uint W) Block(uint x, uint y, uint z, uint w, ulong key)
    {
        uint key0 = (uint)key;
        uint key1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong p0 = (ulong)Multiplier0 * x;
            ulong p1 = (ulong)Multiplier1 * z;
            (x, y, z, w) = ((uint)(p1 >> 32) ^ y ^ key0, (uint)p1, (uint)(p0 >> 32) ^ w ^ key1, (uint)p0);
            key0 += Weyl0;
            key1 += Weyl1;
        }

        return (x, y, z, w);
    }

    /// <summary>Eight blocks, whose counters are (<paramref name="counter"/>, <paramref name="stream"/> + lane), least significant half first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<uint> X, Vector256<uint> Y, Vector256<uint> Z, Vector256<uint> W) Blocks(ulong counter, uint stream, ulong key)
    {
        // A word is the low half of a 64-bit lane. What is above it is left over from products; only the multiplication has to ignore it.
        Vector256<ulong> xa = Vector256.Create(counter);
        Vector256<ulong> ya = Vector256.Create(counter >> 32);
        Vector256<ulong> za = Vector256.Create((ulong)stream) + Vector256.Create(0ul, 1, 2, 3);
        Vector256<ulong> wa = Vector256<ulong>.Zero;
        Vector256<ulong> xb = xa;
        Vector256<ulong> yb = ya;
        Vector256<ulong> zb = za + Vector256.Create(4ul);
        Vector256<ulong> wb = wa;
        Vector256<ulong> multiplier0 = Vector256.Create((ulong)Multiplier0);
        Vector256<ulong> multiplier1 = Vector256.Create((ulong)Multiplier1);
        uint key0 = (uint)key;
        uint key1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            Vector256<ulong> k0 = Vector256.Create((ulong)key0);
            Vector256<ulong> k1 = Vector256.Create((ulong)key1);
            Vector256<ulong> p0 = MultiplyWide(multiplier0, xa);
            Vector256<ulong> p1 = MultiplyWide(multiplier1, za);
            xa = (p1 >>> 32) ^ ya ^ k0;
            za = (p0 >>> 32) ^ wa ^ k1;
            ya = p1;
            wa = p0;
            p0 = MultiplyWide(multiplier0, xb);
            p1 = MultiplyWide(multiplier1, zb);
            xb = (p1 >>> 32) ^ yb ^ k0;
            zb = (p0 >>> 32) ^ wb ^ k1;
            yb = p1;
            wb = p0;
            key0 += Weyl0;
            key1 += Weyl1;
        }

        return (Vector256.Narrow(xa, xb), Vector256.Narrow(ya, yb), Vector256.Narrow(za, zb), Vector256.Narrow(wa, wb));
    }

    /// <summary>The 64-bit products of the lanes' low halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> MultiplyWide(Vector256<ulong> a, Vector256<ulong> b) => Avx2.IsSupported
        ? Avx2.Multiply(a.AsUInt32(), b.AsUInt32())
        : a * (b & Vector256.Create(0xFFFFFFFFul));
}
