using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
[TestFixtureSource(typeof(OperatorCase), nameof(OperatorCase.Levels))]
internal sealed class ActivationTests(VectorWidth level)
{
    // SiLU is off by at most four units in the last place, 2.4e-7 relative; with the product's rounding below 1e-6.
    private const double Bound = 1e-12;

    private static readonly int[] Counts = [1, 15, 16, 17, 1000, 100_003];

    [Test]
    public void SwiGlu_agrees_with_float64([Values(1, 7, 40)] int rows, [Values(1, 20, 333, 2048)] int width, [Values(1, 8)] double deviation)
    {
        using OperatorCase test = new(level);
        Tensor gateUp = test.Spread(deviation, 0, rows, (2 * width) + 5).Columns(2, 2 * width), y = test.Empty(rows, width);
        double[] values = OperatorCase.Read(gateUp), expected = new double[rows * width];
        for (int i = 0; i < expected.Length; i++)
        {
            int at = (i / width * 2 * width) + (i % width);
            expected[i] = values[at] / (1 + Math.Exp(-values[at])) * values[at + width];
        }

        test.Backend.SwiGlu(gateUp, y);
        Assert.That(OperatorCase.Nmse(y, expected), Is.LessThanOrEqualTo(Bound));
    }

    [Test]
    public void Silu_agrees_with_float64([ValueSource(nameof(Counts))] int count)
    {
        using OperatorCase test = new(level);
        Tensor x = test.Spread(6, 0, count), y = test.Empty(count);
        double[] expected = Array.ConvertAll(OperatorCase.Read(x), value => value / (1 + Math.Exp(-value)));
        test.Backend.Silu(x, y);
        Assert.That(OperatorCase.Nmse(y, expected), Is.LessThanOrEqualTo(Bound));
        test.Backend.Silu(x, x);
        Assert.That(OperatorCase.Bits(x), Is.EqualTo(OperatorCase.Bits(y)), "in place");
    }

    [Test]
    public void Silu_of_a_value_does_not_depend_on_its_place()
    {
        using OperatorCase test = new(level);
        Tensor x = test.Empty(77), y = test.Empty(77);
        x.AsSpan<float>().Fill(-1.2345f);
        test.Backend.Silu(x, y);
        Assert.That(OperatorCase.Bits(y), Has.All.EqualTo(OperatorCase.Bits(y)[0]));
    }

    [Test]
    public void Silu_goes_to_zero_on_the_left_and_to_the_value_on_the_right()
    {
        using OperatorCase test = new(level);
        Tensor x = test.Of([-3e38f, -200f, 0f, 200f, 3e38f, float.NaN], 6);
        test.Backend.Silu(x, x);
        float[] y = OperatorCase.Bits(x);
        Assert.That(y[..5], Is.EqualTo(new[] { 0f, 0f, 0f, 200f, 3e38f }));
        Assert.That(y[5], Is.NaN);
    }

    [Test]
    public void Add_rounds_each_sum_once([ValueSource(nameof(Counts))] int count)
    {
        using OperatorCase test = new(level);
        Tensor x = test.Normal(count), y = test.Normal(count);
        float[] a = OperatorCase.Bits(x), b = OperatorCase.Bits(y);
        test.Backend.Add(x, y);
        Assert.That(OperatorCase.Bits(x), Is.EqualTo(a.Zip(b, (first, second) => first + second)));
    }

    [Test]
    public void Modulation_makes_scales_of_even_chunks_and_gates_of_odd_ones([Values(1, 2, 4)] int chunks)
    {
        using OperatorCase test = new(level);
        Tensor x = test.Spread(2, 0, 3, chunks * 11), y = test.Empty(3, chunks * 11);
        double[] values = OperatorCase.Read(x), expected = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            expected[i] = i % (chunks * 11) / 11 % 2 == 0 ? 1 + values[i] : Math.Tanh(values[i]);
        }

        test.Backend.Modulation(x, 11, y);
        Assert.That(OperatorCase.Nmse(y, expected), Is.LessThanOrEqualTo(1e-13));
        test.Backend.Modulation(x, 11, x);
        Assert.That(OperatorCase.Bits(x), Is.EqualTo(OperatorCase.Bits(y)), "in place");
    }
}
