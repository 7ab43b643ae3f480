using System.Buffers.Binary;

namespace ZImage.Imaging;

/// <summary>Walks the chunks of a PNG file up to IEND, checking lengths and CRCs.</summary>
internal ref struct PngChunks
{
    private readonly string _name;
    private ReadOnlySpan<byte> _rest;
    private bool _ended;

    /// <summary>Starts after the signature.</summary>
    /// <param name="png">A file that begins with the PNG signature.</param>
    /// <param name="name">What messages call it.</param>
    public PngChunks(ReadOnlySpan<byte> png, string name)
    {
        _rest = png[PngWriter.Signature.Length..];
        _name = name;
    }

    /// <summary>Four letters.</summary>
    public ReadOnlySpan<byte> Type { get; private set; }

    /// <summary>The chunk's content.</summary>
    public ReadOnlySpan<byte> Data { get; private set; }

    /// <summary>Goes to the next chunk; false after IEND.</summary>
    /// <exception cref="ImageFormatException">The file ends too early, or a CRC is wrong.</exception>
    public bool MoveNext()
    {
        if (_ended)
        {
            return false;
        }

        if (_rest.Length < 12)
        {
            throw Truncated(_name);
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(_rest);
        if (length > _rest.Length - 12)
        {
            throw Truncated(_name);
        }

        Type = _rest.Slice(4, 4);
        Data = _rest.Slice(8, (int)length);
        if (Crc32.Compute(Type, Data) != BinaryPrimitives.ReadUInt32BigEndian(_rest[(8 + (int)length)..]))
        {
            throw new ImageFormatException(
                $"{_name} is a broken PNG file: the checksum of a chunk is wrong.",
                "Copy or download the file again.");
        }

        _rest = _rest[(12 + (int)length)..];
        _ended = Type.SequenceEqual("IEND"u8);
        return true;
    }

    internal static ImageFormatException Truncated(string name) =>
        new($"{name} is truncated: the file ends before the picture does.", "Copy or download the file again.");
}
