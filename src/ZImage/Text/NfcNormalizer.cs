using System.Text;

namespace ZImage.Text;

/// <summary>
/// Unicode normalisation form C. It is our own because <see cref="string.Normalize()"/> does nothing beyond ASCII under invariant globalization, and because
/// the ids must match the reference tokenizer, which normalises with the data of Unicode 9.0: marks assigned later keep their place.
/// </summary>
internal static class NfcNormalizer
{
    // Hangul syllables are composed and decomposed by arithmetic: syllable = S + (l * 21 + v) * 28 + t.
    private const int HangulS = 0xAC00, HangulL = 0x1100, HangulV = 0x1161, HangulT = 0x11A7;
    private const int CountL = 19, CountV = 21, CountT = 28, CountS = CountL * CountV * CountT;

    // Every code point below the first combining mark is a starter that normalisation leaves alone.
    private const char FirstMark = '\u0300';

    private static readonly Dictionary<ulong, int> Composites = BuildComposites();

    /// <summary>The text in form C; the same object where nothing changes for certain (no character from U+0300 on).</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    internal static string Normalize(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange(FirstMark, char.MaxValue) < 0)
        {
            return text;
        }

        var points = new List<int>(text.Length + 8);
        foreach (Rune rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, points);
        }

        byte[] classes = Reorder(points);
        Compose(points, classes);

        var result = new StringBuilder(points.Count);
        foreach (int point in points)
        {
            if (point < 0x10000)
            {
                result.Append((char)point);
            }
            else
            {
                result.Append((char)(0xD7C0 + (point >> 10))).Append((char)(0xDC00 | (point & 0x3FF)));
            }
        }

        return result.ToString();
    }

    private static void Decompose(int point, List<int> output)
    {
        if (point < 0xC0)
        {
            output.Add(point);
            return;
        }

        int syllable = point - HangulS;
        if ((uint)syllable < CountS)
        {
            output.Add(HangulL + syllable / (CountV * CountT));
            output.Add(HangulV + syllable % (CountV * CountT) / CountT);
            if (syllable % CountT != 0)
            {
                output.Add(HangulT + syllable % CountT);
            }

            return;
        }

        ReadOnlySpan<uint> mappings = NfcTable.Mappings;
        int entry = FindLast(mappings, 3, (uint)point);
        if (entry < 0 || mappings[entry] != point)
        {
            output.Add(point);
            return;
        }

        Decompose((int)mappings[entry + 1], output);
        uint second = mappings[entry + 2] & ~NfcTable.Composes;
        if (second != 0)
        {
            Decompose((int)second, output);
        }
    }

    // Sorts each run of marks by combining class, equal classes in their order, and returns the classes.
    private static byte[] Reorder(List<int> points)
    {
        var classes = new byte[points.Count];
        for (int i = 0; i < classes.Length; i++)
        {
            classes[i] = CombiningClass(points[i]);
        }

        int start = 0;
        while (start < classes.Length)
        {
            int end = start;
            bool sorted = true;
            while (end < classes.Length && classes[end] != 0)
            {
                sorted &= end == start || classes[end - 1] <= classes[end];
                end++;
            }

            if (!sorted)
            {
                // The position in the low bits makes the sort stable, and a long run of marks stays O(n log n).
                var keys = new ulong[end - start];
                for (int i = start; i < end; i++)
                {
                    keys[i - start] = ((ulong)classes[i] << 56) | ((ulong)(uint)(i - start) << 24) | (uint)points[i];
                }

                Array.Sort(keys);
                for (int i = start; i < end; i++)
                {
                    classes[i] = (byte)(keys[i - start] >> 56);
                    points[i] = (int)(keys[i - start] & 0xFFFFFF);
                }
            }

            start = end + 1;
        }

        return classes;
    }

    // Joins each starter with the following marks that no mark of the same or a higher class blocks.
    private static void Compose(List<int> points, byte[] classes)
    {
        int starter = -1, write = 0;
        int lastClass = -1;
        for (int read = 0; read < points.Count; read++)
        {
            int point = points[read];
            int cls = classes[read];
            if (starter >= 0 && lastClass < cls && TryCompose(points[starter], point, out int composite))
            {
                points[starter] = composite;
                continue;
            }

            if (cls == 0)
            {
                starter = write;
                lastClass = -1;
            }
            else
            {
                lastClass = cls;
            }

            points[write++] = point;
        }

        points.RemoveRange(write, points.Count - write);
    }

    private static bool TryCompose(int first, int second, out int composite)
    {
        int l = first - HangulL, v = second - HangulV;
        if ((uint)l < CountL && (uint)v < CountV)
        {
            composite = HangulS + (l * CountV + v) * CountT;
            return true;
        }

        int s = first - HangulS, t = second - HangulT;
        if ((uint)s < CountS && s % CountT == 0 && t > 0 && t < CountT)
        {
            composite = first + t;
            return true;
        }

        return Composites.TryGetValue(Pair(first, second), out composite);
    }

    private static byte CombiningClass(int point)
    {
        if (point < FirstMark)
        {
            return 0;
        }

        ReadOnlySpan<uint> classes = NfcTable.Classes;
        int entry = FindLast(classes, 3, (uint)point);
        return entry >= 0 && point <= classes[entry + 1] ? (byte)classes[entry + 2] : (byte)0;
    }

    // Index of the last row whose first number is at most the value; -1 if none.
    private static int FindLast(ReadOnlySpan<uint> table, int stride, uint value)
    {
        int low = 0, high = table.Length / stride - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (table[middle * stride] <= value)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return high * stride;
    }

    private static Dictionary<ulong, int> BuildComposites()
    {
        var composites = new Dictionary<ulong, int>();
        ReadOnlySpan<uint> mappings = NfcTable.Mappings;
        for (int i = 0; i < mappings.Length; i += 3)
        {
            if ((mappings[i + 2] & NfcTable.Composes) != 0)
            {
                composites.Add(Pair((int)mappings[i + 1], (int)(mappings[i + 2] & ~NfcTable.Composes)), (int)mappings[i]);
            }
        }

        return composites;
    }

    private static ulong Pair(int first, int second) => ((ulong)(uint)first << 32) | (uint)second;
}
