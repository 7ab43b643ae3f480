using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Vae;

/// <summary>Latents to pixels (Decoder): conv_in, the middle, up blocks from the widest to the narrowest, conv_out.</summary>
internal sealed class Decoder
{
    private readonly VaeOperators ops;
    private readonly ConvWeight convIn;
    private readonly MidBlock2D midBlock;
    private readonly (ResnetBlock2D[] Resnets, ConvWeight? Upsampler)[] upBlocks;
    private readonly GroupNormWeight convNormOut;
    private readonly ConvWeight convOut;

    public Decoder(AutoencoderKlConfig config, VaeOperators ops, WeightLoader weights)
    {
        this.ops = ops;
        IReadOnlyList<int> channels = config.BlockOutChannels;
        int blocks = channels.Count;
        convIn = weights.Conv("decoder.conv_in", channels[^1], config.LatentChannels, 3);
        midBlock = new MidBlock2D("decoder.mid_block", channels[^1], config.MidBlockAddAttention, ops, weights);
        upBlocks = new (ResnetBlock2D[], ConvWeight?)[blocks];
        int previous = channels[^1];
        for (int i = 0; i < blocks; i++)
        {
            int width = channels[blocks - 1 - i];
            ResnetBlock2D[] resnets = new ResnetBlock2D[config.LayersPerBlock + 1];
            for (int j = 0; j < resnets.Length; j++)
            {
                resnets[j] = new ResnetBlock2D($"decoder.up_blocks.{i}.resnets.{j}", j == 0 ? previous : width, width, ops, weights);
            }

            upBlocks[i] = (resnets, i < blocks - 1 ? weights.Conv($"decoder.up_blocks.{i}.upsamplers.0.conv", width, width, 3) : null);
            previous = width;
        }

        convNormOut = VaeOperators.ReadGroupNorm("decoder.conv_norm_out", channels[0], weights);
        convOut = weights.Conv("decoder.conv_out", config.OutChannels, channels[0], 3);
    }

    /// <summary>[1, h, w, LatentChannels] to [1, h·f, w·f, OutChannels]; the input's block is returned to the workspace.</summary>
    public Tensor Forward(Tensor x, Workspace memory, ITensorProbe probe, CancellationToken cancellation)
    {
        x = ops.Conv(x, convIn, ConvMode.Same, memory);
        VaeOperators.Record(probe, "decoder.conv_in", x);
        x = midBlock.Forward(x, memory, probe);
        for (int i = 0; i < upBlocks.Length; i++)
        {
            foreach (ResnetBlock2D resnet in upBlocks[i].Resnets)
            {
                cancellation.ThrowIfCancellationRequested();
                x = resnet.Forward(x, memory, probe);
            }

            if (upBlocks[i].Upsampler is { } upsampler)
            {
                x = ops.Conv(x, upsampler, ConvMode.Upsample2, memory);
            }

            VaeOperators.Record(probe, $"decoder.up_blocks.{i}", x);
        }

        ops.GroupNorm(x, convNormOut, silu: true, x);
        x = ops.Conv(x, convOut, ConvMode.Same, memory);
        VaeOperators.Record(probe, "decoder.conv_out", x);
        return x;
    }
}
