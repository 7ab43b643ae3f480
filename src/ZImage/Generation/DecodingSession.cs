using ZImage.Backends;
using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>Memory and a recording for decoding pictures of one size.</summary>
internal sealed class DecodingSession : IDisposable
{
    private readonly LoadedModel model;
    private readonly Workspace memory;
    private readonly Tensor latents;
    private readonly IRecordedWork work;
    private Tensor pixels;
    private long settledBytes;
    private CancellationToken cancellation;

    /// <param name="height">Rows of the latents.</param>
    /// <param name="width">Columns of the latents.</param>
    /// <param name="model">The model; its VAE is on the device.</param>
    public DecodingSession(int height, int width, LoadedModel model)
    {
        (Height, Width) = (height, width);
        this.model = model;
        memory = new Workspace(model.Backend);
        try
        {
            latents = memory.Rent(DType.F32, 1, model.Folder.Vae.LatentChannels, height, width);

            // A decoder's maps are the largest tensors of a run: they share one piece of memory that is no larger than it must be.
            memory.Plan(() => Decode(NullProbe.Instance));
        }
        catch
        {
            memory.Dispose();
            throw;
        }

        work = model.Backend.Record(() => Decode(NullProbe.Instance));
    }

    /// <summary>Rows of the latents.</summary>
    public int Height { get; }

    /// <summary>Columns of the latents.</summary>
    public int Width { get; }

    /// <summary>Decodes one picture.</summary>
    /// <param name="values">[channels, h, w] of the latents.</param>
    /// <param name="rgb">[h·f, w·f, 3] bytes.</param>
    /// <param name="token">Looked at between blocks where operators run in their call.</param>
    public void Run(ReadOnlySpan<float> values, byte[] rgb, CancellationToken token)
    {
        cancellation = token;
        model.Backend.Upload(values, latents);
        if (model.HasProbe)
        {
            model.WithProbe("vae_decoder", probe =>
            {
                Decode(probe);
                return true;
            });
        }
        else
        {
            Decode();
        }

        // The device is still at work, and the pages of a new array come from the system one by one as they are touched: later they would be waited for.
        for (int i = 0; i < rgb.Length; i += Environment.SystemPageSize)
        {
            rgb[i] = 0;
        }

        model.RequireFinite(pixels, "vae", "The decoded picture");
        model.Backend.ToRgb8(pixels, rgb);
    }

    /// <summary>Decodes the latents that are on the device, and leaves the picture there.</summary>
    public void Decode()
    {
        if (memory.Bytes == settledBytes)
        {
            work.Replay();
        }
        else
        {
            // The first run takes its memory on the way; a recording must not.
            Decode(NullProbe.Instance);
            settledBytes = memory.Bytes;
        }
    }

    public void Dispose()
    {
        work.Dispose();
        memory.Dispose();
    }

    private void Decode(ITensorProbe probe)
    {
        pixels = model.Vae.Model.Decode(latents, memory, probe, cancellation);

        // Nothing else is rented before the pixels are read.
        memory.Return(pixels);
    }
}
