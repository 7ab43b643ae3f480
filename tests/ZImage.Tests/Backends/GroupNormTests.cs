using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class GroupNormTests
{
    [TestCase(1, 1, 1, 4, 2, 0f)]
    [TestCase(2, 3, 5, 6, 3, 0f)]
    [TestCase(1, 17, 19, 96, 32, 0f)]
    [TestCase(2, 40, 30, 32, 32, 0f)]
    [TestCase(1, 9, 7, 35, 5, 0f)]
    [TestCase(1, 48, 48, 128, 32, 100f)]
    public void GroupNorm_matches_double_precision(int items, int height, int width, int channels, int groups, float mean)
    {
        foreach (bool silu in (ReadOnlySpan<bool>)[false, true])
        {
            foreach (bool inPlace in (ReadOnlySpan<bool>)[false, true])
            {
                Check(items, height, width, channels, groups, mean, silu, inPlace);
            }
        }
    }

    [Test]
    public void Silu_is_right_over_its_whole_range()
    {
        // weight 1, bias z and a constant picture: the norm gives 0·scale + z, so the output is silu(z).
        float[] values = [-200, -104, -90, -88.5f, -87.5f, -80, -40, -20, -10, -3.5f, -1, -0.1f, -1e-6f, 0, 1e-6f, 0.1f, 1, 3.5f, 10, 20, 40, 88, 89, 200];
        Tensor x = HeavyOperators.Zeros(DType.F32, 1, 1, 1, values.Length), y = HeavyOperators.Zeros(DType.F32, 1, 1, 1, values.Length);
        Tensor weight = HeavyOperators.Zeros(DType.F32, values.Length), bias = HeavyOperators.Zeros(DType.F32, values.Length);
        weight.AsSpan<float>().Fill(1);
        values.CopyTo(bias.AsSpan<float>());
        using CpuBackend backend = new(1);
        backend.GroupNorm(x, weight, bias, 1, 1e-6f, true, y);
        for (int i = 0; i < values.Length; i++)
        {
            double exact = values[i] / (1 + Math.Exp(-(double)values[i]));

            // Rounding of the exponential (2 units), the sum, and the quotient. Below -88 the exponential is held at e^88 > 1e38.
            double bound = (Math.Abs(exact) * 4 * HeavyOperators.RoundOff) + (Math.Abs(values[i]) * 1e-38);
            Assert.That((double)y.AsSpan<float>()[i], Is.EqualTo(exact).Within(bound), $"silu({values[i]})");
        }
    }

    [Test]
    public void The_result_does_not_depend_on_the_number_of_threads()
    {
        Random random = new(2);
        Tensor x = HeavyOperators.Random(random, DType.F32, 1, 64, 60, 64), weight = HeavyOperators.Random(random, DType.F32, 64), bias = HeavyOperators.Random(random, DType.F32, 64);
        Tensor one = HeavyOperators.Zeros(DType.F32, 1, 64, 60, 64), five = HeavyOperators.Zeros(DType.F32, 1, 64, 60, 64);
        using CpuBackend alone = new(1), many = new(5);
        alone.GroupNorm(x, weight, bias, 32, 1e-6f, true, one);
        many.GroupNorm(x, weight, bias, 32, 1e-6f, true, five);
        Assert.That(five.AsSpan<uint>().SequenceEqual(one.AsSpan<uint>()), Is.True);
    }

    [Test]
    public void Shapes_that_do_not_fit_are_refused_with_the_shapes_in_the_message()
    {
        using CpuBackend backend = new(1);
        Tensor x = HeavyOperators.Zeros(DType.F32, 1, 2, 2, 6), weight = HeavyOperators.Zeros(DType.F32, 6);
        Assert.That(() => backend.GroupNorm(x, weight, weight, 4, 1e-6f, false, x), Throws.ArgumentException.With.Message.Contains("4 groups"));
        Assert.That(() => backend.GroupNorm(x, HeavyOperators.Zeros(DType.F32, 5), weight, 2, 1e-6f, false, x), Throws.ArgumentException.With.Message.Contains("[5]"));
        Assert.That(() => backend.GroupNorm(x, weight, weight, 2, 1e-6f, false, HeavyOperators.Zeros(DType.F32, 1, 2, 2, 5)), Throws.ArgumentException.With.Message.Contains("[1, 2, 2, 5]"));
    }

    private static void Check(int items, int height, int width, int channels, int groups, float mean, bool silu, bool inPlace)
    {
        const float Eps = 1e-6f;
        Random random = new(channels);
        Tensor x = HeavyOperators.Random(random, DType.F32, items, height, width, channels);
        foreach (ref float value in x.AsSpan<float>())
        {
            value += mean;
        }

        Tensor weight = HeavyOperators.Random(random, DType.F32, channels), bias = HeavyOperators.Random(random, DType.F32, channels);
        double[] values = HeavyOperators.Values(x), w = HeavyOperators.Values(weight), b = HeavyOperators.Values(bias);
        Tensor y = inPlace ? x : HeavyOperators.Zeros(DType.F32, items, height, width, channels);
        using CpuBackend backend = new(2);
        backend.GroupNorm(x, weight, bias, groups, Eps, silu, y);

        int pixels = height * width, size = channels / groups;
        double[] expected = new double[values.Length], bounds = new double[values.Length];
        for (int item = 0; item < items; item++)
        {
            for (int g = 0; g < groups; g++)
            {
                int[] members = [.. Enumerable.Range(0, pixels).SelectMany(p => Enumerable.Range(0, size).Select(c => (((item * pixels) + p) * channels) + (g * size) + c))];
                double average = members.Average(i => values[i]);
                double variance = members.Average(i => (values[i] - average) * (values[i] - average));
                double scale = 1 / Math.Sqrt(variance + Eps);
                foreach (int i in members)
                {
                    int c = i % channels;
                    double z = ((values[i] - average) * scale * w[c]) + b[c];

                    // x·factor + shift: the factor, the shift and the result are rounded once each. silu multiplies an error by at most 1.1 and adds
                    // 4 roundings of its own.
                    double factor = Math.Abs(scale * w[c]);
                    double error = HeavyOperators.RoundOff * ((Math.Abs(values[i]) * factor) + Math.Abs(average * factor) + Math.Abs(b[c]) + Math.Abs(z)) * 1.001;
                    double result = silu ? z / (1 + Math.Exp(-z)) : z;
                    expected[i] = result;
                    bounds[i] = (silu ? (1.1 * error) + (4 * HeavyOperators.RoundOff * Math.Abs(result)) : error) + 1e-36;
                }
            }
        }

        HeavyOperators.AssertWithin(y, expected, bounds, $"{items}x{height}x{width}x{channels}, {groups} groups, silu {silu}");
    }
}
