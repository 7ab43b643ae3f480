using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void SwiGlu(Tensor gateUp, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Silu(Tensor x, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Add(Tensor x, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Modulation(Tensor x, int width, Tensor y) => throw new NotImplementedException();
}
