using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void GroupNorm(Tensor x, Tensor weight, Tensor bias, int groups, float eps, bool silu, Tensor y) => throw new NotImplementedException();
}
