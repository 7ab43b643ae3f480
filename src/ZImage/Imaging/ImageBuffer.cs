namespace ZImage.Imaging;

/// <summary>A picture in memory: 8-bit RGB, row by row from the top, three bytes a pixel.</summary>
public sealed class ImageBuffer
{
    /// <summary>Wraps <paramref name="rgb"/>.</summary>
    /// <exception cref="ArgumentException">Not width · height · 3 bytes.</exception>
    public ImageBuffer(int width, int height, byte[] rgb)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentNullException.ThrowIfNull(rgb);
        if (rgb.Length != (long)width * height * 3)
        {
            throw new ArgumentException($"{rgb.Length} bytes are no {width}x{height} RGB picture.", nameof(rgb));
        }

        Width = width;
        Height = height;
        Rgb = rgb;
    }

    /// <summary>Pixels per row.</summary>
    public int Width { get; }

    /// <summary>Number of rows.</summary>
    public int Height { get; }

    /// <summary>width · height · 3 bytes.</summary>
    public byte[] Rgb { get; }
}
