using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Vae;

/// <summary>The picture codec (AutoencoderKL): decoder and encoder, one picture at a time so that memory does not grow with the batch.</summary>
internal sealed class AutoencoderKl
{
    private readonly IBackend backend;
    private readonly Decoder decoder;
    private readonly Encoder encoder;
    private readonly ConvWeight? quantConv;
    private readonly ConvWeight? postQuantConv;

    /// <summary>Reads the weights.</summary>
    public AutoencoderKl(AutoencoderKlConfig config, WeightLoader weights, IBackend backend)
    {
        Config = config;
        this.backend = backend;
        VaeOperators ops = new(backend, config.NormGroupCount);
        encoder = new Encoder(config, ops, weights);
        decoder = new Decoder(config, ops, weights);
        if (config.UseQuantConv)
        {
            quantConv = weights.Conv("quant_conv", 2 * config.LatentChannels, 2 * config.LatentChannels, 1);
        }

        if (config.UsePostQuantConv)
        {
            postQuantConv = weights.Conv("post_quant_conv", config.LatentChannels, config.LatentChannels, 1);
        }
    }

    /// <summary>Shape of the model.</summary>
    public AutoencoderKlConfig Config { get; }

    /// <summary>Decodes one picture: latents / scaling_factor + shift_factor, then the decoder.</summary>
    /// <param name="latents">[1, LatentChannels, h, w] F32 in the transformer's scale.</param>
    /// <param name="memory">Where activations and the result live.</param>
    /// <param name="probe">Sees the intermediates.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    /// <returns>[h·f, w·f, OutChannels] activations, about -1..1.</returns>
    public Tensor Decode(Tensor latents, Workspace memory, ITensorProbe probe, CancellationToken cancellation)
    {
        Tensor x = memory.Rent(backend.ActivationType, 1, latents.Shape[2], latents.Shape[3], latents.Shape[1]);
        backend.LatentsToChannelsLast(latents, 1 / Config.ScalingFactor, Config.ShiftFactor, x);
        if (postQuantConv is not null)
        {
            x = Pointwise(x, postQuantConv, memory);
        }

        Tensor pixels = decoder.Forward(x, memory, probe, cancellation);
        return pixels.Reshape(pixels.Shape[1], pixels.Shape[2], pixels.Shape[3]);
    }

    /// <summary>Encodes one picture.</summary>
    /// <param name="pixels">[height, width, InChannels] activations in -1..1; its block is returned to the workspace.</param>
    /// <param name="memory">Where activations live.</param>
    /// <param name="probe">Sees the intermediates.</param>
    /// <param name="cancellation">Looked at between blocks.</param>
    /// <returns>Mean and log-variance, each [1, LatentChannels, height/f, width/f], unscaled.</returns>
    public (HostTensor Mean, HostTensor LogVariance) Encode(Tensor pixels, Workspace memory, ITensorProbe probe, CancellationToken cancellation)
    {
        Tensor x = encoder.Forward(pixels.Reshape(1, pixels.Shape[0], pixels.Shape[1], pixels.Shape[2]), memory, probe, cancellation);
        if (quantConv is not null)
        {
            x = Pointwise(x, quantConv, memory);
        }

        int channels = Config.LatentChannels;
        int height = x.Shape[1];
        int width = x.Shape[2];
        Tensor moments = memory.Rent(DType.F32, 1, 2 * channels, height, width);
        backend.ChannelsLastToLatents(x, 0, 1, moments);
        float[] values = new float[moments.Count];
        backend.Download(moments, values);
        memory.Return(x);
        memory.Return(moments);
        Shape shape = new(1, channels, height, width);
        int half = values.Length / 2;
        return (new HostTensor(values[..half], shape), new HostTensor(values[half..], shape));
    }

    private Tensor Pointwise(Tensor x, ConvWeight weight, Workspace memory)
    {
        Tensor y = memory.Rent(x.DType, x.Shape[0], x.Shape[1], x.Shape[2], weight.OutChannels);
        backend.Conv2d(x, weight, ConvMode.Same, default, y);
        memory.Return(x);
        return y;
    }
}
