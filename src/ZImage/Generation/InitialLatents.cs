using ZImage.Backends;
using ZImage.Imaging;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Vae;

namespace ZImage.Generation;

/// <summary>What denoising starts from: noise, or for image-to-image the picture's latents with noise on top.</summary>
internal static class InitialLatents
{
    public static HostTensor Create(
        GenerationPlan plan, NoiseSchedule schedule, LoadedModel model, GenerationObserver observer, CancellationToken cancellation)
    {
        using BackendRange range = model.Backend.Range("initial latents");
        GenerationRequest request = plan.Request;
        NoiseSource source = new(request);
        if (request.InitImage is null)
        {
            return source.InitialNoise(plan.LatentShape);
        }

        observer.Report(GenerationStage.ImageEncoder, 0, 1);
        (HostTensor mean, HostTensor logVariance) = EncodeImage(plan, request.InitImage, model, cancellation);
        bool sample = (request.Posterior ?? (request.Latents is null ? PosteriorMode.Sample : PosteriorMode.Mean)) == PosteriorMode.Sample;

        // The PyTorch pipeline draws the posterior's noise first, then the initial noise, from one generator.
        HostTensor? posteriorNoise = sample ? source.PosteriorNoise(mean.Shape) : null;
        HostTensor noise = source.InitialNoise(plan.LatentShape);
        float sigma = schedule.Sigmas[0];
        float shift = model.Folder.Vae.ShiftFactor;
        float scale = model.Folder.Vae.ScalingFactor;
        float[] values = new float[noise.Values.Length];
        int perImage = mean.Values.Length;
        for (int i = 0; i < values.Length; i++)
        {
            int j = i % perImage;
            float z = mean.Values[j];
            if (posteriorNoise is not null)
            {
                z += MathF.Exp(0.5f * Math.Clamp(logVariance.Values[j], -30f, 20f)) * posteriorNoise.Values[j];
            }

            values[i] = (sigma * noise.Values[i]) + ((1 - sigma) * ((z - shift) * scale));
        }

        observer.Report(GenerationStage.ImageEncoder, 1, 1);
        return new HostTensor(values, plan.LatentShape);
    }

    private static (HostTensor Mean, HostTensor LogVariance) EncodeImage(GenerationPlan plan, ImageBuffer image, LoadedModel model, CancellationToken cancellation)
    {
        ImageBuffer fitted = image.Width == plan.Width && image.Height == plan.Height ? image : Resampler.Lanczos(image, plan.Width, plan.Height);
        AutoencoderKl vae = model.UseVae(model.Memory(plan).VaeBytes);
        using Workspace memory = new(model.Backend);
        return model.WithProbe("vae_encoder", probe =>
        {
            Tensor pixels = memory.Rent(model.Backend.ActivationType, plan.Height, plan.Width, 3);
            model.Backend.FromRgb8(fitted.Rgb, pixels);
            (HostTensor mean, HostTensor logVariance) = vae.Encode(pixels, memory, probe, cancellation);
            if (Array.Exists(mean.Values, value => !float.IsFinite(value)))
            {
                throw model.NonFinite("vae", "The encoded picture");
            }

            return (mean, logVariance);
        });
    }
}
