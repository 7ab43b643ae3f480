using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class PatchifyTests
{
    [TestCase(1, 1, 2, 2, 2, 0)]
    [TestCase(2, 16, 6, 10, 2, 17)]
    [TestCase(1, 3, 9, 6, 3, 0)]
    [TestCase(3, 5, 4, 4, 1, 2)]
    public void Patchify_orders_row_column_channel_and_clears_the_padding(int items, int channels, int height, int width, int patch, int padding)
    {
        using OperatorCase test = new(GemmLayout.Best);
        int across = width / patch, count = height / patch * across, rowsPerItem = count + padding, length = patch * patch * channels;
        Tensor latents = test.Normal(items, channels, height, width), tokens = test.Empty(items * rowsPerItem, length);
        float[] expected = new float[items * rowsPerItem * length], source = OperatorCase.Bits(latents);
        for (int i = 0; i < source.Length; i++)
        {
            int x = i % width, y = i / width % height, channel = i / (width * height) % channels, item = i / (width * height * channels);
            int row = (item * rowsPerItem) + (y / patch * across) + (x / patch);
            expected[(row * length) + ((((y % patch * patch) + (x % patch)) * channels) + channel)] = source[i];
        }

        test.Backend.Patchify(latents, patch, rowsPerItem, tokens);
        Assert.That(OperatorCase.Bits(tokens), Is.EqualTo(expected));

        for (int item = 0; item < items; item++)
        {
            Tensor latent = test.Empty(channels, height, width);
            test.Backend.Unpatchify(tokens.Slice(item * rowsPerItem, rowsPerItem), patch, latent);
            Assert.That(OperatorCase.Bits(latent), Is.EqualTo(source.Skip(item * (int)latent.Count).Take((int)latent.Count)));
        }
    }
}
