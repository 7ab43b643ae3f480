using ZImage.Sampling;

namespace ZImage.Cli.Commands;

/// <summary>What the command line of <c>generate</c> says; null where it says nothing.</summary>
internal sealed record GenerateArguments
{
    public IReadOnlyList<string> Prompts { get; init; } = [];

    public string? NegativePrompt { get; init; }

    public IReadOnlyList<int>? PromptIds { get; init; }

    public string? Model { get; init; }

    public string? Tokenizer { get; init; }

    public string? Transformer { get; init; }

    public int? Width { get; init; }

    public int? Height { get; init; }

    public int? Steps { get; init; }

    public IReadOnlyList<float>? Sigmas { get; init; }

    public double? Guidance { get; init; }

    public double? CfgNormalization { get; init; }

    public double? CfgTruncation { get; init; }

    public ulong? Seed { get; init; }

    public NoiseGenerator? Rng { get; init; }

    public int? RngMultiprocessors { get; init; }

    public int? Count { get; init; }

    public string? Latents { get; init; }

    public string? PromptEmbeds { get; init; }

    public string? Image { get; init; }

    public double? Strength { get; init; }

    public PosteriorMode? Posterior { get; init; }

    public string? FromImage { get; init; }

    public string? Output { get; init; }

    public string? SaveLatents { get; init; }

    public string? SavePromptEmbeds { get; init; }

    public string? DumpTensors { get; init; }

    public bool Force { get; init; }

    public bool NoMetadata { get; init; }

    public string Device { get; init; } = "auto";

    public string Precision { get; init; } = "bf16";

    public long? MemoryLimit { get; init; }

    public int Threads { get; init; }

    public bool AllowUnknownTensors { get; init; }

    public bool Json { get; init; }

    public bool Quiet { get; init; }
}
