using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Gather(Tensor table, ReadOnlySpan<int> ids, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void TimestepEmbedding(ReadOnlySpan<float> times, Tensor y) => throw new NotImplementedException();
}
