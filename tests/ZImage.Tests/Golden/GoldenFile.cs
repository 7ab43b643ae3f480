using System.Text.Json;
using NUnit.Framework;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Golden;

/// <summary>One golden case: the tensors and the metadata of a safetensors file that golden/export.py wrote.</summary>
internal sealed class GoldenFile : IDisposable
{
    private readonly SafetensorsFile file;

    private GoldenFile(SafetensorsFile file) => this.file = file;

    /// <summary>The golden folder: ZIMAGE_GOLDEN, or golden/ beside ZImage.sln.</summary>
    public static string Folder { get; } =
        Environment.GetEnvironmentVariable("ZIMAGE_GOLDEN") is { Length: > 0 } folder ? folder : Path.Combine(Repository.Root, "golden");

    /// <summary>Strings that the exporter stored beside the tensors.</summary>
    public IReadOnlyDictionary<string, string> Metadata => file.Metadata;

    /// <summary>Names of the tensors.</summary>
    public IEnumerable<string> Names => file.Entries.Select(entry => entry.Name);

    /// <summary>The path of a golden file. One that is not there is a failure: without it nothing would be tested.</summary>
    public static string PathOf(params ReadOnlySpan<string> parts)
    {
        string path = Path.Combine([Folder, .. parts]);
        Assert.That(path, Does.Exist, "python golden/export.py makes it, on a machine with PyTorch and a GPU; see golden/README.md");
        return path;
    }

    /// <summary>Opens a case.</summary>
    /// <param name="parts">The path within the golden folder.</param>
    public static GoldenFile Open(params ReadOnlySpan<string> parts) => new(SafetensorsFile.Open(PathOf(parts)));

    /// <summary>Opens a case that lies elsewhere.</summary>
    public static GoldenFile OpenAt(string path) => new(SafetensorsFile.Open(path));

    /// <summary>Reads a JSON file of the golden folder.</summary>
    public static JsonDocument OpenJson(params ReadOnlySpan<string> parts) => JsonDocument.Parse(File.ReadAllBytes(PathOf(parts)));

    /// <summary>A JSON value of the metadata; the caller's own copy.</summary>
    public JsonElement Json(string key)
    {
        using JsonDocument document = JsonDocument.Parse(Metadata[key]);
        return document.RootElement.Clone();
    }

    /// <summary>Whether the case has a tensor called <paramref name="name"/>.</summary>
    public bool Has(string name) => file.Contains(name);

    /// <summary>The tensor in its stored type, on the host.</summary>
    public Tensor Tensor(string name) => file[name];

    /// <summary>The extents of a tensor.</summary>
    public int[] Extents(string name) => file.Entry(name).Shape.ToArray();

    /// <summary>The elements of a floating-point tensor, widened.</summary>
    public float[] Floats(string name)
    {
        Tensor tensor = file[name];
        float[] result = new float[tensor.Count];
        switch (tensor.DType)
        {
            case DType.F32:
                tensor.AsSpan<float>().CopyTo(result);
                break;
            case DType.F16:
                Widen(tensor.AsSpan<Half>(), result, value => (float)value);
                break;
            case DType.BF16:
                Widen(tensor.AsSpan<BFloat16>(), result, value => value.ToSingle());
                break;
            default:
                Assert.Fail($"{name} is {tensor}, not floating point.");
                break;
        }

        return result;
    }

    /// <summary>The elements of an integer tensor.</summary>
    public int[] Integers(string name) => file[name].AsSpan<int>().ToArray();

    /// <summary>The elements of a byte tensor.</summary>
    public byte[] Bytes(string name) => file[name].AsSpan<byte>().ToArray();

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static void Widen<T>(ReadOnlySpan<T> from, Span<float> to, Func<T, float> convert)
    {
        for (int i = 0; i < from.Length; i++)
        {
            to[i] = convert(from[i]);
        }
    }
}
