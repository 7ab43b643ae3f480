using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>Brings every intermediate to host memory, as F32, for a caller's probe, which knows nothing of devices.</summary>
/// <param name="probe">The caller's.</param>
/// <param name="backend">Where the tensors are.</param>
internal sealed class HostProbe(ITensorProbe probe, IBackend backend) : ITensorProbe
{
    /// <inheritdoc/>
    public bool IsActive => probe.IsActive;

    /// <inheritdoc/>
    public void Record(string name, Tensor tensor)
    {
        if (!IsActive || tensor.Storage.IsHost)
        {
            probe.Record(name, tensor);
            return;
        }

        using HostStorage storage = new(tensor.Count * sizeof(float));
        Tensor copy = new(storage, DType.F32, tensor.Shape);
        backend.Download(tensor, copy.AsSpan<float>());
        probe.Record(name, copy);
    }
}
