using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ZImage.Imaging;

/// <summary>
/// Resizes pictures with a Lanczos filter of three lobes, bit for bit as Pillow's <c>Image.resize(size, LANCZOS)</c> does for 8-bit RGB:
/// rows first, then columns, 22-bit fixed point, rounded to bytes after each pass.
/// </summary>
public static class Resampler
{
    private const double Lobes = 3;
    private const int PrecisionBits = 32 - 8 - 2;
    private const int Half = 1 << (PrecisionBits - 1);

    /// <summary>The picture at another size; the picture itself where the size is the same.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The size is below 1x1.</exception>
    public static ImageBuffer Lanczos(ImageBuffer image, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ImageBuffer result = width == image.Width ? image : Horizontal(image, width);
        return height == image.Height ? result : Vertical(result, height);
    }

    private static ImageBuffer Horizontal(ImageBuffer image, int width)
    {
        Taps taps = Taps.Create(image.Width, width);
        var rgb = new byte[checked(width * image.Height * 3)];
        int stride = image.Width * 3;

        // Pixels are loaded as four bytes, so a row needs one byte behind its last pixel.
        var row = new byte[stride + 1];
        ref byte source = ref MemoryMarshal.GetArrayDataReference(row);
        int at = 0;
        for (int y = 0; y < image.Height; y++)
        {
            image.Rgb.AsSpan(y * stride, stride).CopyTo(row);
            for (int x = 0; x < width; x++)
            {
                ReadOnlySpan<int> weights = taps.Of(x, out int first);
                Vector128<int> sum = Vector128.Create(Half);
                var offset = (nuint)(first * 3);
                foreach (int weight in weights)
                {
                    uint pixel = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref source, offset));
                    Vector128<ushort> samples = Vector128.WidenLower(Vector128.CreateScalar(pixel).AsByte());
                    sum += Vector128.WidenLower(samples).AsInt32() * Vector128.Create(weight);
                    offset += 3;
                }

                rgb[at] = Clip(sum.GetElement(0));
                rgb[at + 1] = Clip(sum.GetElement(1));
                rgb[at + 2] = Clip(sum.GetElement(2));
                at += 3;
            }
        }

        return new ImageBuffer(width, image.Height, rgb);
    }

    private static ImageBuffer Vertical(ImageBuffer image, int height)
    {
        Taps taps = Taps.Create(image.Height, height);
        int stride = image.Width * 3;
        var rgb = new byte[checked(stride * height)];
        var sums = new int[stride];
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<int> weights = taps.Of(y, out int first);
            sums.AsSpan().Fill(Half);
            for (int i = 0; i < weights.Length; i++)
            {
                Accumulate(image.Rgb.AsSpan((first + i) * stride, stride), weights[i], sums);
            }

            Span<byte> row = rgb.AsSpan(y * stride, stride);
            for (int i = 0; i < row.Length; i++)
            {
                row[i] = Clip(sums[i]);
            }
        }

        return new ImageBuffer(image.Width, height, rgb);
    }

    private static void Accumulate(ReadOnlySpan<byte> row, int weight, Span<int> sums)
    {
        int i = 0;
        for (; i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector.Widen(new Vector<byte>(row[i..]), out Vector<ushort> low, out Vector<ushort> high);
            Vector.Widen(low, out Vector<uint> a, out Vector<uint> b);
            Vector.Widen(high, out Vector<uint> c, out Vector<uint> d);
            Add(sums[i..], a, weight);
            Add(sums[(i + Vector<int>.Count)..], b, weight);
            Add(sums[(i + (2 * Vector<int>.Count))..], c, weight);
            Add(sums[(i + (3 * Vector<int>.Count))..], d, weight);
        }

        for (; i < row.Length; i++)
        {
            sums[i] += row[i] * weight;
        }
    }

    private static void Add(Span<int> sums, Vector<uint> samples, int weight) =>
        (new Vector<int>(sums) + (Vector.AsVectorInt32(samples) * weight)).CopyTo(sums);

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> PrecisionBits, 0, 255);

    /// <summary>For every output position along one axis: the first input position and the fixed-point weights.</summary>
    private sealed class Taps(int[] first, int[] count, int[] weights, int longest)
    {
        public static Taps Create(int from, int to)
        {
            double scale = (double)from / to;

            // Enlarging interpolates with the filter as it is; reducing widens it by the factor, so that it averages.
            double stretch = Math.Max(scale, 1);
            double support = Lobes * stretch;
            int longest = ((int)Math.Ceiling(support) * 2) + 1;
            var first = new int[to];
            var count = new int[to];
            var weights = new int[checked(to * longest)];
            var exact = new double[longest];
            for (int i = 0; i < to; i++)
            {
                double center = (i + 0.5) * scale;
                int begin = Math.Max((int)(center - support + 0.5), 0);
                int end = Math.Min((int)(center + support + 0.5), from);
                double total = 0;
                for (int j = 0; j < end - begin; j++)
                {
                    exact[j] = Filter((j + begin - center + 0.5) * (1.0 / stretch));
                    total += exact[j];
                }

                for (int j = 0; j < end - begin; j++)
                {
                    double weight = (total != 0 ? exact[j] / total : exact[j]) * (1 << PrecisionBits);
                    weights[(i * longest) + j] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
                }

                first[i] = begin;
                count[i] = end - begin;
            }

            return new Taps(first, count, weights, longest);
        }

        public ReadOnlySpan<int> Of(int position, out int begin)
        {
            begin = first[position];
            return weights.AsSpan(position * longest, count[position]);
        }

        private static double Filter(double x) => x is >= -Lobes and < Lobes ? Sinc(x) * Sinc(x / Lobes) : 0;

        private static double Sinc(double x)
        {
            if (x == 0)
            {
                return 1;
            }

            x *= Math.PI;
            return Math.Sin(x) / x;
        }
    }
}
