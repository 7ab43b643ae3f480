using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using NUnit.Framework;

namespace ZImage.Tests.Support;

/// <summary>A second, plain reading of the PNG specification, so that the writer and the reader are not only checked by each other.</summary>
internal static class PngFile
{
    public static readonly byte[] Signature = [137, 80, 78, 71, 13, 10, 26, 10];

    public sealed record Chunk(string Type, byte[] Data);

    /// <summary>All chunks, lengths and checksums verified.</summary>
    public static List<Chunk> Parse(byte[] file)
    {
        Assert.That(file.Take(8), Is.EqualTo(Signature));
        List<Chunk> chunks = [];
        int at = 8;
        while (at < file.Length)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            byte[] typeAndData = file.AsSpan(at + 4, 4 + length).ToArray();
            Assert.That(BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 8 + length)), Is.EqualTo(Crc(typeAndData)), "CRC");
            chunks.Add(new Chunk(Encoding.ASCII.GetString(typeAndData, 0, 4), typeAndData[4..]));
            at += 12 + length;
        }

        return chunks;
    }

    public static byte[] Build(params Chunk[] chunks)
    {
        List<byte> file = [.. Signature];
        foreach (Chunk chunk in chunks)
        {
            byte[] word = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(word, chunk.Data.Length);
            file.AddRange(word);
            byte[] typeAndData = [.. Encoding.ASCII.GetBytes(chunk.Type), .. chunk.Data];
            file.AddRange(typeAndData);
            BinaryPrimitives.WriteUInt32BigEndian(word, Crc(typeAndData));
            file.AddRange(word);
        }

        return [.. file];
    }

    public static Chunk Header(int width, int height, byte depth, byte color)
    {
        byte[] data = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(data, width);
        BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(4), height);
        data[8] = depth;
        data[9] = color;
        return new Chunk("IHDR", data);
    }

    public static Chunk Pixels(params byte[] rows) => new("IDAT", Zlib(rows));

    public static Chunk End { get; } = new("IEND", []);

    public static byte[] Zlib(byte[] data)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            zlib.Write(data);
        }

        return packed.ToArray();
    }

    // Bit by bit, as the specification defines it.
    private static uint Crc(byte[] data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
            }
        }

        return ~crc;
    }
}
