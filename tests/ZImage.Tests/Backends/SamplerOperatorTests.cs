using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
[TestFixtureSource(typeof(OperatorCase), nameof(OperatorCase.Levels))]
internal sealed class SamplerOperatorTests(VectorWidth level)
{
    private static readonly int[] Counts = [1, 37, 50_001];

    [Test]
    public void EulerStep_rounds_as_float32_arithmetic_does([ValueSource(nameof(Counts))] int count)
    {
        using OperatorCase test = new(level);
        Tensor latents = test.Normal(count), prediction = test.Normal(count);
        float step = 0.3f - 0.7f;
        float[] expected = [.. OperatorCase.Bits(latents).Zip(OperatorCase.Bits(prediction), (x, v) => x + (step * -v))];
        test.Backend.EulerStep(latents, prediction, 0.7f, 0.3f);
        Assert.That(OperatorCase.Bits(latents), Is.EqualTo(expected));
    }

    [Test]
    public void Blend_rounds_as_float32_arithmetic_does([ValueSource(nameof(Counts))] int count)
    {
        using OperatorCase test = new(level);
        Tensor x = test.Normal(count), y = test.Normal(count);
        float[] expected = [.. OperatorCase.Bits(x).Zip(OperatorCase.Bits(y), (a, b) => (0.9f * a) + (0.1f * b))];
        test.Backend.Blend(0.9f, x, 0.1f, y);
        Assert.That(OperatorCase.Bits(y), Is.EqualTo(expected));
    }

    [Test]
    public void Guidance_moves_away_from_the_negative_prediction_and_keeps_the_norm_bounded(
        [ValueSource(nameof(Counts))] int count, [Values(0f, 0.5f, 1f, 100f)] float normalization)
    {
        using OperatorCase test = new(level);
        Tensor positive = test.Normal(count), negative = test.Normal(count);
        double[] p = OperatorCase.Read(positive), n = OperatorCase.Read(negative), expected = [.. p.Zip(n, (a, b) => a + (4 * (a - b)))];
        double bound = normalization * Math.Sqrt(p.Sum(value => value * value)), norm = Math.Sqrt(expected.Sum(value => value * value));
        if (normalization > 0 && norm > bound)
        {
            expected = [.. expected.Select(value => value * bound / norm)];
        }

        test.Backend.Guidance(positive, negative, 4f, normalization);

        // Difference, product, sum and factor round once each; cancellation in the sum is at most fivefold on average.
        Assert.That(OperatorCase.Nmse(positive, expected), Is.LessThanOrEqualTo(1e-12));
    }
}
