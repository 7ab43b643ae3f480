using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public Tensor PlaceVector(Tensor host) => throw new NotImplementedException();

    /// <inheritdoc/>
    public Tensor PlaceTable(Tensor host) => throw new NotImplementedException();

    /// <inheritdoc/>
    public LinearWeight PlaceLinear(ReadOnlySpan<Tensor> parts, Tensor bias = default) => throw new NotImplementedException();

    /// <inheritdoc/>
    public ConvWeight PlaceConv(Tensor weight, Tensor bias) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<float> source, Tensor destination) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Download(Tensor source, Span<float> destination) => throw new NotImplementedException();

    /// <inheritdoc/>
    public bool IsFinite(Tensor x) => throw new NotImplementedException();
}
