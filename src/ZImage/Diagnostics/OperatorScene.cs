using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Diagnostics;

/// <summary>
/// Inputs of an operator on one backend. Two scenes with random sources of one seed hold the same numbers: all of them bfloat16 values, so that every
/// activation type holds them exactly.
/// </summary>
/// <param name="backend">Where the tensors live.</param>
/// <param name="random">Where shapes and numbers come from.</param>
internal sealed class OperatorScene(IBackend backend, Random random) : IDisposable
{
    private readonly Workspace memory = new(backend);
    private readonly IDisposable placement = backend.BeginPlacement();
    private readonly List<TensorStorage> hosts = [];
    private readonly List<float[]> results = [];

    /// <summary>The backend.</summary>
    public IBackend Backend => backend;

    /// <summary>A number in <paramref name="low"/>..<paramref name="high"/>.</summary>
    public int Pick(int low, int high) => random.Next(low, high + 1);

    /// <summary>One of a few numbers.</summary>
    public int OneOf(params ReadOnlySpan<int> choices) => choices[random.Next(choices.Length)];

    /// <summary>Activations of any shape.</summary>
    public Tensor Activations(params ReadOnlySpan<int> extents) => Filled(backend.ActivationType, 1, 0, extents);

    /// <summary>Activations whose rows have gaps: some columns of a wider matrix.</summary>
    public Tensor Strided(int rows, int width) => Activations(rows, width + 32).Columns(16, width);

    /// <summary>F32 numbers around <paramref name="shift"/>.</summary>
    public Tensor Floats(float scale, float shift, params ReadOnlySpan<int> extents) => Filled(DType.F32, scale, shift, extents);

    /// <summary>Memory for a result, with other numbers in it: an element that is not written shows.</summary>
    public Tensor Result(params ReadOnlySpan<int> extents)
    {
        Tensor tensor = memory.Rent(backend.ActivationType, extents);
        Poison(tensor);
        return tensor;
    }

    /// <summary>The same in F32.</summary>
    public Tensor FloatResult(params ReadOnlySpan<int> extents)
    {
        Tensor tensor = memory.Rent(DType.F32, extents);
        Poison(tensor);
        return tensor;
    }

    /// <summary>A linear layer whose outputs have about the size of its inputs.</summary>
    public LinearWeight Linear(int inputs, bool bias, params ReadOnlySpan<int> outputs)
    {
        Tensor[] parts = new Tensor[outputs.Length];
        int all = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = Host(1 / MathF.Sqrt(inputs), outputs[i], inputs);
            all += outputs[i];
        }

        return backend.PlaceLinear(parts, bias ? Host(1, all) : default);
    }

    /// <summary>A table of rows.</summary>
    public Tensor Table(int rows, int width) => backend.PlaceTable(Host(1, rows, width));

    /// <summary>A convolution.</summary>
    public ConvWeight Conv(int outputs, int inputs, int kernel) =>
        backend.PlaceConv(Host(1 / MathF.Sqrt(inputs * kernel * kernel), outputs, inputs, kernel, kernel), Host(1, outputs));

    /// <summary>Numbers for the operators that take host memory.</summary>
    public float[] Numbers(int count, float scale = 1, float shift = 0)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            // Sum of three uniforms: near normal, without tails that decide the comparison alone.
            double value = random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5;
            values[i] = BFloat16.FromSingle((float)((2 * value * scale) + shift)).ToSingle();
        }

        return values;
    }

    /// <summary>Keeps a tensor of the operator's results.</summary>
    public void Keep(Tensor tensor)
    {
        float[] values = new float[tensor.Count];
        backend.Download(tensor, values);
        results.Add(values);
    }

    /// <summary>Keeps values of the operator's results.</summary>
    public void Keep(float[] values) => results.Add(values);

    /// <summary>Everything kept.</summary>
    public float[] Results() => [.. results.SelectMany(values => values)];

    /// <inheritdoc/>
    public void Dispose()
    {
        backend.Synchronize();
        memory.Dispose();
        placement.Dispose();
        hosts.ForEach(host => host.Dispose());
    }

    private void Poison(Tensor tensor)
    {
        float[] values = new float[tensor.Count];
        Array.Fill(values, 1000f);
        backend.Upload(values, tensor);
    }

    private Tensor Filled(DType type, float scale, float shift, ReadOnlySpan<int> extents)
    {
        Tensor tensor = memory.Rent(type, extents);
        backend.Upload(Numbers(checked((int)tensor.Count), scale, shift), tensor);
        return tensor;
    }

    private Tensor Host(float scale, params ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        HostStorage storage = new(shape.Count * sizeof(ushort));
        hosts.Add(storage);
        Tensor tensor = new(storage, DType.BF16, shape);
        Span<BFloat16> to = tensor.AsSpan<BFloat16>();
        float[] values = Numbers(to.Length, scale);
        for (int i = 0; i < values.Length; i++)
        {
            to[i] = BFloat16.FromSingle(values[i]);
        }

        return tensor;
    }
}
