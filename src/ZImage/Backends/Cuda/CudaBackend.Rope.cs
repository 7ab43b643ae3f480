using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void HeadNormRope(Tensor x, Tensor weight, Tensor cos, Tensor sin, RopeLayout layout, float eps) => throw new NotImplementedException();
}
