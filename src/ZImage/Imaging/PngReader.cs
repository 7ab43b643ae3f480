using System.IO.Compression;
using System.Text;

namespace ZImage.Imaging;

/// <summary>Reads the text chunks of PNG files: tEXt, zTXt and iTXt. For the pixels see <see cref="ImageReader"/>.</summary>
public static class PngReader
{
    // Far above any prompt; a compressed chunk that says more is an attack.
    private const int MaxTextBytes = 16 << 20;

    private static readonly UTF8Encoding StrictUtf8 = new(false, true);

    /// <summary>The texts of a PNG file, in its order.</summary>
    /// <exception cref="ImageFormatException">The file is missing, cannot be read, is no PNG, or is broken.</exception>
    public static IReadOnlyList<PngText> ReadText(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return ReadText(ImageReader.ReadFile(path), Path.GetFileName(path));
    }

    /// <summary>The texts of a PNG file, in its order.</summary>
    /// <param name="png">The file's bytes.</param>
    /// <param name="name">What error messages call the file.</param>
    /// <exception cref="ImageFormatException">The bytes are no PNG file, or a broken one.</exception>
    public static IReadOnlyList<PngText> ReadText(ReadOnlySpan<byte> png, string name = "The picture")
    {
        if (!png.StartsWith(PngWriter.Signature))
        {
            throw new ImageFormatException($"{name} is no PNG file.", "Only PNG files carry the texts that zimage reads.");
        }

        var texts = new List<PngText>();
        var chunks = new PngChunks(png, name);
        while (chunks.MoveNext())
        {
            PngText? text = null;
            if (chunks.Type.SequenceEqual("tEXt"u8))
            {
                text = Latin1Text(chunks.Data);
            }
            else if (chunks.Type.SequenceEqual("zTXt"u8))
            {
                text = CompressedText(chunks.Data, name);
            }
            else if (chunks.Type.SequenceEqual("iTXt"u8))
            {
                text = InternationalText(chunks.Data, name);
            }
            else
            {
                continue;
            }

            texts.Add(text ?? throw new ImageFormatException($"{name} is a broken PNG file: a text chunk is malformed.", "Save the picture again with another tool."));
        }

        return texts;
    }

    private static PngText? Latin1Text(ReadOnlySpan<byte> data)
    {
        int end = data.IndexOf((byte)0);
        return end < 0 ? null : new PngText(Encoding.Latin1.GetString(data[..end]), Encoding.Latin1.GetString(data[(end + 1)..]));
    }

    private static PngText? CompressedText(ReadOnlySpan<byte> data, string name)
    {
        int end = data.IndexOf((byte)0);
        if (end < 0 || end + 2 > data.Length || data[end + 1] != 0)
        {
            return null;
        }

        return new PngText(Encoding.Latin1.GetString(data[..end]), Encoding.Latin1.GetString(Inflate(data[(end + 2)..], name)));
    }

    private static PngText? InternationalText(ReadOnlySpan<byte> data, string name)
    {
        int end = data.IndexOf((byte)0);
        if (end < 0 || end + 3 > data.Length)
        {
            return null;
        }

        string keyword = Encoding.Latin1.GetString(data[..end]);
        byte compressed = data[end + 1];
        byte method = data[end + 2];
        ReadOnlySpan<byte> text = data[(end + 3)..];
        for (int skipped = 0; skipped < 2; skipped++) // language tag, translated keyword
        {
            int zero = text.IndexOf((byte)0);
            if (zero < 0)
            {
                return null;
            }

            text = text[(zero + 1)..];
        }

        if (compressed > 1 || (compressed == 1 && method != 0))
        {
            return null;
        }

        try
        {
            return new PngText(keyword, StrictUtf8.GetString(compressed == 1 ? Inflate(text, name) : text));
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static byte[] Inflate(ReadOnlySpan<byte> data, string name)
    {
        using var zlib = new ZLibStream(new MemoryStream(data.ToArray()), CompressionMode.Decompress);
        using var text = new MemoryStream();
        var buffer = new byte[8192];
        try
        {
            for (int count; (count = zlib.Read(buffer)) > 0;)
            {
                text.Write(buffer, 0, count);
                if (text.Length > MaxTextBytes)
                {
                    throw new ImageFormatException($"{name} holds a text of more than {MaxTextBytes >> 20} MiB.", "Save the picture again without its texts.");
                }
            }
        }
        catch (InvalidDataException error)
        {
            throw new ImageFormatException($"{name} is a broken PNG file: a compressed text cannot be unpacked.", "Copy or download the file again.", error);
        }

        return text.ToArray();
    }
}
