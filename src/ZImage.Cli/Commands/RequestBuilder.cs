using System.Security.Cryptography;
using ZImage.Imaging;
using ZImage.Tensors;

namespace ZImage.Cli.Commands;

/// <summary>The contents of the input files that a request names.</summary>
internal sealed record RequestInputs
{
    public HostTensor? Latents { get; init; }

    public IReadOnlyList<HostTensor>? PromptEmbeds { get; init; }

    public IReadOnlyList<HostTensor>? NegativePromptEmbeds { get; init; }

    public ImageBuffer? Image { get; init; }
}

/// <summary>Arguments, input files and, with <c>--from-image</c>, stored settings to one request.</summary>
internal static class RequestBuilder
{
    /// <summary>Refuses options that contradict each other, before any file is read.</summary>
    /// <exception cref="UsageException">The first contradiction.</exception>
    public static void CheckConflicts(GenerateArguments arguments)
    {
        foreach ((string option, string? path) in ((string, string?)[])[
            ("--image", arguments.Image), ("--from-image", arguments.FromImage), ("--latents", arguments.Latents),
            ("--prompt-embeds", arguments.PromptEmbeds), ("--transformer", arguments.Transformer), ("--output", arguments.Output)])
        {
            ArgumentCheck.ThrowOnEmptyName(option, path);
        }

        ArgumentCheck.ThrowOnEmptyName("--tokenizer", arguments.Tokenizer, "folder");

        if (arguments is { PromptIds: not null, PromptEmbeds: not null })
        {
            throw new UsageException("--prompt-ids and --prompt-embeds exclude each other", "leave one of them out");
        }

        if (arguments.PromptIds is not null && arguments.Prompts.Count > 1)
        {
            throw new UsageException($"--prompt-ids stands for one prompt, and {arguments.Prompts.Count} are given", "give one -p or none; draw other ids in a run of their own");
        }

        if (arguments is { Steps: int steps, Sigmas: { } sigmas } && steps != sigmas.Count)
        {
            throw new UsageException($"--steps {steps} and {sigmas.Count} --sigmas contradict each other", "leave --steps out");
        }

        bool fromPicture = arguments.Image is not null || arguments.FromImage is not null;
        if (!fromPicture && (arguments.Strength is not null || arguments.Posterior is not null))
        {
            throw new UsageException($"{(arguments.Strength is null ? "--posterior" : "--strength")} needs a picture to start from", "add --image FILE");
        }

        bool hasPrompt = arguments.Prompts.Count > 0 || arguments.PromptIds is not null || arguments.PromptEmbeds is not null;
        if (!hasPrompt && arguments.FromImage is null)
        {
            throw new UsageException("no prompt", "say what to draw: zimage generate -p \"a red fox in fresh snow\"");
        }
    }

    /// <summary>Refuses a prompt without a word in it: most likely an unset variable or a command that gave nothing.</summary>
    /// <exception cref="UsageException">One is empty, and no embeddings stand for it.</exception>
    public static void CheckPrompts(IReadOnlyList<string> prompts, GenerateArguments arguments)
    {
        if (arguments is { PromptEmbeds: null, PromptIds: null } && prompts.Any(string.IsNullOrWhiteSpace))
        {
            throw new UsageException(
                "--prompt: the prompt is empty",
                "say what to draw; for the picture of no words, give the ids that `zimage tokenize -p=` prints to --prompt-ids");
        }
    }

    /// <summary>The request; every option that is given wins over <paramref name="stored"/>.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="prompts">Its prompts, standard input read.</param>
    /// <param name="inputs">Its input files.</param>
    /// <param name="stored">Settings of an earlier picture, or an empty request.</param>
    /// <exception cref="UsageException">Prompts and embeddings that do not match in number.</exception>
    public static GenerationRequest Build(
        GenerateArguments arguments, IReadOnlyList<string> prompts, RequestInputs inputs, GenerationRequest stored)
    {
        bool newPrompt = prompts.Count > 0 || arguments.PromptIds is not null || inputs.PromptEmbeds is not null;
        int count = inputs.PromptEmbeds?.Count ?? Math.Max(prompts.Count, 1);
        if (prompts.Count > 0 && prompts.Count != count)
        {
            throw new UsageException($"{prompts.Count} prompts and {count} --prompt-embeds", "give as many of both, or leave the prompts out");
        }

        // Fewer steps cannot keep the noise levels of the stored ones.
        bool newSchedule = arguments.Steps is not null || arguments.Sigmas is not null;
        return stored with
        {
            Prompts = !newPrompt ? stored.Prompts : prompts.Count > 0 ? prompts : [.. Enumerable.Repeat("", count)],
            PromptIds = newPrompt ? arguments.PromptIds : stored.PromptIds,
            PromptEmbeds = inputs.PromptEmbeds,
            NegativePromptEmbeds = inputs.NegativePromptEmbeds,
            NegativePrompt = arguments.NegativePrompt ?? stored.NegativePrompt,
            Width = arguments.Width ?? stored.Width,
            Height = arguments.Height ?? stored.Height,
            Steps = newSchedule ? (arguments.Sigmas is null ? arguments.Steps : null) : stored.Steps,
            Sigmas = newSchedule ? arguments.Sigmas : stored.Sigmas,
            Guidance = arguments.Guidance ?? stored.Guidance,
            CfgNormalization = arguments.CfgNormalization ?? stored.CfgNormalization,
            CfgTruncation = arguments.CfgTruncation ?? stored.CfgTruncation,

            // Drawn here and not by the engine, because the name of the file holds it and is checked before the run.
            Seed = arguments.Seed ?? stored.Seed ?? BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint))),
            Rng = arguments.Rng ?? stored.Rng,
            RngMultiprocessors = arguments.RngMultiprocessors ?? stored.RngMultiprocessors,
            ImagesPerPrompt = arguments.Count ?? stored.ImagesPerPrompt,
            Latents = inputs.Latents,
            InitImage = inputs.Image,
            Strength = arguments.Strength ?? stored.Strength,
            Posterior = arguments.Posterior ?? stored.Posterior,
        };
    }
}
