using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>
/// Shapes and values from a seed, and one or more operators run on them. Two runs with one seed on two backends see the same shapes and the same values.
/// </summary>
/// <param name="backend">Where the operators run.</param>
/// <param name="seed">Decides everything.</param>
/// <param name="large">Whether sizes may be such that a kernel needs many blocks.</param>
/// <param name="representable">Whether activations and weights are rounded to bfloat16 first, so that a backend in that type reads what was meant.</param>
internal sealed class RandomRun(IBackend backend, int seed, bool large, bool representable) : IDisposable
{
    private readonly Random random = new(seed);
    private readonly List<TensorStorage> owned = [];

    /// <summary>The backend.</summary>
    public IBackend Backend => backend;

    /// <summary>What was computed, in the order of <see cref="Keep(Tensor)"/>.</summary>
    public List<float[]> Results { get; } = [];

    /// <summary>The largest value of a sum's terms, where the result may be much smaller than those.</summary>
    public double Magnitude { get; set; }

    /// <summary>A number from <paramref name="least"/> to <paramref name="most"/>; to four times as much in a large run.</summary>
    public int Size(int least, int most) => random.Next(least, (large ? 4 * most : most) + 1);

    /// <summary>A number from <paramref name="least"/> to <paramref name="most"/> in any run.</summary>
    public int Number(int least, int most) => random.Next(least, most + 1);

    /// <summary>True or false.</summary>
    public bool Coin() => random.Next(2) == 1;

    /// <summary>One of several.</summary>
    public T Pick<T>(params ReadOnlySpan<T> values) => values[random.Next(values.Length)];

    /// <summary>Activations.</summary>
    public Tensor Input(params ReadOnlySpan<int> extents) => Put(backend.ActivationType, Values(extents, 1), extents);

    /// <summary>A matrix of activations, sometimes the columns of a wider one.</summary>
    public Tensor Rows(int rows, int width)
    {
        if (!Coin())
        {
            return Input(rows, width);
        }

        // Sometimes aligned for wide accesses, sometimes not.
        int left = Pick(0, 8, 16, 3), right = Pick(8, 16, 64, 5);
        return Input(rows, left + width + right).Columns(left, width);
    }

    /// <summary>F32 values.</summary>
    public Tensor Single(params ReadOnlySpan<int> extents) => Put(DType.F32, Values(extents, 1, exact: true), extents);

    /// <summary>Values of a type.</summary>
    public Tensor Typed(DType type, params ReadOnlySpan<int> extents) => Put(type, Values(extents, 1), extents);

    /// <summary>A small weight around 1.</summary>
    public Tensor Vector(int width) => backend.PlaceVector(Host(DType.F32, Values([width], 0.3f, 1), width));

    /// <summary>A small weight, or the empty tensor.</summary>
    public Tensor VectorOrNone(int width) => Coin() ? Vector(width) : default;

    /// <summary>A weight on the host; its products with activations have about their size.</summary>
    public Tensor Weight(DType type, params ReadOnlySpan<int> extents)
    {
        int fanIn = 1;
        for (int i = 1; i < extents.Length; i++)
        {
            fanIn *= extents[i];
        }

        return Host(type, Values(extents, 1 / MathF.Sqrt(fanIn)), extents);
    }

    /// <summary>Device memory with NaN in it, so that an element nobody wrote shows.</summary>
    public Tensor Output(DType type, params ReadOnlySpan<int> extents)
    {
        float[] values = new float[(int)new Shape(extents).Count];
        values.AsSpan().Fill(float.NaN);
        return Put(type, values, extents);
    }

    /// <summary>An output in the activation type.</summary>
    public Tensor Output(params ReadOnlySpan<int> extents) => Output(backend.ActivationType, extents);

    /// <summary>An output with the shape of an input, or the input itself.</summary>
    public Tensor OutputOrSame(Tensor x)
    {
        Span<int> extents = stackalloc int[x.Shape.Rank];
        for (int i = 0; i < extents.Length; i++)
        {
            extents[i] = x.Shape[i];
        }

        return Coin() ? x : Output(extents);
    }

    /// <summary>Keeps a result.</summary>
    public void Keep(Tensor tensor)
    {
        float[] values = new float[tensor.Count];
        backend.Download(tensor, values);
        Results.Add(values);
    }

    /// <summary>Keeps a result that is on the host.</summary>
    public void Keep(IEnumerable<float> values) => Results.Add([.. values]);

    /// <inheritdoc/>
    public void Dispose()
    {
        backend.Synchronize();
        owned.ForEach(storage => storage.Dispose());
    }

    /// <summary>Normal values.</summary>
    public float[] Values(ReadOnlySpan<int> extents, float scale, float shift = 0, bool exact = false)
    {
        float[] values = new float[(int)new Shape(extents).Count];
        for (int i = 0; i < values.Length; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            float value = (float)((radius * Math.Cos(2 * Math.PI * random.NextDouble()) * scale) + shift);
            values[i] = representable && !exact ? BFloat16.FromSingle(value).ToSingle() : value;
        }

        return values;
    }

    private Tensor Put(DType type, float[] values, ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        TensorStorage storage = backend.Allocate(shape.Count * type.SizeBytes());
        owned.Add(storage);
        Tensor tensor = new(storage, type, shape);
        backend.Upload(values, tensor);
        return tensor;
    }

    private Tensor Host(DType type, float[] values, params ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        HostStorage storage = new(shape.Count * type.SizeBytes());
        owned.Add(storage);
        Tensor tensor = new(storage, type, shape);
        for (int i = 0; i < values.Length; i++)
        {
            switch (type)
            {
                case DType.BF16:
                    tensor.AsSpan<ushort>()[i] = BFloat16.FromSingle(values[i]).Bits;
                    break;
                case DType.F16:
                    tensor.AsSpan<Half>()[i] = (Half)values[i];
                    break;
                default:
                    tensor.AsSpan<float>()[i] = values[i];
                    break;
            }
        }

        return tensor;
    }
}
