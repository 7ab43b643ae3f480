using ZImage.Backends;
using ZImage.Imaging;
using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>Latents to pictures, one at a time.</summary>
internal static class Decoding
{
    public static GeneratedImage[] Run(GenerationPlan plan, HostTensor latents, LoadedModel model, GenerationObserver observer, CancellationToken cancellation)
    {
        using BackendRange range = model.Backend.Range("decoder");
        Shape shape = latents.Shape;
        int perImage = shape[1] * shape[2] * shape[3];
        GeneratedImage[] images = new GeneratedImage[shape[0]];
        observer.Report(GenerationStage.Decoder, 0, images.Length);
        DecodingSession session = model.DecodingSession(shape[2], shape[3], model.Memory(plan).VaeBytes);
        try
        {
            for (int i = 0; i < images.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                byte[] rgb = new byte[plan.Width * plan.Height * 3];
                session.Run(latents.Values.AsSpan(i * perImage, perImage), rgb, cancellation);
                images[i] = new GeneratedImage(new ImageBuffer(plan.Width, plan.Height, rgb), i / plan.Request.ImagesPerPrompt, i);
                observer.Report(images[i]);
                observer.Report(GenerationStage.Decoder, i + 1, images.Length);
            }
        }
        catch
        {
            model.ReleaseDecodingSession();
            throw;
        }

        if (!model.Backend.IsAsynchronous)
        {
            model.ReleaseDecodingSession();
        }

        return images;
    }
}
