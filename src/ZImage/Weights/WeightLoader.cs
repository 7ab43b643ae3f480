using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>
/// What a model's constructor takes its weights from. A model is built twice: first without a backend, which only checks names and shapes
/// so that every fault of a checkpoint is reported at once, then with one, which places the weights.
/// </summary>
/// <param name="reader">The part's tensors.</param>
/// <param name="backend">Where the weights go; null while checking: then every method returns nothing.</param>
internal sealed class WeightLoader(WeightReader reader, IBackend? backend)
{
    /// <summary>Whether the part holds <paramref name="name"/>.</summary>
    public bool Has(string name) => reader.Has(name);

    /// <summary>Lets tensors go unused: parts that this engine never evaluates.</summary>
    /// <param name="prefix">Start of their names.</param>
    public void Ignore(string prefix) => reader.Ignore(prefix);

    /// <summary>A small weight [count], as F32 on the device.</summary>
    public Tensor Vector(string name, int count) => Vector(name, new Shape(count));

    /// <summary>A small weight of another shape, as F32 on the device.</summary>
    public Tensor Vector(string name, Shape shape)
    {
        Tensor host = reader.Require(name, shape.ToArray());
        return backend is null ? default : backend.PlaceVector(host);
    }

    /// <summary>A table [rows, width] in its stored type.</summary>
    public Tensor Table(string name, int rows, int width)
    {
        Tensor host = reader.Require(name, rows, width);
        return backend is null ? default : backend.PlaceTable(host);
    }

    /// <summary>The linear layer <paramref name="name"/>: weight [outFeatures, inFeatures], optional bias.</summary>
    public LinearWeight Linear(string name, int outFeatures, int inFeatures, bool bias = false)
    {
        Tensor weight = reader.Require(name + ".weight", outFeatures, inFeatures);
        Tensor biasHost = bias ? reader.Require(name + ".bias", outFeatures) : default;
        return backend is null ? null! : backend.PlaceLinear([weight], biasHost);
    }

    /// <summary>Several linear layers of the same input, evaluated as one product; their outputs follow each other.</summary>
    public LinearWeight Fused(int inFeatures, bool bias, params ReadOnlySpan<(string Name, int OutFeatures)> layers)
    {
        Tensor[] parts = new Tensor[layers.Length];
        Tensor[] biases = new Tensor[layers.Length];
        int outFeatures = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            (string name, int features) = layers[i];
            parts[i] = reader.Require(name + ".weight", features, inFeatures);
            biases[i] = bias ? reader.Require(name + ".bias", features) : default;
            outFeatures += features;
        }

        if (backend is null)
        {
            return null!;
        }

        if (!bias)
        {
            return backend.PlaceLinear(parts);
        }

        Tensor joined = new(new HostStorage(outFeatures * sizeof(float)), DType.F32, new Shape(outFeatures));
        int start = 0;
        foreach (Tensor part in biases)
        {
            WeightConversion.ToSingle(part, joined.AsSpan<float>()[start..]);
            start += (int)part.Count;
        }

        return backend.PlaceLinear(parts, joined);
    }

    /// <summary>The convolution <paramref name="name"/>: weight [outChannels, inChannels, kernel, kernel] and bias.</summary>
    public ConvWeight Conv(string name, int outChannels, int inChannels, int kernel)
    {
        Tensor weight = reader.Require(name + ".weight", outChannels, inChannels, kernel, kernel);
        Tensor bias = reader.Require(name + ".bias", outChannels);
        return backend is null ? null! : backend.PlaceConv(weight, bias);
    }
}
