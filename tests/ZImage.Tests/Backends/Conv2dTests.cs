using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class Conv2dTests
{
    public enum Residual
    {
        None,
        Apart,
        Output,
    }

    [Test]
    public void Conv2d_matches_double_precision(
        [ValueSource(typeof(HeavyOperators), nameof(HeavyOperators.Widths))] VectorWidth width, [Values] ConvMode mode, [Values] Residual residual)
    {
        using CpuBackend backend = HeavyOperators.Backend(width);
        Random random = new(11);
        Check(backend, random, mode, residual, 3, DType.BF16, 2, 6, 10, 5, 3);
        Check(backend, random, mode, residual, 3, DType.F32, 1, 4, 2, 1, 37);
        Check(backend, random, mode, residual, 3, DType.F16, 1, 16, 18, 33, 34);
        Check(backend, random, mode, residual, 3, DType.BF16, 1, 2, 2, 300, 2);
        if (mode == ConvMode.Same)
        {
            Check(backend, random, mode, residual, 3, DType.F32, 3, 1, 1, 2, 2);
            Check(backend, random, mode, residual, 3, DType.F32, 2, 9, 31, 7, 5);
            Check(backend, random, mode, residual, 1, DType.BF16, 2, 5, 7, 13, 19);
            Check(backend, random, mode, residual, 1, DType.F16, 1, 17, 15, 290, 65);
        }
    }

    [Test]
    public void PlaceConv_moves_the_input_channel_last_and_keeps_the_type([ValueSource(typeof(HeavyOperators), nameof(HeavyOperators.Types))] DType type, [Values(1, 3)] int kernel)
    {
        using CpuBackend backend = new(1);
        Random random = new(5);
        Tensor weight = HeavyOperators.Random(random, type, 4, 5, kernel, kernel), bias = HeavyOperators.Random(random, type, 4);
        ConvWeight placed = backend.PlaceConv(weight, bias);
        Assert.That(placed.Weight.DType, Is.EqualTo(type));
        Assert.That(placed.Weight.Shape, Is.EqualTo(new Shape(4, kernel, kernel, 5)));
        Assert.That(HeavyOperators.Values(placed.Bias), Is.EqualTo(HeavyOperators.Values(bias)));
        double[] from = HeavyOperators.Values(weight), to = HeavyOperators.Values(placed.Weight);
        int taps = kernel * kernel;
        for (int i = 0; i < from.Length; i++)
        {
            (int output, int input, int tap) = (i / (5 * taps), i / taps % 5, i % taps);
            Assert.That(to[(((output * taps) + tap) * 5) + input], Is.EqualTo(from[i]));
        }
    }

    [Test]
    public void Shapes_that_do_not_fit_are_refused_with_the_shapes_in_the_message()
    {
        using CpuBackend backend = new(1);
        ConvWeight three = new(HeavyOperators.Zeros(DType.F32, 2, 3, 3, 4), HeavyOperators.Zeros(DType.F32, 2));
        ConvWeight one = new(HeavyOperators.Zeros(DType.F32, 2, 1, 1, 4), HeavyOperators.Zeros(DType.F32, 2));
        Tensor x = HeavyOperators.Zeros(DType.F32, 1, 5, 6, 4), y = HeavyOperators.Zeros(DType.F32, 1, 5, 6, 2);
        Assert.That(() => backend.Conv2d(x, three, ConvMode.Downsample2, default, y), Throws.ArgumentException.With.Message.Contains("[1, 5, 6, 4]"));
        Assert.That(() => backend.Conv2d(x, one, ConvMode.Upsample2, default, y), Throws.ArgumentException.With.Message.Contains("[2, 1, 1, 4]"));
        Assert.That(() => backend.Conv2d(x, three, ConvMode.Upsample2, default, y), Throws.ArgumentException.With.Message.Contains("[1, 10, 12, 2]"));
        Assert.That(() => backend.Conv2d(y, three, ConvMode.Same, default, y), Throws.ArgumentException.With.Message.Contains("[1, 5, 6, 2]"));
        Assert.That(() => backend.Conv2d(x, three, ConvMode.Same, x, y), Throws.ArgumentException.With.Message.Contains("residual"));
    }

    private static void Check(
        CpuBackend backend, Random random, ConvMode mode, Residual residual, int kernel, DType type, int items, int height, int width, int inputs, int outputs)
    {
        Tensor x = HeavyOperators.Random(random, DType.F32, items, height, width, inputs);
        Tensor weight = HeavyOperators.Random(random, type, outputs, inputs, kernel, kernel), bias = HeavyOperators.Random(random, DType.F32, outputs);
        (int outHeight, int outWidth) = mode switch
        {
            ConvMode.Upsample2 => (2 * height, 2 * width),
            ConvMode.Downsample2 => (height / 2, width / 2),
            _ => (height, width),
        };
        Tensor y = HeavyOperators.Random(random, DType.F32, items, outHeight, outWidth, outputs);
        Tensor added = residual switch
        {
            Residual.None => default,
            Residual.Output => y,
            _ => HeavyOperators.Random(random, DType.F32, items, outHeight, outWidth, outputs),
        };
        double[] a = HeavyOperators.Values(x), w = HeavyOperators.Values(weight), b = HeavyOperators.Values(bias);
        double[] r = added.IsEmpty ? new double[y.Count] : HeavyOperators.Values(added);
        backend.Conv2d(x, backend.PlaceConv(weight, bias), mode, added, y);

        double[] expected = new double[y.Count], bounds = new double[y.Count];
        int e = 0;
        for (int item = 0; item < items; item++)
        {
            for (int oy = 0; oy < outHeight; oy++)
            {
                for (int ox = 0; ox < outWidth; ox++)
                {
                    for (int o = 0; o < outputs; o++, e++)
                    {
                        double sum = b[o] + r[e], magnitude = Math.Abs(b[o]) + Math.Abs(r[e]);
                        for (int i = 0; i < inputs; i++)
                        {
                            for (int ky = 0; ky < kernel; ky++)
                            {
                                for (int kx = 0; kx < kernel; kx++)
                                {
                                    double product = Pixel(oy, ox, ky, kx, item, i) * w[(((((o * inputs) + i) * kernel) + ky) * kernel) + kx];
                                    sum += product;
                                    magnitude += Math.Abs(product);
                                }
                            }
                        }

                        expected[e] = sum;
                        bounds[e] = HeavyOperators.Bound(inputs * kernel * kernel, 2, magnitude);
                    }
                }
            }
        }

        HeavyOperators.AssertWithin(y, expected, bounds, $"{mode} {x} * {weight}, residual {residual}");

        double Pixel(int oy, int ox, int ky, int kx, int item, int channel)
        {
            (int iy, int ix) = mode == ConvMode.Downsample2 ? ((2 * oy) + ky, (2 * ox) + kx) : (oy + ky - (kernel / 2), ox + kx - (kernel / 2));
            if (mode == ConvMode.Upsample2)
            {
                // Floor of the half, so that -1 stays outside.
                (iy, ix) = (iy >> 1, ix >> 1);
            }

            return iy < 0 || ix < 0 || iy >= height || ix >= width ? 0 : a[(((((item * height) + iy) * width) + ix) * inputs) + channel];
        }
    }
}
