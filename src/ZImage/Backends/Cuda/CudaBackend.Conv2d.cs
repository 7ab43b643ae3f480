using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Conv2d(Tensor x, ConvWeight weight, ConvMode mode, Tensor residual, Tensor y) => throw new NotImplementedException();
}
