using System.Text.Json;
using NUnit.Framework;
using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Tests.Golden;

/// <summary>One operator case on one backend: brings the inputs to the device and holds the outputs to the reference.</summary>
internal sealed class OperatorCase : IDisposable
{
    private readonly List<TensorStorage> storages = [];

    public OperatorCase(IBackend backend, GoldenFile golden)
    {
        Backend = backend;
        Golden = golden;
        Parameters = golden.Json("params");
        Kind = golden.Metadata["kind"];
    }

    /// <summary>The backend under test.</summary>
    public IBackend Backend { get; }

    /// <summary>The file.</summary>
    public GoldenFile Golden { get; }

    /// <summary>The operator's arguments that are no tensors.</summary>
    public JsonElement Parameters { get; }

    /// <summary>Whether the operator follows the activation type (bf16), is F32 everywhere (float32), or moves data (exact).</summary>
    private string Kind { get; }

    /// <summary>A number among the parameters.</summary>
    public float Number(string name) => Parameters.GetProperty(name).GetSingle();

    /// <summary>A whole number among the parameters.</summary>
    public int Integer(string name) => Parameters.GetProperty(name).GetInt32();

    /// <summary>A truth value among the parameters.</summary>
    public bool Flag(string name) => Parameters.GetProperty(name).GetBoolean();

    /// <summary>An input in the backend's activation type.</summary>
    public Tensor Activations(string name) => Upload(name, Backend.ActivationType);

    /// <summary>An input as F32.</summary>
    public Tensor Single(string name) => Upload(name, DType.F32);

    /// <summary>A small weight, or the empty tensor where the case has none.</summary>
    public Tensor Vector(string name) => Golden.Has("input." + name) ? Backend.PlaceVector(Golden.Tensor("input." + name)) : default;

    /// <summary>An input as it is stored, on the host; or the empty tensor where the case has none.</summary>
    public Tensor Host(string name) => Golden.Has("input." + name) ? Golden.Tensor("input." + name) : default;

    /// <summary>Device memory with a value in it that no reference has, so that an element left unwritten shows.</summary>
    public Tensor Output(DType type, params ReadOnlySpan<int> extents)
    {
        Tensor tensor = Allocate(type, extents);
        float[] values = new float[tensor.Count];
        values.AsSpan().Fill(float.NaN);
        Backend.Upload(values, tensor);
        return tensor;
    }

    /// <summary>An output in the activation type with the shape of a reference.</summary>
    public Tensor OutputLike(string reference) => Output(Backend.ActivationType, Golden.Extents(reference));

    /// <summary>Holds a result to <c>ref</c>, or to <c>ref.name</c>.</summary>
    public void Check(Tensor result, string? name = null)
    {
        string suffix = name is null ? "" : "." + name;
        string what = $"{Golden.Metadata["op"]}/{Golden.Metadata["case"]}{suffix} on {Backend.Name}, {Backend.ActivationType}";
        float[] reference = Golden.Floats("ref" + suffix);
        float[] actual = new float[result.Count];
        Backend.Download(result, actual);
        switch (Kind)
        {
            case "exact":
                // A bfloat16 destination rounds what it is given; that is all it may do.
                Tolerance.Exact<float>(what, actual, result.DType == DType.BF16 ? Rounded(reference) : reference);
                break;
            case "bf16" when Backend.ActivationType == DType.BF16:
                Tolerance.BFloat16(what, actual, reference, Golden.Floats("torch_bf16" + suffix));
                break;
            case "bf16" or "float32":
                Tolerance.Float32(what, actual, reference);
                break;
            default:
                Assert.Fail($"{what}: no rule for the kind '{Kind}'.");
                break;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TensorStorage storage in storages)
        {
            storage.Dispose();
        }
    }

    private static float[] Rounded(float[] values) => [.. values.Select(value => BFloat16.FromSingle(value).ToSingle())];

    private Tensor Upload(string name, DType type)
    {
        if (!Golden.Has("input." + name))
        {
            return default;
        }

        Tensor tensor = Allocate(type, Golden.Extents("input." + name));
        Backend.Upload(Golden.Floats("input." + name), tensor);
        return tensor;
    }

    private Tensor Allocate(DType type, ReadOnlySpan<int> extents)
    {
        Shape shape = new(extents);
        TensorStorage storage = Backend.Allocate(shape.Count * type.SizeBytes());
        storages.Add(storage);
        return new Tensor(storage, type, shape);
    }
}
