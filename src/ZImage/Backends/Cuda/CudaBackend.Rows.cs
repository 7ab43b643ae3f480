using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void CopyRows(Tensor source, Tensor destination) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void FillRows(Tensor row, Tensor destination) => throw new NotImplementedException();
}
