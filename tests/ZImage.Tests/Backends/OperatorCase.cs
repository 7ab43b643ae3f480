using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

/// <summary>Backends, random tensors and error measures for the operator tests.</summary>
internal sealed class OperatorCase : IDisposable
{
    private readonly Random random;
    private readonly List<TensorStorage> owned = [];

    public OperatorCase(VectorWidth level, int threads = 1, int seed = 1)
    {
        Backend = new CpuBackend(threads) { Vectors = level };
        random = new Random(seed);
    }

    /// <summary>The vector widths that this processor can run.</summary>
    public static IEnumerable<VectorWidth> Levels => Enum.GetValues<VectorWidth>().Where(GemmLayout.IsSupported);

    public CpuBackend Backend { get; }

    public void Dispose()
    {
        Backend.Dispose();
        owned.ForEach(storage => storage.Dispose());
    }

    /// <summary>A dense tensor filled with NaN, so that an element nobody wrote shows.</summary>
    public Tensor Empty(params ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        HostStorage storage = new(shape.Count * sizeof(float));
        owned.Add(storage);
        Tensor tensor = new(storage, DType.F32, shape);
        tensor.AsSpan<float>().Fill(float.NaN);
        return tensor;
    }

    /// <summary>Standard normal values times <paramref name="scale"/> plus <paramref name="shift"/>.</summary>
    public Tensor Spread(double scale, double shift, params ReadOnlySpan<int> extents)
    {
        Tensor tensor = Empty(extents);
        foreach (ref float value in tensor.AsSpan<float>())
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            value = (float)((radius * Math.Cos(2 * Math.PI * random.NextDouble()) * scale) + shift);
        }

        return tensor;
    }

    public Tensor Normal(params ReadOnlySpan<int> extents) => Spread(1, 0, extents);

    public Tensor Of(ReadOnlySpan<float> values, params ReadOnlySpan<int> extents)
    {
        Tensor tensor = Empty(extents);
        values.CopyTo(tensor.AsSpan<float>());
        return tensor;
    }

    /// <summary>The columns of a wider random matrix: rows with gaps on both sides.</summary>
    public Tensor NormalWithGaps(int rows, int width) => Normal(rows, width + 7).Columns(3, width);

    /// <summary>The elements of a matrix or dense tensor, row after row.</summary>
    public static unsafe double[] Read(Tensor tensor)
    {
        double[] values = new double[tensor.Count];
        for (int row = 0; row < tensor.RowCount; row++)
        {
            for (int i = 0; i < tensor.RowLength; i++)
            {
                values[((long)row * tensor.RowLength) + i] = tensor.Pointer<float>()[((long)row * tensor.RowStride) + i];
            }
        }

        return values;
    }

    public static float[] Bits(Tensor tensor) => Array.ConvertAll(Read(tensor), value => (float)value);

    /// <summary>Σ (a - reference)² / Σ reference²; not a number where <paramref name="actual"/> has one.</summary>
    public static double Nmse(Tensor actual, double[] reference)
    {
        double[] values = Read(actual);
        Assert.That(values, Has.Length.EqualTo(reference.Length));
        double error = 0, power = 0;
        for (int i = 0; i < values.Length; i++)
        {
            error += (values[i] - reference[i]) * (values[i] - reference[i]);
            power += reference[i] * reference[i];
        }

        return error == 0 ? 0 : error / power;
    }
}
