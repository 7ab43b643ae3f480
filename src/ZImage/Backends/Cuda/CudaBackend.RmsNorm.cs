using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void RmsNorm(Tensor x, Tensor weight, Tensor scale, float eps, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void ResidualNorm(Tensor x, Tensor y, Tensor weight, Tensor gate, Tensor nextWeight, Tensor nextScale, float eps, Tensor h) => throw new NotImplementedException();
}
