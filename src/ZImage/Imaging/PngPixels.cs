using System.Buffers.Binary;
using System.IO.Compression;

namespace ZImage.Imaging;

/// <summary>Checks a PNG file before it is decoded: chunks, checksums, dimensions, and that the packed data holds as much as the header says.</summary>
internal static class PngPixels
{
    // Encoders may leave a little behind the last row; much more than that is made to fill memory.
    private const int Slack = 1 << 16;

    /// <exception cref="ImageFormatException">The file is truncated or broken, or its dimensions are not acceptable.</exception>
    public static PictureHeader ReadHeader(ReadOnlySpan<byte> file, string name)
    {
        PictureHeader? header = null;
        int orientation = 1;
        long expected = 0;
        using var packed = new MemoryStream();
        var chunks = new PngChunks(file, name);
        while (chunks.MoveNext())
        {
            if (header is null)
            {
                if (!chunks.Type.SequenceEqual("IHDR"u8) || chunks.Data.Length != 13)
                {
                    throw Broken(name, "it does not begin with a header");
                }

                // Compared as unsigned numbers: a side above 2^31 is too large, not negative.
                uint width = BinaryPrimitives.ReadUInt32BigEndian(chunks.Data);
                uint height = BinaryPrimitives.ReadUInt32BigEndian(chunks.Data[4..]);
                header = new PictureHeader("PNG", (int)Math.Min(width, int.MaxValue), (int)Math.Min(height, int.MaxValue)).Checked(name);
                expected = RawBytes(header.Value, chunks.Data);
            }
            else if (chunks.Type.SequenceEqual("IDAT"u8))
            {
                packed.Write(chunks.Data);
            }
            else if (chunks.Type.SequenceEqual("eXIf"u8))
            {
                orientation = ExifOrientation.Parse(chunks.Data);
            }
            else if (chunks.Type.SequenceEqual("CgBI"u8))
            {
                throw Broken(name, "it is of Apple's private kind");
            }
        }

        packed.Position = 0;
        CheckPacked(packed, expected, name);
        return header!.Value with { Orientation = orientation };
    }

    // Bytes of all rows with their filter bytes; an interlaced picture is seven small ones.
    private static long RawBytes(PictureHeader header, ReadOnlySpan<byte> data)
    {
        int samples = data[9] switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        int bits = samples * data[8];
        if (data[12] == 0)
        {
            return Pass(header.Width, header.Height);
        }

        ReadOnlySpan<(int X, int Y, int StepX, int StepY)> passes =
            [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
        long total = 0;
        foreach ((int x, int y, int stepX, int stepY) in passes)
        {
            total += Pass((header.Width - x + stepX - 1) / stepX, (header.Height - y + stepY - 1) / stepY);
        }

        return total;

        long Pass(long width, long height) => width == 0 || height == 0 ? 0 : (1 + (((width * bits) + 7) / 8)) * height;
    }

    private static void CheckPacked(Stream packed, long expected, string name)
    {
        using var zlib = new ZLibStream(packed, CompressionMode.Decompress);
        var buffer = new byte[1 << 16];
        long total = 0;
        try
        {
            for (int count; (count = zlib.Read(buffer)) > 0;)
            {
                total += count;
                if (total > expected + Slack)
                {
                    throw Broken(name, "its data is longer than its header says");
                }
            }
        }
        catch (InvalidDataException error)
        {
            throw Broken(name, "its data cannot be unpacked", error);
        }

        if (total < expected)
        {
            throw PngChunks.Truncated(name);
        }
    }

    private static ImageFormatException Broken(string name, string why, Exception? cause = null) =>
        new($"{name} is a broken PNG file: {why}.", "Copy or download the file again, or save it anew with a picture editor.", cause);
}
