using System.Text;
using NUnit.Framework;
using StbImageSharp;
using ZImage.Imaging;
using ZImage.Tests.Support;

namespace ZImage.Tests.Imaging;

[TestFixture]
public class PngWriterTests
{
    private static readonly (int Width, int Height)[] Sizes =
        [(1, 1), (1, 37), (37, 1), (2, 3), (5, 5), (10, 7), (11, 8), (16, 16), (21, 4), (22, 4), (31, 9), (64, 64), (85, 3), (257, 130), (1500, 4)];

    [Test]
    public void Every_size_and_content_survives_a_foreign_decoder_bit_for_bit(
        [ValueSource(nameof(Sizes))] (int Width, int Height) size,
        [Values("noise", "extremes", "smooth", "flat")] string content,
        [Values] PngCompression compression)
    {
        ImageBuffer image = Picture(size.Width, size.Height, content);

        ImageResult decoded = ImageResult.FromMemory(PngWriter.Encode(image, null, compression), ColorComponents.RedGreenBlue);

        Assert.That((decoded.Width, decoded.Height), Is.EqualTo(size));
        Assert.That(decoded.Data, Is.EqualTo(image.Rgb));
    }

    [Test]
    public void Every_filter_is_used_and_undone_by_a_foreign_decoder()
    {
        // Each band of rows favours another filter: zero after noise, equal to the left, equal to above, their mean, a ramp in both directions.
        const int width = 64;
        const int stride = width * 3;
        var random = new Random(3);
        var rgb = new byte[stride * 40];
        for (int y = 0; y < 40; y++)
        {
            for (int i = 0; i < stride; i++)
            {
                int at = (y * stride) + i;
                int left = i < 3 ? 0 : rgb[at - 3];
                int above = y == 0 ? 0 : rgb[at - stride];
                int corner = i < 3 || y == 0 ? 0 : rgb[at - stride - 3];
                rgb[at] = (byte)((y / 4 % 5) switch
                {
                    0 => random.Next(2) * random.Next(4),
                    1 => i < 3 ? random.Next(256) : left,
                    2 => y % 4 == 0 ? random.Next(256) : above,
                    3 => ((left + above) / 2) + random.Next(2),
                    _ => y % 4 == 0 ? random.Next(256) : Math.Clamp(left + above - corner, 0, 255),
                });
            }
        }

        byte[] file = PngWriter.Encode(new ImageBuffer(width, 40, rgb));

        byte[] packed = [.. PngFile.Parse(file).Where(c => c.Type == "IDAT").SelectMany(c => c.Data)];
        using var zlib = new System.IO.Compression.ZLibStream(new MemoryStream(packed), System.IO.Compression.CompressionMode.Decompress);
        using var raw = new MemoryStream();
        zlib.CopyTo(raw);
        byte[] rows = raw.ToArray();
        Assert.That(Enumerable.Range(0, 40).Select(y => rows[y * (stride + 1)]).Distinct().Order(), Is.EqualTo(new byte[] { 0, 1, 2, 3, 4 }));
        Assert.That(ImageResult.FromMemory(file, ColorComponents.RedGreenBlue).Data, Is.EqualTo(rgb));
    }

    [Test]
    public void Chunks_stand_in_the_order_of_the_specification_with_valid_checksums()
    {
        ImageBuffer image = Picture(300, 200, "noise");

        List<PngFile.Chunk> chunks = PngFile.Parse(PngWriter.Encode(image, [new PngText("Title", "x")]));

        string[] types = [.. chunks.Select(c => c.Type)];
        Assert.That(types[..4], Is.EqualTo(new[] { "IHDR", "sRGB", "tEXt", "tEXt" }));
        Assert.That(types[4..^1], Is.All.EqualTo("IDAT"));
        Assert.That(types[^1], Is.EqualTo("IEND"));
        Assert.That(chunks[0].Data, Is.EqualTo(new byte[] { 0, 0, 1, 44, 0, 0, 0, 200, 8, 2, 0, 0, 0 }));
        Assert.That(chunks[1].Data, Is.EqualTo(new byte[] { 0 }));
        Assert.That(Encoding.Latin1.GetString(chunks[2].Data), Does.StartWith("Software\0zimage "));
        Assert.That(chunks[3].Data, Is.EqualTo("Title\0x"u8.ToArray()));
        Assert.That(chunks.Where(c => c.Type == "IDAT").Select(c => c.Data.Length), Is.All.GreaterThan(0), "180000 random bytes fill more than one chunk");
    }

    [Test]
    public void Latin_1_with_line_feeds_is_tEXt_and_everything_else_UTF_8_iTXt()
    {
        string[] latin1 = ["", "plain", "café ÿ\nsecond line"];
        string[] other = ["一只猫", "a 🐈", "tab\there", "return\r\n", "next line \u0085", "hard\u00A0space"];
        ImageBuffer image = Picture(2, 2, "flat");

        List<PngFile.Chunk> chunks = PngFile.Parse(PngWriter.Encode(image, [.. latin1.Concat(other).Select(text => new PngText("k", text))]));

        Assert.That(chunks.Where(c => c.Type == "tEXt").Skip(1).Select(c => Encoding.Latin1.GetString(c.Data)), Is.EqualTo(latin1.Select(t => "k\0" + t)));
        Assert.That(chunks.Where(c => c.Type == "iTXt").Select(c => Encoding.UTF8.GetString(c.Data)), Is.EqualTo(other.Select(t => "k\0\0\0\0\0" + t)));
    }

    [Test]
    public void Texts_come_back_as_they_were([Values("", "quotes \" ' \\ and {json: \"x\"}", "多行\n提示词，“引号”", "🐈‍⬛ emoji 👩🏽‍🚀", "ÄÖÜ ß\nline")] string text)
    {
        byte[] file = PngWriter.Encode(Picture(3, 3, "noise"), [new PngText("parameters", text), new PngText("second key", text + "!")]);

        IReadOnlyList<PngText> texts = PngReader.ReadText(file);

        Assert.That(texts.Skip(1), Is.EqualTo(new[] { new PngText("parameters", text), new PngText("second key", text + "!") }));
    }

    [Test]
    public void The_same_picture_gives_the_same_bytes()
    {
        ImageBuffer image = Picture(100, 80, "smooth");
        PngText[] texts = [new("parameters", "猫")];

        byte[] first = PngWriter.Encode(image, texts);
        byte[] second = PngWriter.Encode(image, texts);

        Assert.That(second, Is.EqualTo(first));
    }

    [TestCase("", "x")]
    [TestCase(" k", "x")]
    [TestCase("k ", "x")]
    [TestCase("a  b", "x")]
    [TestCase("键", "x")]
    [TestCase("a\nb", "x")]
    [TestCase("k", "a\0b")]
    public void An_invalid_text_is_refused_before_anything_is_written(string keyword, string text)
    {
        using var stream = new MemoryStream();

        Assert.That(() => PngWriter.Write(stream, Picture(1, 1, "flat"), [new PngText(keyword, text)]), Throws.ArgumentException);
        Assert.That(stream.Length, Is.Zero);
    }

    internal static ImageBuffer Picture(int width, int height, string content)
    {
        var random = new Random((width * 7919) + height);
        var rgb = new byte[width * height * 3];
        for (int i = 0; i < rgb.Length; i++)
        {
            rgb[i] = content switch
            {
                "noise" => (byte)random.Next(256),
                "extremes" => (byte)(random.Next(2) * 255),
                "smooth" => (byte)((i % (width * 3)) + (i / (width * 3)) + random.Next(3)),
                _ => 77,
            };
        }

        return new ImageBuffer(width, height, rgb);
    }
}
