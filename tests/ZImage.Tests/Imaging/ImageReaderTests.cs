using System.Buffers.Binary;
using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Tests.Support;

namespace ZImage.Tests.Imaging;

[TestFixture]
public class ImageReaderTests
{
    // 32x16, four 16x8 fields: red, green over blue, white. EXIF orientation in byte 49. Made with Pillow.
    private const string JpegBase64 =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMU"
        + "FRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAQACADAREAAhEBAxEB/8QAFwAB"
        + "AQEBAAAAAAAAAAAAAAAAAAgJCv/EABQQAQAAAAAAAAAAAAAAAAAAAAD/xAAZAQEAAwEBAAAAAAAAAAAAAAAABwkKBgj/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIRAxEAPwCdEGLUwFjI"
        + "SZjwGXjRm9ygOltVY7gB/9k=";

    // Two frames of 2x2 pixels; the first is (255,0,0) (0,255,0) (0,0,255) (9,8,7). Made with Pillow.
    private const string GifBase64 =
        "R0lGODdhAgACAIEAAP8AAAD/AAAA/wkIBywAAAAAAgACAAAIBwABBBAwICAALAAAAAACAAIAgf8AAAD/AAAA/wkIBwgHAAcICAAgIAA7";

    private static readonly byte[] FourPixels = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7];

    // The specification says where row 0 and column 0 of the stored picture are seen; corners are top left, top right, bottom left, bottom right.
    [TestCase(1, "RGBW")]
    [TestCase(2, "GRWB")]
    [TestCase(3, "WBGR")]
    [TestCase(4, "BWRG")]
    [TestCase(5, "RBGW")]
    [TestCase(6, "BRWG")]
    [TestCase(7, "WGBR")]
    [TestCase(8, "GWRB")]
    public void A_JPEG_is_turned_as_its_EXIF_orientation_says(int orientation, string corners)
    {
        byte[] file = Convert.FromBase64String(JpegBase64);
        file[49] = (byte)orientation;

        ImageBuffer image = ImageReader.Read(file);

        Assert.That((image.Width, image.Height), Is.EqualTo(orientation < 5 ? (32, 16) : (16, 32)));
        int w = image.Width - 1;
        int h = image.Height - 1;
        Assert.That(string.Concat(Color(image, 0, 0), Color(image, w, 0), Color(image, 0, h), Color(image, w, h)), Is.EqualTo(corners));
    }

    [Test]
    public void The_first_frame_of_a_GIF_is_read() =>
        Assert.That(ImageReader.Read(Convert.FromBase64String(GifBase64)).Rgb, Is.EqualTo(FourPixels));

    [Test]
    public void Grey_palette_alpha_and_16_bit_PNGs_become_8_bit_RGB()
    {
        byte[] grey = PngFile.Build(PngFile.Header(2, 1, 8, 0), PngFile.Pixels(0, 10, 200), PngFile.End);
        byte[] greyAlpha = PngFile.Build(PngFile.Header(2, 1, 8, 4), PngFile.Pixels(0, 10, 0, 200, 128), PngFile.End);
        byte[] bits = PngFile.Build(PngFile.Header(2, 1, 1, 0), PngFile.Pixels(0, 0b0100_0000), PngFile.End);
        byte[] palette = PngFile.Build(
            PngFile.Header(2, 1, 8, 3), new("PLTE", [1, 2, 3, 4, 5, 6]), new("tRNS", [0]), PngFile.Pixels(0, 1, 0), PngFile.End);
        byte[] alpha = PngFile.Build(PngFile.Header(1, 1, 8, 6), PngFile.Pixels(0, 1, 2, 3, 0), PngFile.End);
        byte[] deep = PngFile.Build(PngFile.Header(1, 1, 16, 2), PngFile.Pixels(0, 1, 255, 2, 0, 3, 127), PngFile.End);

        Assert.That(ImageReader.Read(grey).Rgb, Is.EqualTo(new byte[] { 10, 10, 10, 200, 200, 200 }));
        Assert.That(ImageReader.Read(greyAlpha).Rgb, Is.EqualTo(new byte[] { 10, 10, 10, 200, 200, 200 }));
        Assert.That(ImageReader.Read(bits).Rgb, Is.EqualTo(new byte[] { 0, 0, 0, 255, 255, 255 }));
        Assert.That(ImageReader.Read(palette).Rgb, Is.EqualTo(new byte[] { 4, 5, 6, 1, 2, 3 }));
        Assert.That(ImageReader.Read(alpha).Rgb, Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(ImageReader.Read(deep).Rgb, Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [Test]
    public void BMP_and_TGA_are_read()
    {
        Assert.That(ImageReader.Read(Bmp()).Rgb, Is.EqualTo(FourPixels));
        Assert.That(ImageReader.Read(Tga(runLength: false)).Rgb, Is.EqualTo(FourPixels));
        Assert.That(ImageReader.Read(Tga(runLength: true)).Rgb, Is.EqualTo(FourPixels));
    }

    [Test]
    public void Every_truncation_of_every_kind_is_reported([Values("png", "jpeg", "gif", "bmp", "tga", "tga rle")] string kind)
    {
        byte[] file = Sample(kind);
        int needed = kind == "gif" ? 45 : file.Length; // the first frame: 13 header, 12 colours, 10 descriptor, code size, 1 + 7 data, end

        for (int length = 0; length < needed; length++)
        {
            byte[] part = file[..length];
            Assert.That(() => ImageReader.Read(part), Throws.TypeOf<ImageFormatException>().With.Property("Hint").Not.Empty, $"{length} of {file.Length} bytes");
        }

        Assert.That(() => ImageReader.Read(file[..needed]), Throws.Nothing);
    }

    [Test]
    public void Mutated_bytes_never_raise_anything_else([Values("png", "jpeg", "gif", "bmp", "tga", "tga rle")] string kind)
    {
        byte[] original = Sample(kind);
        var random = new Random(11);
        int broken = 0;
        for (int i = 0; i < 1500; i++)
        {
            byte[] file = [.. original];
            for (int k = random.Next(1, 5); k > 0; k--)
            {
                file[random.Next(file.Length)] = (byte)(random.Next(3) switch { 0 => 0, 1 => 255, _ => random.Next(256) });
            }

            try
            {
                ImageReader.Read(file);
            }
            catch (ImageFormatException)
            {
                broken++;
            }
        }

        Assert.That(broken, Is.GreaterThan(0));
    }

    [Test]
    public void Mutated_PNG_pixels_under_a_valid_checksum_never_raise_anything_else()
    {
        PngFile.Chunk[] chunks = [.. PngFile.Parse(Sample("png"))];
        int data = Array.FindIndex(chunks, c => c.Type == "IDAT");
        var random = new Random(12);
        int broken = 0;
        for (int i = 0; i < 1500; i++)
        {
            PngFile.Chunk[] mutated = [.. chunks.Select(c => c with { Data = [.. c.Data] })];
            byte[] target = mutated[random.Next(4) == 0 ? 0 : data].Data;
            target[random.Next(target.Length)] = (byte)random.Next(256);
            try
            {
                ImageReader.Read(PngFile.Build(mutated));
            }
            catch (ImageFormatException)
            {
                broken++;
            }
        }

        Assert.That(broken, Is.GreaterThan(0));
    }

    [Test]
    public void Absurd_dimensions_are_refused_before_anything_is_allocated()
    {
        (int Width, int Height)[] sizes = [(32769, 1), (1, 40000), (32768, 32768), (int.MaxValue, int.MaxValue), (-1, -1)];
        foreach ((int width, int height) in sizes)
        {
            byte[] png = PngFile.Build(PngFile.Header(width, height, 8, 2), PngFile.Pixels(0), PngFile.End);
            long before = GC.GetAllocatedBytesForCurrentThread();

            Assert.That(() => ImageReader.Read(png), Throws.TypeOf<ImageFormatException>().With.Message.Contains("too large"), $"{width}x{height}");
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(10 << 20));
        }

        byte[] zero = PngFile.Build(PngFile.Header(0, 5, 8, 2), PngFile.Pixels(0), PngFile.End);
        Assert.That(() => ImageReader.Read(zero), Throws.TypeOf<ImageFormatException>());
    }

    [Test]
    public void Small_files_that_claim_or_unpack_to_much_are_refused()
    {
        byte[] bomb = PngFile.Build(PngFile.Header(16, 16, 8, 2), PngFile.Pixels(new byte[50 << 20]), PngFile.End);
        byte[] jpeg = Sample("jpeg");
        int frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 5), 16384);
        BinaryPrimitives.WriteUInt16BigEndian(jpeg.AsSpan(frame + 7), 32768);

        Assert.That(() => ImageReader.Read(bomb), Throws.TypeOf<ImageFormatException>().With.Message.Contains("longer"));
        Assert.That(() => ImageReader.Read(jpeg), Throws.TypeOf<ImageFormatException>().With.Message.Contains("truncated"));
    }

    [TestCase("RIFF1234WEBPVP8 ", "WebP")]
    [TestCase("just some text, long enough", "not a picture")]
    public void What_is_no_readable_picture_is_named(string content, string expected) =>
        Assert.That(
            () => ImageReader.Read(System.Text.Encoding.ASCII.GetBytes(content)),
            Throws.TypeOf<ImageFormatException>().With.Message.Contains(expected).And.Property("Hint").Contains("PNG"));

    [Test]
    public void Missing_empty_and_folder_paths_are_named()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("empty.png"), []);

        Assert.That(() => ImageReader.Read(folder.File("none.png")), Throws.TypeOf<ImageFormatException>().With.Message.Contains("does not exist"));
        Assert.That(() => ImageReader.Read(folder.File("no/none.png")), Throws.TypeOf<ImageFormatException>().With.Message.Contains("does not exist"));
        Assert.That(() => ImageReader.Read(folder.File("empty.png")), Throws.TypeOf<ImageFormatException>().With.Message.Contains("empty"));
        Assert.That(() => ImageReader.Read(folder.Path), Throws.TypeOf<ImageFormatException>().With.Message.Contains("folder"));
        Assert.That(() => ImageReader.Read(""), Throws.TypeOf<ImageFormatException>());
    }

    private static byte[] Sample(string kind) => kind switch
    {
        "png" => PngWriter.Encode(PngWriterTests.Picture(9, 7, "smooth")),
        "jpeg" => Convert.FromBase64String(JpegBase64),
        "gif" => Convert.FromBase64String(GifBase64),
        "bmp" => Bmp(),
        "tga" => Tga(runLength: false),
        _ => Tga(runLength: true),
    };

    // Rows from the bottom, blue first, padded to four bytes.
    private static byte[] Bmp() =>
    [
        .. "BM"u8, 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0, .. new byte[24],
        255, 0, 0, 7, 8, 9, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0,
    ];

    // Bit 5 of byte 17: rows from the top.
    private static byte[] Tga(bool runLength) => runLength
        ? [0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 24, 32, 1, 0, 0, 255, 0, 255, 0, 0x80, 255, 0, 0, 0, 7, 8, 9]
        : [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 24, 32, 0, 0, 255, 0, 255, 0, 255, 0, 0, 7, 8, 9];

    private static char Color(ImageBuffer image, int x, int y)
    {
        ReadOnlySpan<byte> rgb = image.Rgb.AsSpan(((y * image.Width) + x) * 3, 3);
        return (rgb[0] > 128, rgb[1] > 128, rgb[2] > 128) switch
        {
            (true, false, false) => 'R',
            (false, true, false) => 'G',
            (false, false, true) => 'B',
            (true, true, true) => 'W',
            _ => '?',
        };
    }
}
