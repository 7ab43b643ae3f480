using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
[TestFixtureSource(typeof(OperatorCase), nameof(OperatorCase.Levels))]
internal sealed class RmsNormTests(VectorWidth level)
{
    // Some eight roundings of 2^-24 an element, plus the sum of squares, whose partial sums are at most 240 terms long:
    // below 1e-6 relative, 1e-12 as a square.
    private const double Bound = 1e-12;

    private static readonly (int Rows, int Width)[] Sizes = [(64, 1), (3, 7), (5, 20), (2, 2560), (33, 67), (40, 3840)];

    // One element has no variance: LayerNorm gives 0 there, and a relative error has no meaning.
    private static (int Rows, int Width)[] WideSizes => [.. Sizes.Where(size => size.Width > 1)];

    [Test]
    public void RmsNorm_agrees_with_float64([ValueSource(nameof(Sizes))] (int Rows, int Width) size, [Values] bool scaled)
    {
        using OperatorCase test = new(level);
        Tensor x = test.NormalWithGaps(size.Rows, size.Width), weight = test.Spread(0.2, 1, size.Width);
        Tensor scale = scaled ? test.Spread(0.2, 1, 1, size.Width) : default;
        double[] expected = Normalize(OperatorCase.Read(x), size.Width, weight, scale, 1e-5);
        Tensor y = test.Empty(size.Rows, size.Width);
        test.Backend.RmsNorm(x, weight, scale, 1e-5f, y);
        Assert.That(OperatorCase.Nmse(y, expected), Is.LessThanOrEqualTo(Bound));
        test.Backend.RmsNorm(x, weight, scale, 1e-5f, x);
        Assert.That(OperatorCase.Bits(x), Is.EqualTo(OperatorCase.Bits(y)), "in place");
    }

    [Test]
    public void RmsNorm_keeps_eps_for_tiny_rows_and_survives_huge_ones([Values(1e-6, 1e-3, 1e15)] double magnitude)
    {
        using OperatorCase test = new(level);
        Tensor x = test.Spread(magnitude, 0, 4, 100), weight = test.Spread(0.2, 1, 100), y = test.Empty(4, 100);
        test.Backend.RmsNorm(x, weight, default, 1e-6f, y);
        Assert.That(OperatorCase.Nmse(y, Normalize(OperatorCase.Read(x), 100, weight, default, 1e-6)), Is.LessThanOrEqualTo(Bound));
    }

    [Test]
    public void ResidualNorm_agrees_with_float64(
        [ValueSource(nameof(Sizes))] (int Rows, int Width) size, [Values] bool normed, [Values] bool gated, [Values(0, 1, 2)] int next)
    {
        using OperatorCase test = new(level);
        int width = size.Width;
        Tensor x = test.NormalWithGaps(size.Rows, width), y = test.Spread(3, 0.5, size.Rows, width);
        Tensor weight = normed ? test.Spread(0.2, 1, width) : default, gate = gated ? test.Spread(0.5, 0, width) : default;
        Tensor nextWeight = next > 0 ? test.Spread(0.2, 1, width) : default, nextScale = next > 1 ? test.Spread(0.2, 1, width) : default;

        double[] added = OperatorCase.Read(y), sum = OperatorCase.Read(x);
        added = normed ? Normalize(added, width, weight, default, 1e-5) : added;
        double[] gates = gated ? OperatorCase.Read(gate) : [];
        for (int i = 0; i < sum.Length; i++)
        {
            sum[i] += added[i] * (gated ? gates[i % width] : 1);
        }

        // h takes the place of y, as the transformer uses it.
        Tensor h = next > 0 ? y : default;
        test.Backend.ResidualNorm(x, y, weight, gate, nextWeight, nextScale, 1e-5f, h);
        Assert.That(OperatorCase.Nmse(x, sum), Is.LessThanOrEqualTo(Bound));
        if (next > 0)
        {
            Assert.That(OperatorCase.Nmse(h, Normalize(sum, width, nextWeight, nextScale, 1e-5)), Is.LessThanOrEqualTo(Bound));
        }
    }

    [Test]
    public void LayerNorm_agrees_with_float64([ValueSource(nameof(WideSizes))] (int Rows, int Width) size, [Values(0, 100)] double shift)
    {
        using OperatorCase test = new(level);
        int width = size.Width;
        Tensor x = test.Spread(1, shift, size.Rows, width), scale = test.Spread(0.2, 1, width), y = test.Empty(size.Rows, width);
        double[] values = OperatorCase.Read(x), scales = OperatorCase.Read(scale), expected = new double[values.Length];
        for (int row = 0; row < size.Rows; row++)
        {
            double[] line = values[(row * width)..((row + 1) * width)];
            double mean = line.Average(), variance = line.Average(value => (value - mean) * (value - mean));
            for (int i = 0; i < width; i++)
            {
                expected[(row * width) + i] = (line[i] - mean) / Math.Sqrt(variance + 1e-6) * scales[i];
            }
        }

        test.Backend.LayerNorm(x, scale, 1e-6f, y);

        // A row 100 away from 0 has its deviations on a grid of 2^-17·shift/100; their rounding when the mean comes off costs nothing, the mean's does: 2^-18.
        Assert.That(OperatorCase.Nmse(y, expected), Is.LessThanOrEqualTo(Bound * (shift > 0 ? 16 : 1)));
        test.Backend.LayerNorm(x, scale, 1e-6f, x);
        Assert.That(OperatorCase.Bits(x), Is.EqualTo(OperatorCase.Bits(y)), "in place");
    }

    [Test]
    public void Norms_do_not_depend_on_threads()
    {
        float[][] results = [.. new[] { 1, 2, 5 }.Select(threads =>
        {
            using OperatorCase test = new(level, threads);
            Tensor x = test.Normal(257, 515), y = test.Normal(257, 515), weight = test.Normal(515), h = test.Empty(257, 515);
            test.Backend.ResidualNorm(x, y, weight, weight, weight, weight, 1e-5f, h);
            return OperatorCase.Bits(h);
        })];
        Assert.That(results, Has.All.EqualTo(results[0]));
    }

    private static double[] Normalize(double[] x, int width, Tensor weight, Tensor scale, double eps)
    {
        double[] result = new double[x.Length], weights = OperatorCase.Read(weight), scales = scale.IsEmpty ? [] : OperatorCase.Read(scale);
        for (int row = 0; row < x.Length / width; row++)
        {
            double mean = x.Skip(row * width).Take(width).Average(value => value * value);
            for (int i = row * width; i < (row + 1) * width; i++)
            {
                result[i] = x[i] / Math.Sqrt(mean + eps) * weights[i % width] * (scale.IsEmpty ? 1 : scales[i % width]);
            }
        }

        return result;
    }
}
