using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ZImage.Sampling;

/// <summary>
/// <c>torch.Generator("cpu")</c>: MT19937 and the Box-Muller transform. From 16 values on PyTorch works on blocks of 16 in float32 with the
/// polynomials of avx_mathfun; below, on one pair at a time in double. Checked bit for bit against PyTorch 2.11 on x86-64.
/// </summary>
/// <remarks>
/// PyTorch itself gives the same values with AVX2 and with AVX-512. Without AVX2 (<c>ATEN_CPU_CAPABILITY=default</c>) or on another architecture it calls the C
/// library's functions instead, and about two in five values differ in the last bits; this class gives the AVX2 values on every machine. Draws of fewer than 16 values
/// take logarithm, sine and cosine from the C library here too; another library may give another last bit of the double,
/// which survives the rounding to float32 about once in 10^8 values.
/// </remarks>
internal sealed class TorchCpuGenerator : TorchGenerator
{
    private const int BlockSize = 16;

    private readonly MersenneTwister twister;
    private double? cached;

    /// <summary>The state after <c>manual_seed</c>. MT19937 takes the low 32 bits of the seed, as in PyTorch.</summary>
    public TorchCpuGenerator(ulong seed)
        : base(seed) => twister = new MersenneTwister((uint)seed);

    /// <inheritdoc/>
    public override void Normal(Span<float> destination)
    {
        if (destination.Length < BlockSize)
        {
            foreach (ref float value in destination)
            {
                value = (float)NextDouble();
            }

            return;
        }

        twister.Uniform(destination);
        TransformBlocks(destination);
        if (destination.Length % BlockSize != 0)
        {
            // The last 16 values are drawn anew, over those that the last whole block already has.
            Span<float> last = destination[^BlockSize..];
            twister.Uniform(last);
            TransformBlocks(last);
        }
    }

    /// <summary>Turns uniform numbers into normal ones in all whole blocks of 16: lane i of a block's first eight with lane i of the others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // compiled once, well: the first draw is the one that counts
    private static void TransformBlocks(Span<float> values)
    {
        for (; values.Length >= BlockSize; values = values[BlockSize..])
        {
            Vector256<float> u1 = Vector256<float>.One - Vector256.Create<float>(values);
            Vector256<float> u2 = Vector256.Create<float>(values[8..]);
            Vector256<float> radius = Vector256.Sqrt(CephesMath.Log(u1) * -2f);
            (Vector256<float> sine, Vector256<float> cosine) = CephesMath.SinCos(u2 * (2 * MathF.PI));

            // PyTorch scales by 1 and adds the mean 0, which makes -0 to +0.
            ((radius * cosine) + Vector256<float>.Zero).CopyTo(values);
            ((radius * sine) + Vector256<float>.Zero).CopyTo(values[8..]);
        }
    }

    /// <summary>One value of the pairwise transform; the pair's second one waits for the next call, even beyond draws of 16 and more.</summary>
    private double NextDouble()
    {
        if (cached is { } second)
        {
            cached = null;
            return second;
        }

        double u1 = Uniform53();
        double u2 = Uniform53();

        // PyTorch writes log1p(-u2); 1 - u2 is exact, so the logarithm is the same number.
        double radius = Math.Sqrt(-2 * Math.Log(1 - u2));
        double theta = 2 * Math.PI * u1;
        cached = (radius * Math.Sin(theta)) + 0.0;
        return (radius * Math.Cos(theta)) + 0.0;
    }

    private double Uniform53() => (twister.Next64() & ((1ul << 53) - 1)) * (1.0 / (1ul << 53));
}
