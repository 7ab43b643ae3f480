using System.Buffers.Binary;
using System.Text.Json;
using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Tests.Support;

namespace ZImage.Tests.Imaging;

[TestFixture]
public class ResamplerTests
{
    // Random pixels, and what Pillow 9.4 makes of them.
    private static readonly byte[] Source5x4 =
    [
        69, 124, 118, 159, 57, 216, 100, 65, 153, 192, 229, 189, 188, 251, 200, 91, 55, 206, 145, 203, 222, 31, 193, 176, 234, 107, 68, 241, 48, 67,
        109, 215, 41, 254, 105, 189, 158, 140, 235, 166, 160, 125, 29, 236, 37, 177, 176, 135, 239, 226, 108, 7, 255, 13, 33, 215, 219, 11, 51, 119,
    ];

    private static readonly byte[] Pillow3x2 = [108, 107, 183, 134, 131, 185, 211, 169, 114, 186, 179, 122, 128, 197, 149, 61, 143, 104];

    private static readonly byte[] Pillow5x2 =
        [77, 101, 147, 160, 120, 222, 83, 122, 185, 219, 164, 122, 202, 169, 121, 141, 181, 103, 238, 178, 154, 74, 206, 129, 112, 173, 156, 39, 123, 68];

    private static readonly byte[] Pillow2x4 =
        [112, 78, 165, 173, 194, 189, 95, 154, 208, 190, 115, 93, 188, 147, 155, 122, 176, 129, 163, 226, 97, 18, 170, 132];

    private static readonly byte[] Pillow7x6 =
    [
        58, 143, 95, 127, 89, 171, 158, 17, 212, 110, 52, 153, 163, 190, 183, 192, 255, 214, 174, 255, 211, 71, 71, 171, 126, 109, 207, 116, 140, 211, 53,
        130, 153, 164, 164, 129, 239, 158, 137, 230, 133, 147, 85, 59, 187, 144, 138, 207, 125, 225, 229, 47, 195, 196, 181, 127, 93, 245, 70, 38, 214, 57,
        48, 87, 203, 45, 186, 147, 125, 236, 107, 246, 155, 140, 252, 194, 132, 154, 135, 180, 49, 49, 230, 24, 135, 217, 68, 224, 179, 114, 229, 159, 139,
        89, 195, 118, 86, 207, 181, 48, 178, 145, 0, 155, 72, 172, 163, 150, 237, 203, 141, 176, 255, 49, 0, 255, 0, 0, 255, 172, 28, 124, 208, 14, 15, 114,
    ];

    private static readonly (int Width, int Height, byte[] Expected)[] Cases = [(3, 2, Pillow3x2), (5, 2, Pillow5x2), (2, 4, Pillow2x4), (7, 6, Pillow7x6)];

    [Test]
    public void Small_pictures_equal_Pillow_bit_for_bit([Range(0, 3)] int index)
    {
        (int width, int height, byte[] expected) = Cases[index];

        ImageBuffer resized = Resampler.Lanczos(new ImageBuffer(5, 4, Source5x4), width, height);

        Assert.That((resized.Width, resized.Height), Is.EqualTo((width, height)));
        Assert.That(resized.Rgb, Is.EqualTo(expected));
    }

    [Test]
    public void Every_golden_picture_equals_Pillow_bit_for_bit()
    {
        string path = Path.Combine(Repository.Root, "golden", "imaging", "lanczos.safetensors");
        if (!File.Exists(path))
        {
            Assert.Ignore("golden/imaging/lanczos.safetensors is absent: run golden/export.py.");
        }

        Dictionary<string, (int[] Shape, byte[] Data)> tensors = ReadU8(path);
        int count = 0;
        for (; tensors.TryGetValue($"input.{count}", out (int[] Shape, byte[] Data) input); count++)
        {
            (int[] shape, byte[] expected) = tensors[$"ref.{count}"];

            ImageBuffer resized = Resampler.Lanczos(new ImageBuffer(input.Shape[1], input.Shape[0], input.Data), shape[1], shape[0]);

            Assert.That(resized.Rgb, Is.EqualTo(expected), $"case {count}: {input.Shape[1]}x{input.Shape[0]} to {shape[1]}x{shape[0]}");
        }

        Assert.That(count * 2, Is.EqualTo(tensors.Count).And.GreaterThan(0));
    }

    [Test]
    public void The_same_size_gives_the_same_picture()
    {
        var image = new ImageBuffer(5, 4, Source5x4);

        Assert.That(Resampler.Lanczos(image, 5, 4).Rgb, Is.EqualTo(Source5x4));
    }

    [TestCase(1, 1)]
    [TestCase(33, 700)]
    [TestCase(640, 2)]
    public void A_flat_picture_stays_flat(int width, int height)
    {
        ImageBuffer flat = PngWriterTests.Picture(50, 40, "flat");

        byte[] resized = Resampler.Lanczos(flat, width, height).Rgb;

        Assert.That(resized, Has.Length.EqualTo(width * height * 3));
        Assert.That(resized, Is.All.EqualTo(flat.Rgb[0]));
    }

    // A safetensors file: length of the JSON header, header, data.
    private static Dictionary<string, (int[] Shape, byte[] Data)> ReadU8(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using JsonDocument json = JsonDocument.Parse(file.AsMemory(8, header));
        Dictionary<string, (int[] Shape, byte[] Data)> tensors = [];
        foreach (JsonProperty entry in json.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__"))
        {
            Assert.That(entry.Value.GetProperty("dtype").GetString(), Is.EqualTo("U8"));
            int[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(e => e.GetInt32())];
            int[] range = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(e => e.GetInt32())];
            tensors[entry.Name] = (shape, file[(8 + header + range[0])..(8 + header + range[1])]);
        }

        return tensors;
    }
}
