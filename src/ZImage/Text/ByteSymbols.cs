using System.Text;

namespace ZImage.Text;

/// <summary>GPT-2's printable stand-ins for the 256 byte values, in which byte-level vocabularies are written: 'Ġ' is the space.</summary>
internal static class ByteSymbols
{
    private static readonly char[] Symbols = Build();
    private static readonly byte[] Bytes = Invert();

    /// <summary>The character that stands for a byte.</summary>
    internal static char Symbol(byte value) => Symbols[value];

    /// <summary>Appends the bytes that a token stands for; a token with a foreign character (an added token's text) stands for its UTF-8 form.</summary>
    internal static void AppendBytes(string token, List<byte> output)
    {
        foreach (char c in token)
        {
            if (c >= Bytes.Length || (Bytes[c] == 0 && c != Symbols[0]))
            {
                output.AddRange(Encoding.UTF8.GetBytes(token));
                return;
            }
        }

        foreach (char c in token)
        {
            output.Add(Bytes[c]);
        }
    }

    private static char[] Build()
    {
        var symbols = new char[256];
        int next = 0x100;
        for (int value = 0; value < 256; value++)
        {
            // Printable Latin-1 stands for itself; the others get the characters from U+0100 on, in order.
            bool printable = value is (>= 0x21 and <= 0x7E) or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            symbols[value] = printable ? (char)value : (char)next++;
        }

        return symbols;
    }

    private static byte[] Invert()
    {
        var bytes = new byte[0x144];
        for (int value = 0; value < 256; value++)
        {
            bytes[Symbols[value]] = (byte)value;
        }

        return bytes;
    }
}
