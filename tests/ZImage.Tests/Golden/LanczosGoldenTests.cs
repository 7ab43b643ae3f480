using NUnit.Framework;
using ZImage.Imaging;

namespace ZImage.Tests.Golden;

/// <summary>golden/imaging/lanczos.safetensors: pictures that Pillow resized.</summary>
internal sealed class LanczosGoldenTests
{
    [Test]
    public void Resized_pictures_are_those_of_Pillow()
    {
        using GoldenFile golden = GoldenFile.Open("imaging", "lanczos.safetensors");
        int cases = 0;
        for (; golden.Has($"input.{cases}"); cases++)
        {
            int[] from = golden.Extents($"input.{cases}");
            int[] to = golden.Extents($"ref.{cases}");
            ImageBuffer resized = Resampler.Lanczos(new ImageBuffer(from[1], from[0], golden.Bytes($"input.{cases}")), to[1], to[0]);
            Assert.That((resized.Width, resized.Height), Is.EqualTo((to[1], to[0])));
            Tolerance.Exact<byte>($"{from[1]}x{from[0]} to {to[1]}x{to[0]}", resized.Rgb, golden.Bytes($"ref.{cases}"));
        }

        Assert.That(cases, Is.GreaterThanOrEqualTo(10));
    }
}
