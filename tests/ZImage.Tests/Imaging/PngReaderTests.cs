using System.Text;
using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Tests.Support;

namespace ZImage.Tests.Imaging;

[TestFixture]
public class PngReaderTests
{
    private static readonly PngFile.Chunk Header = PngFile.Header(1, 1, 8, 2);
    private static readonly PngFile.Chunk Pixel = PngFile.Pixels(0, 1, 2, 3);

    [Test]
    public void All_three_kinds_of_text_are_read_wherever_they_stand()
    {
        byte[] file = PngFile.Build(
            Header,
            new("tEXt", [.. "a\0caf"u8, 0xE9]),
            new("zTXt", [.. "b\0\0"u8, .. PngFile.Zlib([.. "packed "u8, 0xE9])]),
            Pixel,
            new("iTXt", [.. "c\0\0\0zh-Hans\0\0"u8, .. Encoding.UTF8.GetBytes("一只猫")]),
            new("iTXt", [.. "d\0\u0001\0\0translated\0"u8, .. PngFile.Zlib(Encoding.UTF8.GetBytes("🐈\n猫"))]),
            PngFile.End);

        Assert.That(PngReader.ReadText(file), Is.EqualTo(new PngText[] { new("a", "café"), new("b", "packed é"), new("c", "一只猫"), new("d", "🐈\n猫") }));
    }

    [Test]
    public void A_wrong_checksum_is_a_broken_picture()
    {
        byte[] file = PngFile.Build(Header, new("tEXt", "key\0value"u8.ToArray()), Pixel, PngFile.End);
        file[8 + 25 + 8 + 4]++; // first letter of the value

        Assert.That(() => PngReader.ReadText(file), Throws.TypeOf<ImageFormatException>().With.Message.Contains("checksum"));
    }

    [Test]
    public void Every_truncation_is_reported()
    {
        byte[] file = PngFile.Build(Header, new("tEXt", "key\0value"u8.ToArray()), Pixel, PngFile.End);

        for (int length = 0; length < file.Length; length++)
        {
            byte[] part = file[..length];
            Assert.That(() => PngReader.ReadText(part), Throws.TypeOf<ImageFormatException>(), $"{length} bytes");
        }
    }

    [TestCase("tEXt", "no separator")]
    [TestCase("zTXt", "key\0\u0001unknown method")]
    [TestCase("zTXt", "key\0\0not zlib data")]
    [TestCase("iTXt", "key\0\0\0no tags")]
    [TestCase("iTXt", "key\0\u0002\0\0\0flag 2")]
    public void A_malformed_text_chunk_is_reported(string type, string data)
    {
        byte[] file = PngFile.Build(Header, new(type, Encoding.Latin1.GetBytes(data)), Pixel, PngFile.End);

        Assert.That(() => PngReader.ReadText(file), Throws.TypeOf<ImageFormatException>());
    }

    [Test]
    public void A_text_that_unpacks_to_more_than_16_MiB_is_refused()
    {
        byte[] file = PngFile.Build(Header, new("zTXt", [.. "bomb\0\0"u8, .. PngFile.Zlib(new byte[(16 << 20) + 1])]), Pixel, PngFile.End);

        Assert.That(() => PngReader.ReadText(file), Throws.TypeOf<ImageFormatException>().With.Message.Contains("16 MiB"));
    }
}
