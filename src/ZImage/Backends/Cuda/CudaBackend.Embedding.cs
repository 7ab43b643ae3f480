using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Gather(Tensor table, ReadOnlySpan<int> ids, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void TimestepEmbedding(ReadOnlySpan<float> times, Tensor y) => throw new NotImplementedException();
}
