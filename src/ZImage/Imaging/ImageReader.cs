using StbImageSharp;

namespace ZImage.Imaging;

/// <summary>
/// Reads pictures of any common kind (PNG, JPEG, BMP, TGA, the first frame of a GIF) as 8-bit RGB, as Pillow's
/// <c>exif_transpose(image).convert("RGB")</c> does: alpha is dropped, grey is spread, 16-bit samples keep their upper byte, and the EXIF
/// orientation is applied. Lossless kinds give exactly the file's values; JPEG decoders differ among each other by a step or two.
/// </summary>
public static class ImageReader
{
    /// <summary>Largest width and height that is read.</summary>
    public const int MaxSide = 32768;

    /// <summary>Most pixels that are read.</summary>
    public const long MaxPixels = 512L << 20;

    private const int MaxFileBytes = 1 << 30;

    /// <summary>Reads a picture file.</summary>
    /// <exception cref="ImageFormatException">The file is missing, a folder, unreadable, empty, too large, broken, or no picture.</exception>
    /// <exception cref="HostMemoryException">The picture does not fit into memory.</exception>
    public static ImageBuffer Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Read(ReadFile(path), Path.GetFileName(path));
    }

    /// <summary>Reads a picture in memory.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="name">What error messages call it.</param>
    /// <exception cref="ImageFormatException">The bytes are no picture, or a broken or too large one.</exception>
    /// <exception cref="HostMemoryException">The picture does not fit into memory.</exception>
    public static ImageBuffer Read(byte[] bytes, string name = "The picture")
    {
        ArgumentNullException.ThrowIfNull(bytes);

        // The decoder allocates what the header says and reads zeros behind the end of the data, so size and completeness are checked first.
        PictureHeader header = PictureHeader.Read(bytes, name);
        ImageResult decoded;
        try
        {
            decoded = ImageResult.FromMemory(bytes, ColorComponents.RedGreenBlue);
        }
        catch (OutOfMemoryException error)
        {
            throw new HostMemoryException((long)header.Width * header.Height * 3, error);
        }
        catch (Exception error)
        {
            // A port from C that reports damage with whatever exception the damage leads to.
            throw new ImageFormatException(
                $"{name} cannot be decoded: the {header.Format} data is damaged or of an unsupported kind ({error.Message}).",
                "Open it in a picture editor and save it as PNG.",
                error);
        }

        if (decoded.Width != header.Width || decoded.Height != header.Height || decoded.Data.Length != header.Width * header.Height * 3)
        {
            throw new ImageFormatException(
                $"{name} cannot be decoded: its header says {header.Width}x{header.Height}, its data {decoded.Width}x{decoded.Height}.",
                "Open it in a picture editor and save it as PNG.");
        }

        return ExifOrientation.Apply(new ImageBuffer(decoded.Width, decoded.Height, decoded.Data), header.Orientation);
    }

    /// <summary>The bytes of a file that should be a picture.</summary>
    internal static byte[] ReadFile(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                throw new ImageFormatException($"{path} is a folder, not a picture.", "Name a file in it.");
            }

            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
            using var bytes = new MemoryStream(file.CanSeek ? (int)Math.Min(file.Length, MaxFileBytes) : 0);
            var buffer = new byte[1 << 16];
            for (int count; (count = file.Read(buffer)) > 0;)
            {
                bytes.Write(buffer, 0, count);
                if (bytes.Length > MaxFileBytes)
                {
                    throw new ImageFormatException($"{path} is larger than {MaxFileBytes >> 20} MiB.", "Use a smaller picture.");
                }
            }

            if (bytes.Length == 0)
            {
                throw new ImageFormatException($"{path} is empty.", "Copy or download the file again.");
            }

            return bytes.GetBuffer().Length == bytes.Length ? bytes.GetBuffer() : bytes.ToArray();
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageFormatException($"The picture {path} does not exist.", "Check the path.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ImageFormatException($"The picture {path} cannot be read: {error.Message}", "Check the path and its permissions.", error);
        }
    }
}
