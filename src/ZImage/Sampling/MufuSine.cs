using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ZImage.Sampling;

/// <summary>
/// Sine and cosine of an NVIDIA GPU's special-function unit, bit for bit: what <c>sin.approx.f32</c> and <c>cos.approx.f32</c> (CUDA's
/// <c>__sinf</c>, <c>__cosf</c>, <c>__sincosf</c>) give for 0 ≤ angle ≤ 2π.
/// </summary>
/// <remarks>
/// The instruction MUFU.SIN takes turns, cut to 2^-25. It interpolates with a quadratic: the top 6 bits of a quarter turn pick one of 64 rows
/// of integers, the other 17 bits are x, the square of x lacks the partial products below 2^19, and the sum is cut to 24 significant bits. That
/// is the structure of S. Oberman and M. Siu, "A High-Performance Area-Efficient Multifunction Interpolator" (ARITH-17, 2005), down to
/// the widths of 26, 15 and 11 bits that they give for the sine. The rows were found from a table of all 2^23 results of a quarter turn measured
/// on an H200 (sm_90, CUDA 13.0); for each segment exactly one row reproduces the table, and with the rows all 2^23 results are equal.
/// tools/fit_mufu_sine.py does that. Other NVIDIA generations may differ; nothing here was measured on them.
/// </remarks>
internal static class MufuSine
{
    private const int LowBits = 17;
    private const int LowMask = (1 << LowBits) - 1;

    /// <summary>Results in a quarter turn.</summary>
    public const int Quarter = 1 << 23;

    // 1 / 2π as the compiler writes it before MUFU.
    private const float TurnsPerRadian = 0.15915493667125701904f;

    // Per segment: constant (unit 2^-25), slope (unit 2^-37 per step of x), curvature (unit 2^-37 per 2^19 of the square).
    private static ReadOnlySpan<int> Rows =>
    [
               0, 25737,   14,   823463, 25730,   48,
         1646436, 25706,   76,  2468414, 25668,  110,
         3288906, 25613,  137,  4107418, 25544,  171,
         4923453, 25459,  201,  5736526, 25358,  229,
         6546141, 25243,  262,  7351816, 25112,  292,
         8153060, 24966,  322,  8949394, 24805,  352,
         9740335, 24629,  381, 10525413, 24438,  410,
        11304145, 24233,  441, 12076070, 24013,  470,
        12840725, 23778,  497, 13597643, 23529,  525,
        14346367, 23266,  553, 15086452, 22989,  581,
        15817450, 22698,  608, 16538916, 22394,  637,
        17250422, 22076,  664, 17951542, 21744,  688,
        18641840, 21400,  715, 19320916, 21042,  738,
        19988350, 20672,  763, 20643746, 20290,  790,
        21286703, 19895,  812, 21916841, 19489,  839,
        22533776, 19070,  859, 23137138, 18640,  881,
        23726565, 18199,  904, 24301698, 17747,  926,
        24862194, 17284,  946, 25407711, 16811,  967,
        25937924, 16328,  988, 26452518, 15834, 1004,
        26951170, 15332, 1025, 27433593, 14820, 1043,
        27899488, 14299, 1059, 28348583, 13769, 1074,
        28780594, 13232, 1093, 29195273, 12686, 1107,
        29592364, 12133, 1123, 29971632, 11572, 1136,
        30332846, 11004, 1148, 30675788, 10430, 1162,
        31000253,  9849, 1172, 31306042,  9263, 1185,
        31592974,  8671, 1196, 31860879,  8073, 1203,
        32109590,  7471, 1213, 32338961,  6864, 1220,
        32548845,  6254, 1230, 32739132,  5639, 1236,
        32909694,  5021, 1242, 33060432,  4400, 1247,
        33191257,  3776, 1250, 33302087,  3151, 1258,
        33392857,  2523, 1260, 33463517,  1893, 1260,
        33514014,  1263, 1263, 33544326,   632, 1265,
    ];

    /// <summary>Sine of index · 2^-25 turns for eight indices in the first quarter, 0 .. <see cref="Quarter"/> - 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> FirstQuarter(Vector256<int> index)
    {
        Vector256<int> row = (index >>> LowBits) * 3;
        Vector256<int> constant = Gather(row);
        Vector256<int> slope = Gather(row + Vector256.Create(1));
        Vector256<int> curvature = Gather(row + Vector256.Create(2));
        Vector256<int> x = index & Vector256.Create(LowMask);

        // Only pairs of bits with a product of 2^19 or more: all pairs among the high seven bits, and bit i of those with the low ten down to 18 - i.
        Vector256<int> high = x >>> 10;
        Vector256<int> low = x & Vector256.Create(1023);
        Vector256<int> square = (high * high) << 1;
        for (int i = 0; i < 7; i++)
        {
            Vector256<int> bit = Vector256.ShiftLeft(high, 31 - i) >> 31;
            square += bit & (low >>> (8 - i));
        }

        // sum = constant · 2^12 + rest; rest is not negative and fits 32 bits unsigned.
        Vector256<int> rest = (slope * x) - (curvature * square);
        Vector256<int> top = constant + (rest >>> 12);
        rest &= Vector256.Create(0xFFF);

        // The sum has up to 38 bits: as two floats, both exact, then added and cut to 24 bits.
        Vector256<float> big = Vector256.ConvertToSingle(top >>> 6) * 262144f;
        Vector256<float> small = Vector256.ConvertToSingle(((top & Vector256.Create(63)) << 12) | rest);
        Vector256<float> sum = big + small;
        Vector256<float> lost = small - (sum - big);
        return StepDownWhereNegative(sum, lost) * (1f / (1L << 37));
    }

    /// <summary>Sine and cosine of eight angles in radians, 0 ≤ angle ≤ 2π. A zero may have the other sign than the GPU's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Sine, Vector256<float> Cosine) SinCos(Vector256<float> angle)
    {
        Vector256<float> factor = Vector256.Create(TurnsPerRadian);
        Vector256<float> turns = angle * factor;
        turns = StepDownWhereNegative(turns, Vector256.FusedMultiplyAdd(angle, factor, -turns));
        Vector256<int> index = Vector256.ConvertToInt32Native(turns * 33554432f);
        Vector256<int> quadrant = index >>> 23;
        Vector256<int> inside = index & Vector256.Create(Quarter - 1);
        Vector256<float> rising = FirstQuarter(inside);
        Vector256<float> falling = FirstQuarter(inside ^ Vector256.Create(Quarter - 1));

        Vector256<float> odd = ((quadrant << 31) >> 31).AsSingle();
        Vector256<int> sineSign = (quadrant << 30) & Vector256.Create(int.MinValue);
        Vector256<int> cosineSign = ((quadrant + Vector256<int>.One) << 30) & Vector256.Create(int.MinValue);
        Vector256<float> sine = Vector256.ConditionalSelect(odd, falling, rising);
        Vector256<float> cosine = Vector256.ConditionalSelect(odd, rising, falling);
        return (sine ^ sineSign.AsSingle(), cosine ^ cosineSign.AsSingle());
    }

    /// <summary>Turns round-to-nearest into round-toward-zero: the neighbour below where what rounding lost of a positive value is negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> StepDownWhereNegative(Vector256<float> value, Vector256<float> lost) =>
        (value.AsInt32() + Vector256.LessThan(lost, Vector256<float>.Zero).AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe Vector256<int> Gather(Vector256<int> index)
    {
        // The rows are constant data of the assembly, which never moves.
        int* rows = (int*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Rows));
        return Avx2.IsSupported
            ? Avx2.GatherVector256(rows, index, sizeof(int))
            : Vector256.Create(
                rows[index[0]], rows[index[1]], rows[index[2]], rows[index[3]],
                rows[index[4]], rows[index[5]], rows[index[6]], rows[index[7]]);
    }
}
