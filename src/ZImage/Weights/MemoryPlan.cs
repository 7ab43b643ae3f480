using ZImage.Dit;
using ZImage.Text;
using ZImage.Vae;

namespace ZImage.Weights;

/// <summary>What a run needs in memory, in bytes.</summary>
/// <param name="WeightBytes">Weight files. They are mapped: the system can drop and re-read these pages, at the cost of time.</param>
/// <param name="TextEncoderBytes">Activations while prompts are encoded.</param>
/// <param name="TransformerBytes">Activations of one evaluation of the transformer.</param>
/// <param name="VaeBytes">Activations while one picture is decoded.</param>
public sealed record MemoryEstimate(long WeightBytes, long TextEncoderBytes, long TransformerBytes, long VaeBytes)
{
    /// <summary>The largest of the three stages, which do not run at the same time.</summary>
    public long ActivationBytes => Math.Max(TextEncoderBytes, Math.Max(TransformerBytes, VaeBytes));

    /// <summary>Weights and activations together: with this much free memory nothing is read twice.</summary>
    public long TotalBytes => WeightBytes + ActivationBytes;
}

/// <summary>
/// The one place with the formulas for memory on the processor, where every activation is F32. They count the large buffers that are
/// alive at once; tables, norms and the pictures themselves are small beside them.
/// </summary>
public static class MemoryPlan
{
    /// <summary>Text tokens that an estimate assumes where the prompt is not known: the longest prompt.</summary>
    public const int MaxTextTokens = 512;

    private const long MaxSide = 65536;
    private const int F32 = 4;

    /// <summary>
    /// Bytes for the transformer's activations. S = batch · (padded image tokens + padded text tokens) rows of: image and text streams
    /// [S, dim], the joined stream [S, dim], a block's input, output and attention result [S, dim] each, q, k and v [S, 3·dim], gate and up
    /// projections [S, 2·ffn], their product [S, ffn], and twice cosine and sine [S, headDim / 2].
    /// </summary>
    /// <param name="config">The transformer.</param>
    /// <param name="latentWidth">Width of the latents.</param>
    /// <param name="latentHeight">Height of the latents.</param>
    /// <param name="batch">Items evaluated at once; guidance counts each picture twice.</param>
    /// <param name="textTokens">Tokens of the longest prompt.</param>
    public static long Transformer(ZImageTransformerConfig config, int latentWidth, int latentHeight, int batch, int textTokens = MaxTextTokens)
    {
        ArgumentNullException.ThrowIfNull(config);
        const int patch = ZImageTransformerConfig.PatchSize;
        long imageTokens = (long)((latentWidth + patch - 1) / patch) * ((latentHeight + patch - 1) / patch);
        long rows = batch * (Pad(imageTokens) + Pad(textTokens));
        return checked(rows * ((8L * config.Dim) + (3L * config.FfnDim) + (2L * config.HeadDim)) * F32);
    }

    /// <summary>
    /// Bytes for the text encoder's activations. Rows of: residual stream, normalised input and output [hidden] each, q and its attention
    /// output [heads · headDim] each, k and v [kvHeads · headDim] each, gate and up projections and their product [intermediate] each.
    /// </summary>
    /// <param name="config">The text encoder.</param>
    /// <param name="batch">Prompts, negative ones included.</param>
    /// <param name="textTokens">Tokens of the longest prompt.</param>
    public static long TextEncoder(Qwen3Config config, int batch, int textTokens = MaxTextTokens)
    {
        ArgumentNullException.ThrowIfNull(config);
        long heads = 2L * (config.HeadCount + config.KeyValueHeadCount) * config.HeadDim;
        return checked((long)batch * textTokens * ((3L * config.HiddenSize) + heads + (3L * config.IntermediateSize)) * F32);
    }

    /// <summary>
    /// Bytes for decoding one picture (pictures of a batch are decoded one after the other): 3.25 times the largest feature map. At each
    /// level of the decoder the widest map has the channels of the level before, which the upsampling brings along; so the peak is at full
    /// resolution with the second entry of block_out_channels, unless a deeper level is far wider. The first residual block there holds
    /// that map and two of half the channels, and the workspace keeps the blocks of the smaller levels: 3.06 maps for the published VAE.
    /// </summary>
    /// <param name="config">The VAE.</param>
    /// <param name="width">Width of the picture in pixels.</param>
    /// <param name="height">Height of the picture in pixels.</param>
    public static long Decoder(AutoencoderKlConfig config, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(config);
        long largest = 0;
        for (int level = 0; level < config.BlockOutChannels.Count; level++)
        {
            int channels = Math.Max(config.BlockOutChannels[level], config.BlockOutChannels[Math.Min(level + 1, config.BlockOutChannels.Count - 1)]);
            largest = Math.Max(largest, checked((long)(width >> level) * (height >> level) * channels));
        }

        return checked(largest * F32 * 13 / 4);
    }

    /// <summary>The estimate for one run on the processor.</summary>
    /// <param name="transformer">The transformer.</param>
    /// <param name="textEncoder">The text encoder.</param>
    /// <param name="vae">The VAE.</param>
    /// <param name="weightBytes">Size of all weight files.</param>
    /// <param name="width">Width of the pictures in pixels, 1 to 65536.</param>
    /// <param name="height">Height of the pictures in pixels, 1 to 65536.</param>
    /// <param name="batch">Items evaluated at once, 1 to 4096; guidance counts each picture twice.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size or batch out of range.</exception>
    public static MemoryEstimate ForCpu(
        ZImageTransformerConfig transformer, Qwen3Config textEncoder, AutoencoderKlConfig vae, long weightBytes, int width, int height, int batch)
    {
        ArgumentNullException.ThrowIfNull(vae);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, MaxSide);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, MaxSide);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batch, 4096);
        return new MemoryEstimate(
            weightBytes,
            TextEncoder(textEncoder, batch),
            Transformer(transformer, Latent(width, vae), Latent(height, vae), batch),
            Decoder(vae, width, height));
    }

    private static int Latent(int pixels, AutoencoderKlConfig vae) => (pixels + vae.ScaleFactor - 1) / vae.ScaleFactor;

    private static long Pad(long tokens) => (tokens + TokenLayout.SequenceMultiple - 1) / TokenLayout.SequenceMultiple * TokenLayout.SequenceMultiple;
}
