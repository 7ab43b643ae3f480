using System.Buffers.Binary;

namespace ZImage.Imaging;

/// <summary>What is read of a picture before decoding: its kind, its size, and that its data is all there.</summary>
/// <param name="Format">PNG, JPEG, BMP, GIF or TGA.</param>
/// <param name="Width">Pixels per row as stored, before any rotation.</param>
/// <param name="Height">Number of rows as stored.</param>
/// <param name="Orientation">EXIF orientation 1 to 8; 1 is upright.</param>
internal readonly record struct PictureHeader(string Format, int Width, int Height, int Orientation = 1)
{
    /// <exception cref="ImageFormatException">No picture of a known kind, a truncated one, or absurd dimensions.</exception>
    public static PictureHeader Read(ReadOnlySpan<byte> file, string name)
    {
        if (file.IsEmpty)
        {
            throw new ImageFormatException($"{name} is empty.", "Copy or download the file again.");
        }

        if (file.StartsWith(PngWriter.Signature))
        {
            return PngPixels.ReadHeader(file, name);
        }

        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]))
        {
            return JpegHeader.Read(file, name);
        }

        if (file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8))
        {
            return Gif(file, name);
        }

        if (file.StartsWith("BM"u8))
        {
            return Bmp(file, name);
        }

        return Tga(file, name) ?? throw NotAPicture(file, name);
    }

    /// <summary>The header itself, if its dimensions are acceptable.</summary>
    public PictureHeader Checked(string name)
    {
        if (Width < 1 || Height < 1)
        {
            throw new ImageFormatException($"{name} is a broken {Format} file: it says that it is {Width}x{Height} pixels large.", "Copy or download the file again.");
        }

        if (Width > ImageReader.MaxSide || Height > ImageReader.MaxSide || (long)Width * Height > ImageReader.MaxPixels)
        {
            throw new ImageFormatException(
                $"{name} is too large: {Width}x{Height} pixels; at most {ImageReader.MaxSide} per side and {ImageReader.MaxPixels >> 20} Mpixel in all are read.",
                "Scale it down first.");
        }

        return this;
    }

    private static ImageFormatException NotAPicture(ReadOnlySpan<byte> file, string name)
    {
        string? known = file switch
        {
            _ when file.StartsWith("RIFF"u8) && file.Length > 12 && file[8..].StartsWith("WEBP"u8) => "WebP",
            _ when file.Length > 12 && file[4..].StartsWith("ftypavif"u8) => "AVIF",
            _ when file.Length > 12 && file[4..].StartsWith("ftyp"u8) => "HEIC or video",
            _ when file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) => "TIFF",
            _ when file.StartsWith("8BPS"u8) => "PSD",
            _ => null,
        };
        return new ImageFormatException(
            known is null ? $"{name} is not a picture of a known kind." : $"{name} is a {known} file, which is not read.",
            "Use PNG, JPEG, BMP, TGA or GIF.");
    }

    private static PictureHeader Bmp(ReadOnlySpan<byte> file, string name)
    {
        if (file.Length < 26)
        {
            throw PngChunks.Truncated(name);
        }

        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(file[10..]);
        bool old = BinaryPrimitives.ReadUInt32LittleEndian(file[14..]) == 12; // OS/2: 16-bit sizes
        if (!old && file.Length < 34)
        {
            throw PngChunks.Truncated(name);
        }

        int width = old ? BinaryPrimitives.ReadUInt16LittleEndian(file[18..]) : BinaryPrimitives.ReadInt32LittleEndian(file[18..]);
        int height = old ? BinaryPrimitives.ReadUInt16LittleEndian(file[20..]) : BinaryPrimitives.ReadInt32LittleEndian(file[22..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(file[(old ? 24 : 28)..]);
        PictureHeader header = new PictureHeader("BMP", width, height == int.MinValue ? 0 : Math.Abs(height)).Checked(name); // negative: stored from the top
        long rowBytes = ((((long)header.Width * bits) + 31) / 32) * 4;
        if (offset + (rowBytes * header.Height) > file.Length)
        {
            throw PngChunks.Truncated(name);
        }

        return header;
    }

    private static PictureHeader Gif(ReadOnlySpan<byte> file, string name)
    {
        int at = 13;
        if (file.Length < at)
        {
            throw PngChunks.Truncated(name);
        }

        PictureHeader header = new PictureHeader(
            "GIF", BinaryPrimitives.ReadUInt16LittleEndian(file[6..]), BinaryPrimitives.ReadUInt16LittleEndian(file[8..])).Checked(name);
        at += ColorTableBytes(file[10]);
        while (true)
        {
            int block = at < file.Length ? file[at] : throw PngChunks.Truncated(name);
            if (block is not (0x21 or 0x2C))
            {
                throw new ImageFormatException($"{name} is a broken GIF file: no frame was found.", "Copy or download the file again.");
            }

            // An extension has a label; a frame has nine bytes of place and flags, its own colours, and the code size.
            if (block == 0x2C && at + 9 >= file.Length)
            {
                throw PngChunks.Truncated(name);
            }

            at += block == 0x21 ? 2 : 11 + ColorTableBytes(file[at + 9]);
            int length;
            do
            {
                length = at < file.Length ? file[at] : throw PngChunks.Truncated(name);
                at += 1 + length;
            }
            while (length != 0);
            if (block == 0x2C)
            {
                return header;
            }
        }

        static int ColorTableBytes(byte flags) => (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);
    }

    // A TGA file has no signature, so every field must make sense; null means that it is none.
    private static PictureHeader? Tga(ReadOnlySpan<byte> file, string name)
    {
        if (file.Length < 18)
        {
            return null;
        }

        int mapType = file[1];
        int type = file[2];
        int bits = file[16];
        int mapBits = file[7];
        bool mapped = type is 1 or 9;
        bool plausible = type is 1 or 2 or 3 or 9 or 10 or 11
            && mapType == (mapped ? 1 : 0)
            && (mapped ? bits is 8 or 16 && mapBits is 8 or 15 or 16 or 24 or 32 : bits is 8 or 15 or 16 or 24 or 32)
            && (file[17] & 0xC0) == 0;
        int width = BinaryPrimitives.ReadUInt16LittleEndian(file[12..]);
        int height = BinaryPrimitives.ReadUInt16LittleEndian(file[14..]);
        if (!plausible || width == 0 || height == 0)
        {
            return null;
        }

        PictureHeader header = new PictureHeader("TGA", width, height).Checked(name);
        int pixelBytes = (bits + 7) / 8;
        long at = 18 + file[0] + (mapped ? BinaryPrimitives.ReadUInt16LittleEndian(file[5..]) * ((mapBits + 7) / 8) : 0);
        if (type < 9)
        {
            at += (long)width * height * pixelBytes;
        }
        else
        {
            for (long pixels = 0; pixels < (long)width * height;)
            {
                int packet = at < file.Length ? file[(int)at] : throw PngChunks.Truncated(name);
                int run = (packet & 127) + 1;
                pixels += run;
                at += 1 + ((packet & 128) != 0 ? pixelBytes : (long)run * pixelBytes);
            }
        }

        return at <= file.Length ? header : throw PngChunks.Truncated(name);
    }
}
