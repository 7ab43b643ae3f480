using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

/// <summary>Random operands for the products, and what they must give, from plain loops in double precision.</summary>
internal static class HeavyOperators
{
    /// <summary>Half the distance from 1 to the next float: the largest relative error of one rounding.</summary>
    public const double RoundOff = 1.0 / (1 << 24);

    public static readonly VectorWidth[] Widths = [VectorWidth.Bits128, VectorWidth.Bits256, VectorWidth.Bits512];

    public static readonly DType[] Types = [DType.F32, DType.F16, DType.BF16];

    public static CpuBackend Backend(VectorWidth width, int threads = 2)
    {
        if (!GemmLayout.IsSupported(width))
        {
            Assert.Ignore($"This processor has no vectors of {width} with fused multiply-add.");
        }

        return new CpuBackend(threads) { Vectors = width };
    }

    /// <summary>Normal numbers that <paramref name="type"/> represents exactly.</summary>
    public static Tensor Random(Random random, DType type, params ReadOnlySpan<int> extents)
    {
        Tensor tensor = Zeros(type, extents);
        for (int i = 0; i < tensor.Count; i++)
        {
            Set(tensor, i, Normal(random));
        }

        return tensor;
    }

    public static Tensor Zeros(DType type, params ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        Tensor tensor = new(new HostStorage(shape.Count * type.SizeBytes()), type, shape);
        for (int i = 0; i < shape.Count; i++)
        {
            Set(tensor, i, 0);
        }

        return tensor;
    }

    /// <summary>The elements of a dense tensor, exactly.</summary>
    public static double[] Values(Tensor tensor)
    {
        double[] values = new double[tensor.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = tensor.DType switch
            {
                DType.F32 => tensor.AsSpan<float>()[i],
                DType.F16 => (double)tensor.AsSpan<Half>()[i],
                _ => tensor.AsSpan<BFloat16>()[i].ToSingle(),
            };
        }

        return values;
    }

    /// <summary>
    /// The bound on |computed - exact| for a sum of <paramref name="terms"/> products with <paramref name="extra"/> further additions: each term passes
    /// through at most that many roundings, so |error| is at most (terms + extra)·u / (1 - (terms + extra)·u) times the sum of magnitudes. Holds for
    /// every order of summation, with and without fused multiply-add.
    /// </summary>
    public static double Bound(int terms, int extra, double magnitude)
    {
        double roundings = (terms + extra) * RoundOff;
        return roundings / (1 - roundings) * magnitude;
    }

    public static void AssertWithin(Tensor actual, double[] expected, double[] bounds, string what)
    {
        ReadOnlySpan<float> values = actual.AsSpan<float>();
        Assert.That(values.Length, Is.EqualTo(expected.Length));
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs(values[i] - expected[i]);
            if (!(error <= bounds[i]))
            {
                Assert.Fail($"{what}: element {i} is {values[i]}, not {expected[i]}: off by {error:E2}, allowed {bounds[i]:E2}.");
            }
        }
    }

    private static float Normal(Random random) =>
        (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));

    /// <summary>Stores an element in the tensor's type.</summary>
    internal static void Set(Tensor tensor, int i, float value)
    {
        switch (tensor.DType)
        {
            case DType.F32:
                tensor.AsSpan<float>()[i] = value;
                break;
            case DType.F16:
                tensor.AsSpan<Half>()[i] = (Half)value;
                break;
            default:
                tensor.AsSpan<BFloat16>()[i] = (BFloat16)value;
                break;
        }
    }
}
