using System.Buffers.Binary;

namespace ZImage.Imaging;

/// <summary>Walks the segments of a JPEG file: size, orientation, and whether the end is there.</summary>
internal static class JpegHeader
{
    // The emptiest progressive file spends an eighth of a byte on a block of 64 pixels, and colour planes may be smaller by 16.
    private const long MaxPixelsPerByte = 8192;

    /// <exception cref="ImageFormatException">The file is truncated or broken, or its dimensions are not acceptable.</exception>
    public static PictureHeader Read(ReadOnlySpan<byte> file, string name)
    {
        PictureHeader? header = null;
        int orientation = 1;
        int at = 2;
        while (true)
        {
            // Between segments stand markers; behind a scan's header stands coded data, in which FF 00 and FF D0..D7 are no markers.
            int found = file[at..].IndexOf((byte)0xFF);
            if (found < 0 || at + found + 1 >= file.Length)
            {
                throw PngChunks.Truncated(name);
            }

            at += found + 1;
            byte marker = file[at];
            if (marker is 0xFF)
            {
                continue;
            }

            at++;
            if (marker is 0x00 or 0x01 or (>= 0xD0 and <= 0xD8))
            {
                continue;
            }

            if (marker == 0xD9)
            {
                break;
            }

            int length = at + 2 <= file.Length ? BinaryPrimitives.ReadUInt16BigEndian(file[at..]) : throw PngChunks.Truncated(name);
            if (length < 2 || at + length > file.Length)
            {
                throw PngChunks.Truncated(name);
            }

            ReadOnlySpan<byte> data = file.Slice(at + 2, length - 2);
            at += length;
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC) && data.Length >= 5)
            {
                header = new PictureHeader(
                    "JPEG", BinaryPrimitives.ReadUInt16BigEndian(data[3..]), BinaryPrimitives.ReadUInt16BigEndian(data[1..])).Checked(name);
            }
            else if (marker == 0xE1 && data.StartsWith("Exif\0\0"u8))
            {
                orientation = ExifOrientation.Parse(data[6..]);
            }
        }

        if (header is not { } frame)
        {
            throw new ImageFormatException($"{name} is a broken JPEG file: it holds no picture.", "Copy or download the file again.");
        }

        // A small file that claims a huge picture would cost memory and time for nothing.
        if ((long)frame.Width * frame.Height > file.Length * MaxPixelsPerByte)
        {
            throw PngChunks.Truncated(name);
        }

        return frame with { Orientation = orientation };
    }
}
