using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Tests.Support;

/// <summary>Keeps every intermediate it is shown, as floats.</summary>
internal sealed class RecordingProbe(IBackend backend) : ITensorProbe
{
    private readonly Dictionary<string, (Shape Shape, float[] Values)> tensors = [];

    public bool IsActive => true;

    /// <summary>The last tensor recorded under a name.</summary>
    public (Shape Shape, float[] Values) this[string name] => tensors[name];

    public bool Has(string name) => tensors.ContainsKey(name);

    public void Record(string name, Tensor tensor)
    {
        float[] values = new float[tensor.Count];
        backend.Download(tensor, values);
        tensors[name] = (tensor.Shape, values);
    }
}
