using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class ImageOperatorTests
{
    [Test]
    public void Latents_become_channels_last_scaled_and_shifted()
    {
        using OperatorCase test = new(GemmLayout.Best);
        Tensor x = test.Normal(2, 3, 4, 5), y = test.Empty(2, 4, 5, 3);
        test.Backend.LatentsToChannelsLast(x, 2.77f, 0.1159f, y);
        float[] source = OperatorCase.Bits(x), result = OperatorCase.Bits(y);
        for (int i = 0; i < source.Length; i++)
        {
            int pixel = i % 20, channel = i / 20 % 3, item = i / 60;
            Assert.That(result[(item * 60) + (pixel * 3) + channel], Is.EqualTo((source[i] * 2.77f) + 0.1159f));
        }
    }

    [Test]
    public void Channels_last_become_latents_shifted_and_scaled_and_the_other_channels_are_dropped()
    {
        using OperatorCase test = new(GemmLayout.Best);
        Tensor x = test.Normal(2, 4, 5, 6), y = test.Empty(2, 3, 4, 5);
        test.Backend.ChannelsLastToLatents(x, -0.1159f, 0.3611f, y);
        float[] source = OperatorCase.Bits(x), result = OperatorCase.Bits(y);
        for (int i = 0; i < result.Length; i++)
        {
            int pixel = i % 20, channel = i / 20 % 3, item = i / 60;
            Assert.That(result[i], Is.EqualTo((source[(item * 120) + (pixel * 6) + channel] + -0.1159f) * 0.3611f));
        }
    }

    [Test]
    public void Pixels_round_to_nearest_even_and_clamp()
    {
        // 0 is exactly 127.5 levels and goes to the even neighbour; the fractions are a tenth of a level away from a tie.
        (float X, byte Level)[] cases =
        [
            (-1f, 0), (1f, 255), (-7f, 0), (7f, 255), (0f, 128), (float.NaN, 0), (float.PositiveInfinity, 255), (float.NegativeInfinity, 0),
            ((float)((2 * 0.4 / 255) - 1), 0), ((float)((2 * 0.6 / 255) - 1), 1), ((float)((2 * 254.4 / 255) - 1), 254), ((float)((2 * 254.6 / 255) - 1), 255),
        ];
        using OperatorCase test = new(GemmLayout.Best);
        Tensor x = test.Of([.. cases.Select(item => item.X)], 2, 2, 3);
        byte[] rgb = new byte[12];
        test.Backend.ToRgb8(x, rgb);
        Assert.That(rgb, Is.EqualTo(cases.Select(item => item.Level)));
    }

    [Test]
    public void Every_pixel_value_survives_the_way_there_and_back()
    {
        using OperatorCase test = new(GemmLayout.Best);
        byte[] rgb = [.. Enumerable.Range(0, 256 * 300).Select(i => (byte)(i * 7))];
        Tensor y = test.Empty(256, 100, 3);
        test.Backend.FromRgb8(rgb, y);
        Assert.That(OperatorCase.Bits(y), Is.EqualTo(rgb.Select(level => (2f * (level / 255f)) - 1f)));
        byte[] back = new byte[rgb.Length];
        test.Backend.ToRgb8(y, back);
        Assert.That(back, Is.EqualTo(rgb));
    }
}
