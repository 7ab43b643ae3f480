using System.Runtime.InteropServices;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>Parameters of <c>patchify_*</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PatchifyParams
{
    public nint Latents;
    public nint Tokens;
    public long Count;
    public int Channels;
    public int Height;
    public int Width;
    public int Patch;
    public int RowsPerItem;
    public int TokenStride;
}

public sealed partial class CudaBackend
{
    private CudaKernel patchifyCut;
    private CudaKernel patchifyJoin;

    /// <inheritdoc/>
    public void Patchify(Tensor latents, int patch, int rowsPerItem, Tensor tokens)
    {
        OperatorChecks.Patchify(ActivationType, latents, patch, rowsPerItem, tokens);
        LaunchPatches(
            ForActivations(ref patchifyCut, "patchify", "patchify_cut"), tokens.Count, latents, latents.Shape[1], latents.Shape[2], latents.Shape[3], patch, rowsPerItem, tokens);
    }

    /// <inheritdoc/>
    public void Unpatchify(Tensor tokens, int patch, Tensor latent)
    {
        OperatorChecks.Unpatchify(ActivationType, tokens, patch, latent);
        LaunchPatches(
            ForActivations(ref patchifyJoin, "patchify", "patchify_join"), latent.Count, latent, latent.Shape[0], latent.Shape[1], latent.Shape[2], patch, 0, tokens);
    }

    private void LaunchPatches(
        CudaKernel kernel, long count, Tensor latents, int channels, int height, int width, int patch, int rowsPerItem, Tensor tokens)
    {
        if (count == 0)
        {
            return;
        }

        PatchifyParams parameters = new()
        {
            Latents = latents.Address,
            Tokens = tokens.Address,
            Count = count,
            Channels = channels,
            Height = height,
            Width = width,
            Patch = patch,
            RowsPerItem = rowsPerItem,
            TokenStride = tokens.RowStride,
        };
        Launch(kernel, new CudaGrid(RowGeometry.BlocksFor(count, ElementThreads)), ElementThreads, 0, in parameters);
    }
}
