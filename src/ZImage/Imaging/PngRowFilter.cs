using System.Numerics;
using System.Runtime.InteropServices;

namespace ZImage.Imaging;

/// <summary>
/// The five filters of PNG for 8-bit RGB rows. All five are tried on every row in one pass; the one with the smallest sum of absolute
/// differences (bytes read as signed) is taken, which is the choice the PNG specification suggests.
/// </summary>
internal sealed class PngRowFilter
{
    private const int PixelBytes = 3;
    private const int Filters = 5;

    // 16-bit sums take at most 256 per vector and lane, so they are emptied in time.
    private const int VectorsPerFlush = 128;

    private readonly int _stride;
    private readonly byte[] _mask;
    private readonly byte[][] _filtered = new byte[Filters][];
    private readonly long[] _costs = new long[Filters];
    private byte[] _row;
    private byte[] _above;

    /// <summary>Filters rows of <paramref name="stride"/> bytes.</summary>
    public PngRowFilter(int stride)
    {
        _stride = stride;
        int padded = (stride + Vector<byte>.Count - 1) / Vector<byte>.Count * Vector<byte>.Count;

        // Three zero bytes in front stand for the pixel left of the first one, and the row above the first one is zero.
        _row = new byte[PixelBytes + padded];
        _above = new byte[PixelBytes + padded];
        for (int i = 0; i < Filters; i++)
        {
            _filtered[i] = new byte[1 + padded];
            _filtered[i][0] = (byte)i;
        }

        _mask = new byte[Vector<byte>.Count];
        _mask.AsSpan(0, stride - (padded - Vector<byte>.Count)).Fill(0xFF);
    }

    /// <summary>The filter number and the filtered bytes of the next row, valid until the next call.</summary>
    public ReadOnlySpan<byte> Next(ReadOnlySpan<byte> row)
    {
        (_row, _above) = (_above, _row);
        row.CopyTo(_row.AsSpan(PixelBytes));
        FilterAll();
        int best = 0;
        for (int i = 1; i < Filters; i++)
        {
            if (_costs[i] < _costs[best])
            {
                best = i;
            }
        }

        return _filtered[best].AsSpan(0, 1 + _stride);
    }

    private void FilterAll()
    {
        ref byte row = ref MemoryMarshal.GetArrayDataReference(_row);
        ref byte above = ref MemoryMarshal.GetArrayDataReference(_above);
        Array.Clear(_costs);
        var end = (nuint)_stride;
        nuint i = 0;
        while (i < end)
        {
            Vector<ushort> none = default, sub = default, up = default, average = default, paeth = default;
            for (int n = 0; n < VectorsPerFlush && i < end; n++, i += (nuint)Vector<byte>.Count)
            {
                Vector<byte> mask = end - i >= (nuint)Vector<byte>.Count ? Vector<byte>.AllBitsSet : new Vector<byte>(_mask);
                Vector<byte> x = Vector.LoadUnsafe(ref row, i + PixelBytes);
                Vector<byte> a = Vector.LoadUnsafe(ref row, i);
                Vector<byte> b = Vector.LoadUnsafe(ref above, i + PixelBytes);
                Vector<byte> c = Vector.LoadUnsafe(ref above, i);
                Store(0, i, x & mask, ref none);
                Store(1, i, (x - a) & mask, ref sub);
                Store(2, i, (x - b) & mask, ref up);
                Store(3, i, (x - Average(a, b)) & mask, ref average);
                Store(4, i, (x - Paeth(a, b, c)) & mask, ref paeth);
            }

            _costs[0] += Sum(none);
            _costs[1] += Sum(sub);
            _costs[2] += Sum(up);
            _costs[3] += Sum(average);
            _costs[4] += Sum(paeth);
        }
    }

    private void Store(int filter, nuint offset, Vector<byte> value, ref Vector<ushort> cost)
    {
        Vector.StoreUnsafe(value, ref MemoryMarshal.GetArrayDataReference(_filtered[filter]), offset + 1);
        Vector.Widen(Vector.Min(value, Vector<byte>.Zero - value), out Vector<ushort> low, out Vector<ushort> high);
        cost += low + high;
    }

    private static long Sum(Vector<ushort> cost)
    {
        Vector.Widen(cost, out Vector<uint> low, out Vector<uint> high);
        return Vector.Sum(low) + (long)Vector.Sum(high);
    }

    // floor((a + b) / 2) without a ninth bit: shared bits plus half of the others.
    private static Vector<byte> Average(Vector<byte> a, Vector<byte> b) =>
        (a & b) + Vector.AsVectorByte((Vector.AsVectorUInt16(a ^ b) >>> 1) & new Vector<ushort>(0x7F7F));

    // With p = a + b - c: |p - a| = |b - c|, |p - b| = |a - c|, and |p - c| is their sum where a and b lie on one side of c
    // (then it is never the smallest, and 255 stands for it) and their difference otherwise. So bytes suffice.
    private static Vector<byte> Paeth(Vector<byte> a, Vector<byte> b, Vector<byte> c)
    {
        Vector<byte> maxAc = Vector.Max(a, c);
        Vector<byte> maxBc = Vector.Max(b, c);
        Vector<byte> toB = maxAc - Vector.Min(a, c);
        Vector<byte> toA = maxBc - Vector.Min(b, c);
        Vector<byte> otherSide = Vector.Equals(maxAc, a) ^ Vector.Equals(maxBc, b);
        Vector<byte> toC = Vector.ConditionalSelect(otherSide, Vector.Max(toA, toB) - Vector.Min(toA, toB), Vector<byte>.AllBitsSet);
        Vector<byte> smaller = Vector.Min(toB, toC);
        Vector<byte> bOrC = Vector.ConditionalSelect(Vector.Equals(smaller, toB), b, c);
        return Vector.ConditionalSelect(Vector.Equals(Vector.Min(smaller, toA), toA), a, bOrC);
    }
}
