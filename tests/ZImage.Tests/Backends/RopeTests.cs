using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
[TestFixtureSource(typeof(OperatorCase), nameof(OperatorCase.Levels))]
internal sealed class RopeTests(VectorWidth level)
{
    // A norm over at most 128 elements and three roundings in the turn: below 1e-6 relative.
    private const double Bound = 1e-12;

    [Test]
    public void HeadNormRope_agrees_with_float64(
        [Values] RopeLayout layout, [Values] bool normed, [Values(2, 6, 20, 24, 64, 128)] int headDim, [Values(1, 13)] int rows, [Values(1, 3)] int heads)
    {
        using OperatorCase test = new(level);
        int half = headDim / 2;
        Tensor angles = test.Spread(50, 0, rows, half);

        // Queries of the first rows, and fewer keys.
        Tensor q = test.NormalWithGaps((rows + 1) / 2, heads * headDim), k = test.NormalWithGaps(rows, ((heads + 1) / 2) * headDim);
        Tensor cos = test.Empty(rows, half), sin = test.Empty(rows, half);
        Tensor qWeight = normed ? test.Spread(0.2, 1, headDim) : default, kWeight = normed ? test.Spread(0.2, 1, headDim) : default;
        for (int i = 0; i < rows * half; i++)
        {
            cos.AsSpan<float>()[i] = MathF.Cos(angles.AsSpan<float>()[i]);
            sin.AsSpan<float>()[i] = MathF.Sin(angles.AsSpan<float>()[i]);
        }

        double[] queries = Reference(q, qWeight, cos, sin, layout, 1e-6), keys = Reference(k, kWeight, cos, sin, layout, 1e-6);
        test.Backend.HeadNormRope(q, k, qWeight, kWeight, cos, sin, layout, 1e-6f);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(OperatorCase.Nmse(q, queries), Is.LessThanOrEqualTo(Bound));
            Assert.That(OperatorCase.Nmse(k, keys), Is.LessThanOrEqualTo(Bound));
        }
    }

    [Test]
    public void Columns_beside_the_views_are_left_alone([Values] RopeLayout layout)
    {
        using OperatorCase test = new(level);
        Tensor whole = test.Normal(4, 80), cos = test.Normal(4, 10), sin = test.Normal(4, 10), weight = test.Normal(20);
        float[] before = OperatorCase.Bits(whole);
        test.Backend.HeadNormRope(whole.Columns(20, 20).Slice(0, 3), whole.Columns(60, 20), weight, weight, cos, sin, layout, 1e-6f);
        float[] after = OperatorCase.Bits(whole);
        for (int i = 0; i < after.Length; i++)
        {
            bool turned = i % 80 >= 60 || (i % 80 is >= 20 and < 40 && i / 80 < 3);
            Assert.That(after[i] == before[i], Is.EqualTo(!turned), $"element {i}");
        }
    }

    private static double[] Reference(Tensor x, Tensor weight, Tensor cos, Tensor sin, RopeLayout layout, double eps)
    {
        double[] values = OperatorCase.Read(x), c = OperatorCase.Read(cos), s = OperatorCase.Read(sin), result = new double[values.Length];
        int half = cos.Shape[1], headDim = 2 * half, width = x.Shape[1];
        for (int start = 0; start < values.Length; start += headDim)
        {
            double[] head = values[start..(start + headDim)];
            if (!weight.IsEmpty)
            {
                double root = Math.Sqrt(head.Average(value => value * value) + eps);
                double[] weights = OperatorCase.Read(weight);
                head = [.. head.Select((value, i) => value / root * weights[i])];
            }

            int row = start / width;
            for (int i = 0; i < half; i++)
            {
                (int first, int second) = layout == RopeLayout.Interleaved ? (2 * i, (2 * i) + 1) : (i, i + half);
                double cosine = c[(row * half) + i], sine = s[(row * half) + i];
                result[start + first] = (head[first] * cosine) - (head[second] * sine);
                result[start + second] = (head[first] * sine) + (head[second] * cosine);
            }
        }

        return result;
    }
}
