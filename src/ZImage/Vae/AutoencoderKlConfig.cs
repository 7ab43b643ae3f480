using ZImage.Weights;

namespace ZImage.Vae;

/// <summary>The shape of an <c>AutoencoderKL</c>: the fields of its config.json with the defaults of diffusers.</summary>
public sealed record AutoencoderKlConfig
{
    private AutoencoderKlConfig()
    {
    }

    /// <summary>in_channels: colour channels of a picture to encode.</summary>
    public int InChannels { get; private init; }

    /// <summary>out_channels: colour channels of a decoded picture.</summary>
    public int OutChannels { get; private init; }

    /// <summary>latent_channels.</summary>
    public int LatentChannels { get; private init; }

    /// <summary>block_out_channels: channels per level, full resolution first; each a multiple of <see cref="NormGroupCount"/>.</summary>
    public IReadOnlyList<int> BlockOutChannels { get; private init; } = [];

    /// <summary>layers_per_block: residual blocks per encoder level; the decoder has one more.</summary>
    public int LayersPerBlock { get; private init; }

    /// <summary>norm_num_groups: groups of every group norm.</summary>
    public int NormGroupCount { get; private init; }

    /// <summary>scaling_factor: latents = (z - shift_factor) · scaling_factor.</summary>
    public float ScalingFactor { get; private init; }

    /// <summary>shift_factor, see <see cref="ScalingFactor"/>; 0 where the config has null.</summary>
    public float ShiftFactor { get; private init; }

    /// <summary>sample_size: width and height of the pictures that the model was made for, in pixels; 1024 where the config has none.</summary>
    public int SampleSize { get; private init; }

    /// <summary>mid_block_add_attention: whether the middle of encoder and decoder has self-attention.</summary>
    public bool MidBlockAddAttention { get; private init; }

    /// <summary>use_quant_conv: whether a 1x1 convolution follows the encoder.</summary>
    public bool UseQuantConv { get; private init; }

    /// <summary>use_post_quant_conv: whether a 1x1 convolution precedes the decoder.</summary>
    public bool UsePostQuantConv { get; private init; }

    /// <summary>Pixels per latent pixel, along one side: 2 to the number of levels less one.</summary>
    public int ScaleFactor => 1 << (BlockOutChannels.Count - 1);

    /// <summary>Reads vae/config.json.</summary>
    /// <exception cref="ModelFormatException">A field is of the wrong type, out of range, contradicts another, or asks for what the engine does not do.</exception>
    internal static AutoencoderKlConfig Read(ConfigReader config)
    {
        config.RequireClass("AutoencoderKL");
        config.RefuseQuantization();
        AutoencoderKlConfig result = new()
        {
            InChannels = config.Int32("in_channels", 3, 3, 3),
            OutChannels = config.Int32("out_channels", 3, 3, 3),
            LatentChannels = config.Int32("latent_channels", 4, 1, 1024),
            BlockOutChannels = config.Int32List("block_out_channels", [64], 1, 16384, 8),
            LayersPerBlock = config.Int32("layers_per_block", 1, 1, 64),
            NormGroupCount = config.Int32("norm_num_groups", 32, 1, 1024),
            ScalingFactor = (float)config.Number("scaling_factor", 0.18215, 1e-6, 1e6),
            ShiftFactor = (float)config.Number("shift_factor", 0, -1e6, 1e6),
            MidBlockAddAttention = config.Boolean("mid_block_add_attention", true),
            UseQuantConv = config.Boolean("use_quant_conv", true),
            SampleSize = config.Int32("sample_size", 1024, 1, 65536),
            UsePostQuantConv = config.Boolean("use_post_quant_conv", true),
        };

        // For other pipelines: this one decodes in the type it was loaded in, as the reference does.
        _ = config.Boolean("force_upcast", true);
        foreach (int channels in result.BlockOutChannels)
        {
            if (channels % result.NormGroupCount != 0)
            {
                throw config.Error("block_out_channels", $"holds {channels}, which norm_num_groups = {result.NormGroupCount} does not divide");
            }
        }

        if (config.OptionalString("act_fn") is { } activation && activation is not ("silu" or "swish"))
        {
            throw config.Error("act_fn", $"is '{SafetensorsHeader.Show(activation)}'; only 'silu' is supported");
        }

        CheckBlocks(config, "down_block_types", "DownEncoderBlock2D", result.BlockOutChannels.Count);
        CheckBlocks(config, "up_block_types", "UpDecoderBlock2D", result.BlockOutChannels.Count);
        foreach (string key in (ReadOnlySpan<string>)["latents_mean", "latents_std"])
        {
            if (config.Find(key) is not null)
            {
                throw config.Error(key, "is set; only scaling_factor and shift_factor are supported");
            }
        }

        return result;
    }

    private static void CheckBlocks(ConfigReader config, string key, string supported, int count)
    {
        IReadOnlyList<string> types = config.OptionalStringList(key, 8) ?? [supported];
        if (types.FirstOrDefault(type => type != supported) is { } other)
        {
            throw config.Error(key, $"holds '{SafetensorsHeader.Show(other)}'; only '{supported}' is supported");
        }

        if (types.Count != count)
        {
            throw config.Error(key, $"has {types.Count} entries and block_out_channels {count}");
        }
    }
}
