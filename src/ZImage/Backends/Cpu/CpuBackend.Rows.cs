using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void CopyRows(Tensor source, Tensor destination) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void FillRows(Tensor row, Tensor destination) => throw new NotImplementedException();
}
