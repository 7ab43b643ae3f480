using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Patchify(Tensor latents, int patch, int rowsPerItem, Tensor tokens)
    {
        OperatorChecks.Patchify(ActivationType, latents, patch, rowsPerItem, tokens);
        int channels = latents.Shape[1], height = latents.Shape[2], width = latents.Shape[3];
        int count = height / patch * (width / patch);
        for (int item = 0; item < latents.Shape[0]; item++)
        {
            float* source = latents.Pointer<float>() + ((long)item * channels * height * width);
            for (int row = 0; row < rowsPerItem; row++)
            {
                float* token = tokens.Pointer<float>() + (((long)item * rowsPerItem) + row) * tokens.RowStride;
                if (row >= count)
                {
                    new Span<float>(token, tokens.RowLength).Clear();
                    continue;
                }

                float* corner = source + PatchCorner(row, patch, width);
                for (int i = 0; i < tokens.RowLength; i++)
                {
                    token[i] = corner[PatchElement(i, patch, channels, height, width)];
                }
            }
        }
        KeepAlive(latents, tokens);
    }

    /// <inheritdoc/>
    public void Unpatchify(Tensor tokens, int patch, Tensor latent)
    {
        OperatorChecks.Unpatchify(ActivationType, tokens, patch, latent);
        int channels = latent.Shape[0], height = latent.Shape[1], width = latent.Shape[2];
        for (int row = 0; row < height / patch * (width / patch); row++)
        {
            float* token = tokens.Pointer<float>() + ((long)row * tokens.RowStride);
            float* corner = latent.Pointer<float>() + PatchCorner(row, patch, width);
            for (int i = 0; i < tokens.RowLength; i++)
            {
                corner[PatchElement(i, patch, channels, height, width)] = token[i];
            }
        }
        KeepAlive(tokens, latent);
    }

    /// <summary>Offset of a patch's first pixel in a channel.</summary>
    private static long PatchCorner(int row, int patch, int width)
    {
        (int patchRow, int patchColumn) = Math.DivRem(row, width / patch);
        return ((long)patchRow * patch * width) + ((long)patchColumn * patch);
    }

    /// <summary>Offset of a token's element from its patch's corner: element = (row in patch, column in patch, channel), channel fastest.</summary>
    private static long PatchElement(int element, int patch, int channels, int height, int width)
    {
        (int pixel, int channel) = Math.DivRem(element, channels);
        (int row, int column) = Math.DivRem(pixel, patch);
        return ((long)channel * height * width) + ((long)row * width) + column;
    }
}
