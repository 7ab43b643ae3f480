using ZImage.Imaging;
using ZImage.Tensors;

namespace ZImage;

/// <summary>What a request gave.</summary>
public sealed record GenerationResult
{
    /// <summary>The request with every default filled in: sent again, it gives the same pictures.</summary>
    public required GenerationRequest Request { get; init; }

    /// <summary>The pictures, prompt by prompt.</summary>
    public required IReadOnlyList<GeneratedImage> Images { get; init; }

    /// <summary>Final latents [images, channels, height / 8, width / 8], before the VAE.</summary>
    public required HostTensor Latents { get; init; }

    /// <summary>Text-encoder output [tokens, width] per prompt.</summary>
    public required IReadOnlyList<HostTensor> PromptEmbeds { get; init; }

    /// <summary>Text-encoder output per prompt for the negative side; empty without guidance.</summary>
    public required IReadOnlyList<HostTensor> NegativePromptEmbeds { get; init; }

    /// <summary>Times of the stages.</summary>
    public required GenerationTimings Timings { get; init; }

    /// <summary>Things the caller should know, such as a prompt that was cut.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>One picture.</summary>
/// <param name="Image">The pixels.</param>
/// <param name="PromptIndex">Which prompt it draws.</param>
/// <param name="Index">Its place among all pictures of the request.</param>
public sealed record GeneratedImage(ImageBuffer Image, int PromptIndex, int Index);

/// <summary>Wall-clock times.</summary>
/// <param name="TextEncoder">All prompts to embeddings.</param>
/// <param name="ImageEncoder">Input picture to latents; zero without one.</param>
/// <param name="Denoising">All steps.</param>
/// <param name="Decoder">Latents to pixels.</param>
/// <param name="Total">The whole request.</param>
public sealed record GenerationTimings(TimeSpan TextEncoder, TimeSpan ImageEncoder, TimeSpan Denoising, TimeSpan Decoder, TimeSpan Total);
