using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void HeadNormRope(Tensor x, Tensor weight, Tensor cos, Tensor sin, RopeLayout layout, float eps) => throw new NotImplementedException();
}
