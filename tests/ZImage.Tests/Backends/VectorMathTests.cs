using System.Runtime.Intrinsics;
using NUnit.Framework;
using ZImage.Backends.Cpu;

namespace ZImage.Tests.Backends;

[TestFixture]
[TestFixtureSource(typeof(OperatorCase), nameof(OperatorCase.Levels))]
internal sealed class VectorMathTests(VectorWidth level)
{
    private const double UnitsAllowed = 2;

    [Test]
    public void Exp_is_within_two_units_in_the_last_place_over_the_whole_range()
    {
        // Every 1009th float: about four million, of both signs and all sizes, plus a fine grid where results are denormal.
        List<float> inputs = [];
        for (long bits = 0; bits <= uint.MaxValue; bits += 1009)
        {
            inputs.Add(BitConverter.UInt32BitsToSingle((uint)bits));
        }

        for (int i = 0; i < 200_000; i++)
        {
            inputs.Add(-86f - (i * 1e-4f));
        }

        float[] x = [.. inputs];
        float[] y = Apply(x, 0);
        double worst = 0;
        for (int i = 0; i < x.Length; i++)
        {
            if (float.IsNaN(x[i]))
            {
                Assert.That(y[i], Is.NaN);
                continue;
            }

            worst = Math.Max(worst, UnitsOff(y[i], Math.Exp(x[i]), x[i]));
        }

        TestContext.Out.WriteLine($"largest error {worst:F3} units");
        Assert.That(worst, Is.LessThanOrEqualTo(UnitsAllowed));
    }

    [Test]
    public void Exp_has_the_right_limits()
    {
        float[] y = Apply([float.NegativeInfinity, -3.4e38f, -104f, 0f, -0f, 88.7228f, 88.73f, 3.4e38f, float.PositiveInfinity, float.NaN], 0);
        Assert.That(y.AsSpan(0, 5).ToArray(), Is.EqualTo(new[] { 0f, 0f, 0f, 1f, 1f }));
        Assert.That(y[5], Is.LessThan(float.PositiveInfinity));
        Assert.That(y.AsSpan(6, 3).ToArray(), Has.All.EqualTo(float.PositiveInfinity));
        Assert.That(y[9], Is.NaN);
    }

    [Test]
    public void Sigmoid_and_silu_are_within_four_units_in_the_last_place([Values(1, 2)] int function)
    {
        // Two units from exp (at most; in the sum 1 + e they count no more), half a unit each for the sum and the quotient.
        // Below -87 the results are denormal or e⁻ˣ overflows; the reference arithmetic flushes there too.
        float[] x = new float[400_001];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = -87f + (i * 0.0005f);
        }

        float[] y = Apply(x, function);
        double worst = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double sigmoid = 1 / (1 + Math.Exp(-(double)x[i]));
            worst = Math.Max(worst, UnitsOff(y[i], function == 1 ? sigmoid : x[i] * sigmoid, x[i]));
        }

        TestContext.Out.WriteLine($"largest error {worst:F3} units");
        Assert.That(worst, Is.LessThanOrEqualTo(4));
    }

    private static double UnitsOff(float actual, double exact, float x)
    {
        // Overflow begins half a unit above the largest float.
        if (exact >= float.MaxValue + Math.Pow(2, 103))
        {
            Assert.That(actual, Is.EqualTo(float.PositiveInfinity).Or.EqualTo(float.MaxValue), $"at {x:R}");
            return 0;
        }

        double magnitude = Math.Max(Math.Abs(exact), Math.Pow(2, -126));
        double unit = Math.Pow(2, Math.Floor(Math.Log2(magnitude)) - 23);
        return Math.Abs(Math.Min(actual, float.MaxValue) - exact) / unit;
    }

    private float[] Apply(float[] x, int function)
    {
        float[] y = new float[x.Length];
        switch (level)
        {
            case VectorWidth.Bits512:
                Apply<Simd512, Vector512<float>>(x, y, function);
                break;
            case VectorWidth.Bits256:
                Apply<Simd256, Vector256<float>>(x, y, function);
                break;
            default:
                Apply<Simd128, Vector128<float>>(x, y, function);
                break;
        }

        return y;
    }

    private static unsafe void Apply<TSimd, TVector>(float[] x, float[] y, int function)
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        float* lanes = stackalloc float[TSimd.Width];
        Span<float> window = new(lanes, TSimd.Width);
        for (int i = 0; i < x.Length; i += TSimd.Width)
        {
            int count = Math.Min(TSimd.Width, x.Length - i);
            x.AsSpan(i, count).CopyTo(window);
            TVector value = TSimd.Load(lanes);
            TSimd.Store(lanes, function switch
            {
                0 => VectorMath.Exp<TSimd, TVector>(value),
                1 => VectorMath.Sigmoid<TSimd, TVector>(value),
                _ => VectorMath.Silu<TSimd, TVector>(value),
            });
            window[..count].CopyTo(y.AsSpan(i));
        }
    }
}
