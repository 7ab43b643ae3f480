using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void LatentsToChannelsLast(Tensor x, float scale, float shift, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void ChannelsLastToLatents(Tensor x, float shift, float scale, Tensor y) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void ToRgb8(Tensor x, Span<byte> rgb) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void FromRgb8(ReadOnlySpan<byte> rgb, Tensor y) => throw new NotImplementedException();
}
