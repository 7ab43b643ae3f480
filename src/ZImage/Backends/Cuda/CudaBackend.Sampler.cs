using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void EulerStep(Tensor latents, Tensor prediction, float sigma, float sigmaNext) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Guidance(Tensor positive, Tensor negative, float scale, float normalization) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Blend(float a, Tensor x, float b, Tensor y) => throw new NotImplementedException();
}
