using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Vae;

/// <summary>Pixels to the latent distribution (Encoder): conv_in, down blocks, the middle, conv_out with mean and log-variance.</summary>
internal sealed class Encoder
{
    private readonly VaeOperators ops;
    private readonly ConvWeight convIn;
    private readonly (ResnetBlock2D[] Resnets, ConvWeight? Downsampler)[] downBlocks;
    private readonly MidBlock2D midBlock;
    private readonly GroupNormWeight convNormOut;
    private readonly ConvWeight convOut;

    public Encoder(AutoencoderKlConfig config, VaeOperators ops, WeightLoader weights)
    {
        this.ops = ops;
        IReadOnlyList<int> channels = config.BlockOutChannels;
        convIn = weights.Conv("encoder.conv_in", channels[0], config.InChannels, 3);
        downBlocks = new (ResnetBlock2D[], ConvWeight?)[channels.Count];
        int previous = channels[0];
        for (int i = 0; i < channels.Count; i++)
        {
            ResnetBlock2D[] resnets = new ResnetBlock2D[config.LayersPerBlock];
            for (int j = 0; j < resnets.Length; j++)
            {
                resnets[j] = new ResnetBlock2D($"encoder.down_blocks.{i}.resnets.{j}", j == 0 ? previous : channels[i], channels[i], ops, weights);
            }

            bool last = i == channels.Count - 1;
            downBlocks[i] = (resnets, last ? null : weights.Conv($"encoder.down_blocks.{i}.downsamplers.0.conv", channels[i], channels[i], 3));
            previous = channels[i];
        }

        midBlock = new MidBlock2D("encoder.mid_block", channels[^1], config.MidBlockAddAttention, ops, weights);
        convNormOut = VaeOperators.ReadGroupNorm("encoder.conv_norm_out", channels[^1], weights);
        convOut = weights.Conv("encoder.conv_out", 2 * config.LatentChannels, channels[^1], 3);
    }

    /// <summary>[1, h, w, InChannels] to [1, h/f, w/f, 2·LatentChannels]; the input's block is returned to the workspace.</summary>
    public Tensor Forward(Tensor x, Workspace memory, ITensorProbe probe, CancellationToken cancellation)
    {
        x = ops.Conv(x, convIn, ConvMode.Same, memory);
        VaeOperators.Record(probe, "encoder.conv_in", x);
        for (int i = 0; i < downBlocks.Length; i++)
        {
            foreach (ResnetBlock2D resnet in downBlocks[i].Resnets)
            {
                cancellation.ThrowIfCancellationRequested();
                x = resnet.Forward(x, memory, probe);
            }

            if (downBlocks[i].Downsampler is { } downsampler)
            {
                x = ops.Conv(x, downsampler, ConvMode.Downsample2, memory);
            }

            VaeOperators.Record(probe, $"encoder.down_blocks.{i}", x);
        }

        x = midBlock.Forward(x, memory, probe);
        ops.GroupNorm(x, convNormOut, silu: true, x);
        x = ops.Conv(x, convOut, ConvMode.Same, memory);
        VaeOperators.Record(probe, "encoder.conv_out", x);
        return x;
    }
}
