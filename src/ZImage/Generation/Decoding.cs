using ZImage.Imaging;
using ZImage.Tensors;
using ZImage.Vae;

namespace ZImage.Generation;

/// <summary>Latents to pictures, one at a time.</summary>
internal static class Decoding
{
    public static GeneratedImage[] Run(GenerationPlan plan, HostTensor latents, LoadedModel model, GenerationObserver observer, CancellationToken cancellation)
    {
        Shape shape = latents.Shape;
        int perImage = shape[1] * shape[2] * shape[3];
        GeneratedImage[] images = new GeneratedImage[shape[0]];
        observer.Report(GenerationStage.Decoder, 0, images.Length);
        AutoencoderKl vae = model.UseVae(model.Memory(plan).VaeBytes);
        using Workspace memory = new(model.Backend);
        for (int i = 0; i < images.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Tensor item = memory.Rent(DType.F32, 1, shape[1], shape[2], shape[3]);
            model.Backend.Upload(latents.Values.AsSpan(i * perImage, perImage), item);
            byte[] rgb = new byte[plan.Width * plan.Height * 3];
            model.WithProbe("vae_decoder", probe =>
            {
                Tensor pixels = vae.Decode(item, memory, probe, cancellation);
                model.RequireFinite(pixels, "vae", "The decoded picture");
                model.Backend.ToRgb8(pixels, rgb);
                memory.Return(pixels);
                return true;
            });
            memory.Return(item);
            images[i] = new GeneratedImage(new ImageBuffer(plan.Width, plan.Height, rgb), i / plan.Request.ImagesPerPrompt, i);
            observer.Report(images[i]);
            observer.Report(GenerationStage.Decoder, i + 1, images.Length);
        }

        return images;
    }
}
