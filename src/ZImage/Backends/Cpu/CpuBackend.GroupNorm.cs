using System.Numerics;
using System.Runtime.CompilerServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public unsafe void GroupNorm(Tensor x, Tensor weight, Tensor bias, int groups, float eps, bool silu, Tensor y)
    {
        if (x.DType != DType.F32 || !x.IsDense || x.Shape.Rank != 4)
        {
            throw new ArgumentException($"GroupNorm reads dense F32 [n, h, w, channels], not {x}.", nameof(x));
        }

        if (y.DType != DType.F32 || !y.IsDense || y.Shape != x.Shape)
        {
            throw new ArgumentException($"GroupNorm of {x} gives the same shape, dense F32, not {y}.", nameof(y));
        }

        int channels = x.Shape[3];
        if (groups < 1 || channels % groups != 0)
        {
            throw new ArgumentException($"{groups} groups do not divide the {channels} channels of {x}.", nameof(groups));
        }

        foreach (Tensor vector in (ReadOnlySpan<Tensor>)[weight, bias])
        {
            if (vector.DType != DType.F32 || vector.Count != channels || !vector.IsDense)
            {
                throw new ArgumentException($"The weight and bias of GroupNorm over {x} are F32 [{channels}], not {weight} and {bias}.", nameof(weight));
            }
        }

        int pixels = checked(x.Shape[1] * x.Shape[2]);
        if (x.Count == 0)
        {
            return;
        }

        // The cut into pieces depends on the picture alone, so the sums do too.
        int piece = Math.Max(256, (pixels + 511) / 512);
        int pieces = (pixels + piece - 1) / piece;
        double* sums = (double*)scratch.Shared(((long)pieces * channels * 4) + (2 * channels));
        float* factors = (float*)(sums + ((long)pieces * channels * 2));
        for (int item = 0; item < x.Shape[0]; item++)
        {
            long offset = (long)item * pixels * channels;
            GroupNormPass pass = new()
            {
                X = x.Pointer<float>() + offset,
                Y = y.Pointer<float>() + offset,
                Sums = sums,
                Factors = factors,
                Channels = channels,
                Pixels = pixels,
                Piece = piece,
                Silu = silu,
            };
            pool.For(pieces, ref pass);
            GroupNormFactors(sums, pieces, channels, channels / groups, pixels, weight.Pointer<float>(), bias.Pointer<float>(), eps, factors);
            pass.Normalizes = true;
            pool.For(pieces, ref pass);
        }

        KeepAlive(x, weight, bias, y);
    }

    /// <summary>Turns the sums of all pieces into y = x·factors[c] + factors[channels + c].</summary>
    private static unsafe void GroupNormFactors(double* sums, int pieces, int channels, int groupSize, int pixels, float* weight, float* bias, float eps, float* factors)
    {
        for (int first = 0; first < channels; first += groupSize)
        {
            double sum = 0, squares = 0;
            for (int p = 0; p < pieces; p++)
            {
                double* piece = sums + ((long)p * 2 * channels) + first;
                for (int c = 0; c < groupSize; c++)
                {
                    sum += piece[c];
                    squares += piece[channels + c];
                }
            }

            double count = (double)pixels * groupSize;
            double mean = sum / count;
            double variance = Math.Max(0, (squares / count) - (mean * mean));
            double scale = 1 / Math.Sqrt(variance + eps);
            for (int c = first; c < first + groupSize; c++)
            {
                factors[c] = (float)(scale * weight[c]);
                factors[channels + c] = (float)(bias[c] - (mean * scale * weight[c]));
            }
        }
    }

    /// <summary>First the sums of x and x² for each channel of a piece, in double precision, so that no mean is too large for the variance; then the result.</summary>
    private unsafe struct GroupNormPass : IParallelBody
    {
        public float* X;
        public float* Y;

        /// <summary>[pieces, 2, channels].</summary>
        public double* Sums;

        /// <summary>[2, channels].</summary>
        public float* Factors;

        public int Channels;
        public int Pixels;
        public int Piece;
        public bool Silu;
        public bool Normalizes;

        public readonly void Invoke(int index)
        {
            int first = index * Piece;
            int count = Math.Min(Piece, Pixels - first);
            long offset = (long)first * Channels;
            if (Normalizes)
            {
                Normalize(X + offset, Y + offset, count, Channels, Factors, Silu);
            }
            else
            {
                double* sums = Sums + ((long)index * 2 * Channels);
                new Span<double>(sums, 2 * Channels).Clear();

                // Tiles that stay in the first-level cache while one group of channels after another is summed in registers.
                int tile = Math.Max(1, 6144 / Channels);
                for (int p = 0; p < count; p += tile)
                {
                    Sum(X + offset + ((long)p * Channels), Math.Min(tile, count - p), Channels, sums);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Sum(float* x, int pixels, int channels, double* sums)
        {
            int half = Vector<double>.Count;
            int c = 0;
            for (; c <= channels - Vector<float>.Count; c += Vector<float>.Count)
            {
                Vector<double> sumLow = default, sumHigh = default, squareLow = default, squareHigh = default;
                float* from = x + c;
                for (int p = 0; p < pixels; p++, from += channels)
                {
                    Vector.Widen(Vector.Load(from), out Vector<double> low, out Vector<double> high);
                    sumLow += low;
                    sumHigh += high;
                    squareLow = Vector.MultiplyAddEstimate(low, low, squareLow);
                    squareHigh = Vector.MultiplyAddEstimate(high, high, squareHigh);
                }

                (Vector.Load(sums + c) + sumLow).Store(sums + c);
                (Vector.Load(sums + c + half) + sumHigh).Store(sums + c + half);
                (Vector.Load(sums + channels + c) + squareLow).Store(sums + channels + c);
                (Vector.Load(sums + channels + c + half) + squareHigh).Store(sums + channels + c + half);
            }

            for (; c < channels; c++)
            {
                for (int p = 0; p < pixels; p++)
                {
                    double value = x[((long)p * channels) + c];
                    sums[c] += value;
                    sums[channels + c] += value * value;
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Normalize(float* x, float* y, int pixels, int channels, float* factors, bool silu)
        {
            float* shifts = factors + channels;
            for (int p = 0; p < pixels; p++, x += channels, y += channels)
            {
                int c = 0;
                for (; c <= channels - Vector<float>.Count; c += Vector<float>.Count)
                {
                    Vector<float> z = Vector.MultiplyAddEstimate(Vector.Load(x + c), Vector.Load(factors + c), Vector.Load(shifts + c));
                    (silu ? SiluOf(z) : z).Store(y + c);
                }

                for (; c < channels; c++)
                {
                    float z = MathF.FusedMultiplyAdd(x[c], factors[c], shifts[c]);
                    y[c] = silu ? z / (1 + MathF.Exp(-z)) : z;
                }
            }
        }

        // z / (1 + e^-z). e^x = 2^n · e^r with |r| <= ln(2) / 2, where the Taylor polynomial of degree 7 is off by less than 2^-27.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector<float> SiluOf(Vector<float> z)
        {
            // Beyond 88 the exponent field would overflow; the result is then below |z|·1e-38 anyway.
            Vector<float> x = Vector.Min(Vector.Max(-z, new Vector<float>(-87f)), new Vector<float>(88f));

            // Adding 1.5·2^23 leaves the rounded integer in the low bits.
            Vector<float> shifted = Vector.MultiplyAddEstimate(x, new Vector<float>(1.44269504f), new Vector<float>(12582912f));
            Vector<float> n = shifted - new Vector<float>(12582912f);
            Vector<float> r = Vector.MultiplyAddEstimate(n, new Vector<float>(-0.693359375f), x);
            r = Vector.MultiplyAddEstimate(n, new Vector<float>(2.12194440e-4f), r);
            Vector<float> e = new(1f / 5040);
            e = Vector.MultiplyAddEstimate(e, r, new Vector<float>(1f / 720));
            e = Vector.MultiplyAddEstimate(e, r, new Vector<float>(1f / 120));
            e = Vector.MultiplyAddEstimate(e, r, new Vector<float>(1f / 24));
            e = Vector.MultiplyAddEstimate(e, r, new Vector<float>(1f / 6));
            e = Vector.MultiplyAddEstimate(e, r, new Vector<float>(0.5f));
            e = Vector.MultiplyAddEstimate(e, r, Vector<float>.One);
            e = Vector.MultiplyAddEstimate(e, r, Vector<float>.One);
            Vector<float> power = Vector.AsVectorSingle((Vector.AsVectorInt32(shifted) << 23) + new Vector<int>(0x3F80_0000));
            return z / Vector.MultiplyAddEstimate(e, power, Vector<float>.One);
        }
    }
}
