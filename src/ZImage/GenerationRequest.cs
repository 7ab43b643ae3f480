using ZImage.Imaging;
using ZImage.Sampling;
using ZImage.Tensors;

namespace ZImage;

/// <summary>Everything that decides a picture. Null means: the model's own default.</summary>
public sealed record GenerationRequest
{
    /// <summary>A request for one prompt.</summary>
    public GenerationRequest(string prompt)
        : this([prompt])
    {
    }

    /// <summary>A request for several prompts, drawn as one batch.</summary>
    public GenerationRequest(IReadOnlyList<string> prompts) => Prompts = prompts;

    /// <summary>What to draw, one entry per batch item. Ignored for items that <see cref="PromptEmbeds"/> or <see cref="PromptIds"/> give, except as text for the metadata.</summary>
    public IReadOnlyList<string> Prompts { get; init; }

    /// <summary>What not to draw, for every prompt; needs <see cref="Guidance"/> above 0. Null is the empty prompt.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>Token ids that stand for the only prompt, template included.</summary>
    public IReadOnlyList<int>? PromptIds { get; init; }

    /// <summary>Text-encoder output [tokens, width] per prompt, which replaces encoding.</summary>
    public IReadOnlyList<HostTensor>? PromptEmbeds { get; init; }

    /// <summary>Text-encoder output [tokens, width] per prompt for the negative side.</summary>
    public IReadOnlyList<HostTensor>? NegativePromptEmbeds { get; init; }

    /// <summary>Width in pixels: a multiple of 16 (of twice the VAE's factor, in general).</summary>
    public int? Width { get; init; }

    /// <summary>Height in pixels, like <see cref="Width"/>.</summary>
    public int? Height { get; init; }

    /// <summary>Network evaluations (steps).</summary>
    public int? Steps { get; init; }

    /// <summary>Noise levels before shifting, from 1 downwards, instead of the even spacing; their number is the number of steps.</summary>
    public IReadOnlyList<float>? Sigmas { get; init; }

    /// <summary>Guidance scale g in positive + g·(positive - negative); 0 is off. (Other tools' cfg is g + 1.)</summary>
    public double? Guidance { get; init; }

    /// <summary>Bound on the guided prediction's norm as a multiple of the positive one's; 0 for none.</summary>
    public double CfgNormalization { get; init; }

    /// <summary>Steps at times above this (0 noise, 1 picture) run without guidance; above 1 never.</summary>
    public double CfgTruncation { get; init; } = 1;

    /// <summary>Seed of the noise; null draws one, which the result tells.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Whose random numbers the seed stands for.</summary>
    public NoiseGenerator Rng { get; init; }

    /// <summary>Multiprocessors of the GPU whose draw <see cref="NoiseGenerator.TorchCuda"/> repeats.</summary>
    public int RngMultiprocessors { get; init; } = 132;

    /// <summary>Initial noise [images, channels, height / 8, width / 8] instead of drawn noise.</summary>
    public HostTensor? Latents { get; init; }

    /// <summary>Pictures per prompt.</summary>
    public int ImagesPerPrompt { get; init; } = 1;

    /// <summary>Picture to start from (image-to-image).</summary>
    public ImageBuffer? InitImage { get; init; }

    /// <summary>How much of the schedule image-to-image runs, 0 (nothing) to 1 (all).</summary>
    public double Strength { get; init; } = 0.6;

    /// <summary>How the input picture's latent distribution is used; null: <see cref="PosteriorMode.Sample"/> where the noise is drawn from a seed, <see cref="PosteriorMode.Mean"/> where <see cref="Latents"/> gives it.</summary>
    public PosteriorMode? Posterior { get; init; }

    /// <summary>Prompt tokens beyond this are cut, with a warning.</summary>
    public int MaxSequenceLength { get; init; } = 512;
}

/// <summary>What image-to-image takes from the VAE encoder's distribution.</summary>
public enum PosteriorMode
{
    /// <summary>mean + std · noise, the noise drawn from the request's generator before the initial noise, as the PyTorch pipeline does.</summary>
    Sample,

    /// <summary>The mean: no randomness.</summary>
    Mean,
}
