using System.Buffers.Binary;

namespace ZImage.Imaging;

/// <summary>The orientation tag that cameras write instead of turning the pixels.</summary>
internal static class ExifOrientation
{
    private const ushort Tag = 0x0112;

    /// <summary>Orientation 1 to 8 of an EXIF block (a TIFF header and its first directory); 1 where it is missing or makes no sense.</summary>
    public static int Parse(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8)
        {
            return 1;
        }

        bool big = tiff.StartsWith("MM\0*"u8);
        if (!big && !tiff.StartsWith("II*\0"u8))
        {
            return 1;
        }

        uint directory = big ? BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]) : BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..]);
        if (directory > tiff.Length - 2)
        {
            return 1;
        }

        ReadOnlySpan<byte> entries = tiff[(int)directory..];
        int count = Word(entries, big);
        for (entries = entries[2..]; count > 0 && entries.Length >= 12; count--, entries = entries[12..])
        {
            // A short (type 3) stands at the front of the value field.
            if (Word(entries, big) == Tag && Word(entries[2..], big) == 3)
            {
                int value = Word(entries[8..], big);
                return value is >= 1 and <= 8 ? value : 1;
            }
        }

        return 1;
    }

    /// <summary>The upright picture.</summary>
    public static ImageBuffer Apply(ImageBuffer image, int orientation)
    {
        if (orientation == 1)
        {
            return image;
        }

        int width = image.Width;
        int height = image.Height;
        bool swapped = orientation >= 5;
        int newWidth = swapped ? height : width;
        int newHeight = swapped ? width : height;
        var rgb = new byte[image.Rgb.Length];
        for (int y = 0; y < newHeight; y++)
        {
            for (int x = 0; x < newWidth; x++)
            {
                (int fromX, int fromY) = orientation switch
                {
                    2 => (width - 1 - x, y), // mirrored
                    3 => (width - 1 - x, height - 1 - y), // upside down
                    4 => (x, height - 1 - y), // mirrored upside down
                    5 => (y, x), // transposed
                    6 => (y, height - 1 - x), // to be turned clockwise
                    7 => (width - 1 - y, height - 1 - x), // transposed across the other diagonal
                    _ => (width - 1 - y, x), // to be turned anticlockwise
                };
                image.Rgb.AsSpan(((fromY * width) + fromX) * 3, 3).CopyTo(rgb.AsSpan(((y * newWidth) + x) * 3));
            }
        }

        return new ImageBuffer(newWidth, newHeight, rgb);
    }

    private static ushort Word(ReadOnlySpan<byte> data, bool big) =>
        big ? BinaryPrimitives.ReadUInt16BigEndian(data) : BinaryPrimitives.ReadUInt16LittleEndian(data);
}
