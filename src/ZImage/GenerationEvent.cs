namespace ZImage;

/// <summary>The stages of a request, in order.</summary>
public enum GenerationStage
{
    /// <summary>Prompt to embeddings.</summary>
    TextEncoder,

    /// <summary>Input picture to latents.</summary>
    ImageEncoder,

    /// <summary>The denoising steps.</summary>
    Denoising,

    /// <summary>Latents to pixels.</summary>
    Decoder,
}

/// <summary>Where a request stands.</summary>
/// <param name="Stage">The stage under way.</param>
/// <param name="Completed">Finished parts of the stage: prompts, steps or pictures.</param>
/// <param name="Total">Parts of the stage.</param>
/// <param name="Elapsed">Since the request began.</param>
public readonly record struct GenerationProgress(GenerationStage Stage, int Completed, int Total, TimeSpan Elapsed);

/// <summary>Something that happened to a request; see the derived records.</summary>
public abstract record GenerationEvent
{
    private GenerationEvent()
    {
    }

    /// <summary>A stage or a part of it was finished.</summary>
    /// <param name="Progress">Where the request stands.</param>
    public sealed record Progressed(GenerationProgress Progress) : GenerationEvent;

    /// <summary>A picture is ready; others may follow.</summary>
    /// <param name="Image">The picture.</param>
    public sealed record ImageReady(GeneratedImage Image) : GenerationEvent;

    /// <summary>The request is done; the last event.</summary>
    /// <param name="Result">Everything it gave.</param>
    public sealed record Finished(GenerationResult Result) : GenerationEvent;
}
