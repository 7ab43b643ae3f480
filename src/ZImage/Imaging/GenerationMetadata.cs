using System.Text.Json.Serialization;
using ZImage.Sampling;

namespace ZImage.Imaging;

/// <summary>Names that a request does not know but its pictures should tell.</summary>
public sealed record MetadataSources
{
    /// <summary>Base name of the model folder.</summary>
    public required string Model { get; init; }

    /// <summary>What ran it: <c>cpu</c> or a GPU's name.</summary>
    public required string Device { get; init; }

    /// <summary>File of <see cref="GenerationRequest.InitImage"/>; null hashes its pixels.</summary>
    public ExternalFile? InitImage { get; init; }

    /// <summary>File of <see cref="GenerationRequest.Latents"/>; null hashes its values.</summary>
    public ExternalFile? Latents { get; init; }

    /// <summary>Files of <see cref="GenerationRequest.PromptEmbeds"/>; null hashes their values.</summary>
    public IReadOnlyList<ExternalFile>? PromptEmbeds { get; init; }

    /// <summary>Files of <see cref="GenerationRequest.NegativePromptEmbeds"/>; null hashes their values.</summary>
    public IReadOnlyList<ExternalFile>? NegativePromptEmbeds { get; init; }
}

/// <summary>
/// Everything that is needed to draw a picture again, as it is stored in the picture's own file. A picture of a batch is drawn again by
/// running the whole batch and keeping number <see cref="Index"/>, so all prompts are held. The number of threads is not: it does not
/// change the result.
/// </summary>
public sealed partial record GenerationMetadata
{
    /// <summary>Version of this record's layout.</summary>
    public const int CurrentFormat = 1;

    /// <summary>Version of the layout that was read or will be written.</summary>
    public int Format { get; init; } = CurrentFormat;

    /// <summary>Version of zimage that drew the picture.</summary>
    public required string Version { get; init; }

    /// <summary>Base name of the model folder.</summary>
    public required string Model { get; init; }

    /// <summary>What ran it.</summary>
    public required string Device { get; init; }

    /// <summary>All prompts of the batch.</summary>
    public required IReadOnlyList<string> Prompts { get; init; }

    /// <summary>What not to draw; null for none.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>Token ids that stood for the prompt; null if its text did.</summary>
    public IReadOnlyList<int>? PromptIds { get; init; }

    /// <summary>Prompt tokens beyond this were cut.</summary>
    public required int MaxSequenceLength { get; init; }

    /// <summary>Width in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>Network evaluations.</summary>
    public required int Steps { get; init; }

    /// <summary>Given noise levels before shifting; null for even spacing.</summary>
    public IReadOnlyList<float>? Sigmas { get; init; }

    /// <summary>Guidance scale g in positive + g·(positive - negative); 0 is off.</summary>
    public required double Guidance { get; init; }

    /// <summary>See <see cref="GenerationRequest.CfgNormalization"/>.</summary>
    public double CfgNormalization { get; init; }

    /// <summary>See <see cref="GenerationRequest.CfgTruncation"/>.</summary>
    public double CfgTruncation { get; init; } = 1;

    /// <summary>Seed of the noise.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Whose random numbers the seed stands for.</summary>
    [JsonConverter(typeof(KebabCaseEnumConverter<NoiseGenerator>))]
    public required NoiseGenerator Rng { get; init; }

    /// <summary>Multiprocessors of the repeated GPU; null where the generator is not a GPU's.</summary>
    public int? RngMultiprocessors { get; init; }

    /// <summary>Pictures per prompt.</summary>
    public required int ImagesPerPrompt { get; init; }

    /// <summary>This picture's place among all pictures of the batch, from 0, prompt by prompt.</summary>
    public required int Index { get; init; }

    /// <summary>The input picture; null for text-to-image.</summary>
    public ExternalFile? InitImage { get; init; }

    /// <summary>Share of the schedule that was run; null for text-to-image.</summary>
    public double? Strength { get; init; }

    /// <summary>How the input picture's latents were drawn; null for text-to-image or the default.</summary>
    [JsonConverter(typeof(KebabCaseEnumConverter<PosteriorMode>))]
    public PosteriorMode? Posterior { get; init; }

    /// <summary>File with the initial noise; null if the seed drew it.</summary>
    public ExternalFile? Latents { get; init; }

    /// <summary>Files with the text-encoder outputs; null if the prompts were encoded.</summary>
    public IReadOnlyList<ExternalFile>? PromptEmbeds { get; init; }

    /// <summary>Files with the negative side's text-encoder outputs; null if the prompt was encoded.</summary>
    public IReadOnlyList<ExternalFile>? NegativePromptEmbeds { get; init; }

    /// <summary>Which of <see cref="Prompts"/> this picture draws.</summary>
    [JsonIgnore]
    public int PromptIndex => Index / Math.Max(ImagesPerPrompt, 1);

    // Given embeddings count for their prompts, whose texts are then only a note.
    private int PromptCount => PromptEmbeds?.Count ?? Prompts.Count;

    /// <summary>Describes one picture of a request.</summary>
    /// <param name="request">The request with every default filled in, as <see cref="GenerationResult.Request"/> holds it.</param>
    /// <param name="index">The picture's <see cref="GeneratedImage.Index"/>.</param>
    /// <param name="sources">Names of the model, the device and the files.</param>
    /// <exception cref="ArgumentException">The request still leaves size, steps, guidance or seed to the model.</exception>
    public static GenerationMetadata From(GenerationRequest request, int index, MetadataSources sources)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        if (request is not { Width: { } width, Height: { } height, Steps: { } steps, Guidance: { } guidance, Seed: { } seed })
        {
            throw new ArgumentException("Size, steps, guidance and seed must be filled in; use the request of the result.", nameof(request));
        }

        return new GenerationMetadata
        {
            Version = EngineVersion.Text,
            Model = sources.Model,
            Device = sources.Device,
            Prompts = request.Prompts,
            NegativePrompt = request.NegativePrompt,
            PromptIds = request.PromptIds,
            MaxSequenceLength = request.MaxSequenceLength,
            Width = width,
            Height = height,
            Steps = steps,
            Sigmas = request.Sigmas,
            Guidance = guidance,
            CfgNormalization = request.CfgNormalization,
            CfgTruncation = request.CfgTruncation,
            Seed = seed,
            Rng = request.Rng,
            RngMultiprocessors = request.Rng == NoiseGenerator.TorchCuda ? request.RngMultiprocessors : null,
            ImagesPerPrompt = request.ImagesPerPrompt,
            Index = index,
            InitImage = request.InitImage is { } picture ? sources.InitImage ?? ExternalFile.From(picture) : null,
            Strength = request.InitImage is null ? null : request.Strength,
            Posterior = request.InitImage is null ? null : request.Posterior,
            Latents = request.Latents is { } latents ? (sources.Latents ?? ExternalFile.From(latents)).Short() : null,
            PromptEmbeds = Files(request.PromptEmbeds, sources.PromptEmbeds),
            NegativePromptEmbeds = Files(request.NegativePromptEmbeds, sources.NegativePromptEmbeds),
        };
    }

    /// <summary>
    /// The request for the whole batch. Files are not opened: where <see cref="InitImage"/>, <see cref="Latents"/>,
    /// <see cref="PromptEmbeds"/> or <see cref="NegativePromptEmbeds"/> is set, the caller loads the file, compares its hash
    /// (<see cref="ExternalFile.Matches"/>) and fills in the request.
    /// </summary>
    public GenerationRequest ToRequest()
    {
        var request = new GenerationRequest(Prompts)
        {
            NegativePrompt = NegativePrompt,
            PromptIds = PromptIds,
            MaxSequenceLength = MaxSequenceLength,
            Width = Width,
            Height = Height,
            Steps = Steps,
            Sigmas = Sigmas,
            Guidance = Guidance,
            CfgNormalization = CfgNormalization,
            CfgTruncation = CfgTruncation,
            Seed = Seed,
            Rng = Rng,
            ImagesPerPrompt = ImagesPerPrompt,
            Posterior = Posterior,
        };
        return request with
        {
            RngMultiprocessors = RngMultiprocessors ?? request.RngMultiprocessors,
            Strength = Strength ?? request.Strength,
        };
    }

    private static ExternalFile[]? Files(IReadOnlyList<Tensors.HostTensor>? tensors, IReadOnlyList<ExternalFile>? files) =>
        tensors is null ? null : [.. (files ?? [.. tensors.Select(ExternalFile.From)]).Select(file => file.Short())];
}
