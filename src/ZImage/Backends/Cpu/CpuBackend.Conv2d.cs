using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Conv2d(Tensor x, ConvWeight weight, ConvMode mode, Tensor residual, Tensor y) => throw new NotImplementedException();
}
