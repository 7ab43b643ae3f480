using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Linear(Tensor x, LinearWeight weight, Tensor y) => throw new NotImplementedException();
}
