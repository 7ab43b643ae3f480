using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void Linear(Tensor x, LinearWeight weight, Tensor y) => throw new NotImplementedException();
}
