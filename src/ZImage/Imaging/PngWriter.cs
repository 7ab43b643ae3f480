using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace ZImage.Imaging;

/// <summary>How much time a PNG file may cost.</summary>
public enum PngCompression
{
    /// <summary>Quick: what the tool uses, because writing is part of the waiting time.</summary>
    Fast,

    /// <summary>A little smaller, about twice the time.</summary>
    Balanced,

    /// <summary>Smallest, a few times slower.</summary>
    Small,
}

/// <summary>
/// Writes 8-bit RGB pictures as PNG: adaptive filters, an sRGB chunk, text chunks. The same picture and texts always give the same bytes
/// on the same runtime; no time is stored.
/// </summary>
public static class PngWriter
{
    internal static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    /// <summary>Value of the Software chunk that every file gets.</summary>
    internal static string Software { get; } = $"zimage {EngineVersion.Text}";

    /// <summary>Writes <paramref name="image"/> to <paramref name="stream"/>, which need not be seekable and stays open.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="image">What.</param>
    /// <param name="texts">Text chunks: tEXt where Latin-1 suffices, otherwise iTXt in UTF-8.</param>
    /// <param name="compression">Time against size; the pixels are the same.</param>
    /// <exception cref="ArgumentException">A text has an invalid keyword or holds NUL.</exception>
    /// <exception cref="IOException">The stream failed.</exception>
    public static void Write(Stream stream, ImageBuffer image, IReadOnlyList<PngText>? texts = null, PngCompression compression = PngCompression.Fast)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(image);
        foreach (PngText text in texts ?? [])
        {
            text.Check();
        }

        stream.Write(Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], image.Height);
        header[8] = 8; // bits per sample
        header[9] = 2; // RGB
        header[10..].Clear(); // deflate, the five filters, not interlaced
        WriteChunk(stream, "IHDR"u8, header);
        WriteChunk(stream, "sRGB"u8, [0]); // perceptual intent

        // Texts stand before the pixels, so that a reader finds them without reading the whole file.
        WriteText(stream, new PngText("Software", Software));
        foreach (PngText text in texts ?? [])
        {
            WriteText(stream, text);
        }

        WritePixels(stream, image, compression);
        WriteChunk(stream, "IEND"u8, []);
    }

    /// <summary>The bytes of a PNG file; see <see cref="Write"/>.</summary>
    public static byte[] Encode(ImageBuffer image, IReadOnlyList<PngText>? texts = null, PngCompression compression = PngCompression.Fast)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var stream = new MemoryStream(4096 + (image.Rgb.Length / 2));
        Write(stream, image, texts, compression);
        return stream.ToArray();
    }

    internal static void WriteChunk(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
        stream.Write(word);
        stream.Write(type);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(word, Crc32.Compute(type, data));
        stream.Write(word);
    }

    private static void WriteText(Stream stream, PngText text)
    {
        if (text.FitsLatin1)
        {
            WriteChunk(stream, "tEXt"u8, [.. Encoding.Latin1.GetBytes(text.Keyword), 0, .. Encoding.Latin1.GetBytes(text.Text)]);
            return;
        }

        // Keyword, NUL, not compressed, method 0, empty language tag, empty translated keyword, text.
        WriteChunk(stream, "iTXt"u8, [.. Encoding.Latin1.GetBytes(text.Keyword), 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(text.Text)]);
    }

    private static void WritePixels(Stream stream, ImageBuffer image, PngCompression compression)
    {
        // The filters leave small random-looking numbers with few long matches, so the low levels lose little size (level 1 has a fixed
        // Huffman code and loses a half), and the strategy for filtered data beats the search for longer matches.
        var options = new ZLibCompressionOptions
        {
            CompressionLevel = compression switch
            {
                PngCompression.Fast => 2,
                PngCompression.Balanced => 6,
                _ => 8,
            },
            CompressionStrategy = ZLibCompressionStrategy.Filtered,
        };
        int stride = image.Width * 3;
        var filter = new PngRowFilter(stride);
        using var chunks = new PngDataStream(stream);
        using var zlib = new ZLibStream(chunks, options, leaveOpen: true);
        for (int y = 0; y < image.Height; y++)
        {
            zlib.Write(filter.Next(image.Rgb.AsSpan(y * stride, stride)));
        }
    }
}
