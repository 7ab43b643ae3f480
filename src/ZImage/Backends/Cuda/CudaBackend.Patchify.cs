using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Patchify(Tensor latents, int patch, int rowsPerItem, Tensor tokens) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Unpatchify(Tensor tokens, int patch, Tensor latent) => throw new NotImplementedException();
}
