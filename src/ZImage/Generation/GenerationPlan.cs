using ZImage.Dit;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage.Generation;

/// <summary>The numbers of a request that has all its defaults filled in.</summary>
internal sealed class GenerationPlan
{
    private readonly FlowMatchEulerScheduler scheduler;
    private readonly int imageTokens;

    public GenerationPlan(GenerationRequest resolved, LoadedModel model)
    {
        Request = resolved;
        scheduler = model.Scheduler;
        int factor = model.Folder.Vae.ScaleFactor;
        int height = Height / factor;
        int width = Width / factor;
        imageTokens = height / ZImageTransformerConfig.PatchSize * (width / ZImageTransformerConfig.PatchSize);
        LatentShape = new Shape(PromptCount * resolved.ImagesPerPrompt, model.Folder.Transformer.InChannels, height, width);
    }

    /// <summary>The request.</summary>
    public GenerationRequest Request { get; }

    /// <summary>Pixels per row.</summary>
    public int Width => Request.Width!.Value;

    /// <summary>Rows.</summary>
    public int Height => Request.Height!.Value;

    /// <summary>Number of prompts.</summary>
    public int PromptCount => Request.PromptEmbeds?.Count ?? Request.Prompts.Count;

    /// <summary>Guidance scale.</summary>
    public double Guidance => Request.Guidance!.Value;

    /// <summary>Whether any step may run with guidance.</summary>
    public bool UsesGuidance => Guidance > 0;

    /// <summary>[images, channels, height / f, width / f].</summary>
    public Shape LatentShape { get; }

    /// <summary>Whether the step at model time <paramref name="time"/> runs with guidance.</summary>
    public bool IsGuided(float time) => UsesGuidance && !(Request.CfgTruncation <= 1 && time > Request.CfgTruncation);

    /// <summary>The noise levels; for image-to-image the last part of them.</summary>
    public NoiseSchedule Schedule()
    {
        NoiseSchedule schedule = scheduler.Create(Request.Steps!.Value, imageTokens, Request.Sigmas);
        return Request.InitImage is null ? schedule : schedule.Last(Request.Strength);
    }
}
