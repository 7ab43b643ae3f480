using System.Buffers.Binary;

namespace ZImage.Imaging;

/// <summary>The CRC-32 of PNG chunks (polynomial 0xEDB88320), eight bytes at a time.</summary>
internal static class Crc32
{
    private static readonly uint[] Tables = CreateTables();

    /// <summary>CRC of <paramref name="first"/> followed by <paramref name="second"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second) =>
        ~Update(Update(uint.MaxValue, first), second);

    private static uint Update(uint crc, ReadOnlySpan<byte> data)
    {
        // Table k advances a byte by k more bytes, so eight look-ups that do not depend on each other replace eight that do.
        ReadOnlySpan<uint> t = Tables;
        while (data.Length >= 8)
        {
            uint low = crc ^ BinaryPrimitives.ReadUInt32LittleEndian(data);
            uint high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            crc = t[(7 * 256) + (int)(low & 255)]
                ^ t[(6 * 256) + (int)((low >> 8) & 255)]
                ^ t[(5 * 256) + (int)((low >> 16) & 255)]
                ^ t[(4 * 256) + (int)(low >> 24)]
                ^ t[(3 * 256) + (int)(high & 255)]
                ^ t[(2 * 256) + (int)((high >> 8) & 255)]
                ^ t[256 + (int)((high >> 16) & 255)]
                ^ t[(int)(high >> 24)];
            data = data[8..];
        }

        foreach (byte value in data)
        {
            crc = t[(int)((crc ^ value) & 255)] ^ (crc >> 8);
        }

        return crc;
    }

    private static uint[] CreateTables()
    {
        var tables = new uint[8 * 256];
        for (uint i = 0; i < 256; i++)
        {
            uint crc = i;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
            }

            tables[i] = crc;
        }

        for (int i = 256; i < tables.Length; i++)
        {
            uint before = tables[i - 256];
            tables[i] = tables[before & 255] ^ (before >> 8);
        }

        return tables;
    }
}
