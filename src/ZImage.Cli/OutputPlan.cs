using System.Globalization;

namespace ZImage.Cli;

/// <summary>Every file that a run will write, known and checked before the checkpoint is loaded.</summary>
internal sealed record OutputPlan
{
    /// <summary>The pictures in order; empty where the only picture goes to standard output.</summary>
    public required IReadOnlyList<string> Pictures { get; init; }

    /// <summary>The only picture of the batch that is written; null for all.</summary>
    public int? Only { get; init; }

    /// <summary>Whether the only picture goes to standard output.</summary>
    public bool ToStandardOutput { get; init; }

    public string? Latents { get; init; }

    public string? PromptEmbeds { get; init; }

    public string? DumpFolder { get; init; }

    public bool Force { get; init; }

    /// <summary>Names all files and checks that each can be written.</summary>
    /// <exception cref="UsageException">One cannot, or two of them are the same file.</exception>
    public static OutputPlan Create(Commands.GenerateArguments arguments, GenerationRequest request, CommandContext context, int? only = null)
    {
        int pictures = request.Prompts.Count * request.ImagesPerPrompt;
        only = only < pictures ? only : null;
        pictures = only is null ? pictures : 1;
        bool toStandardOutput = arguments.Output == "-";
        if (toStandardOutput)
        {
            CheckStandardOutput(arguments, pictures, context);
        }

        OutputPlan plan = new()
        {
            Pictures = toStandardOutput ? [] : OutputNames.For(arguments.Output, request, only ?? 0, pictures),
            Only = only,
            ToStandardOutput = toStandardOutput,
            Latents = arguments.SaveLatents,
            PromptEmbeds = arguments.SavePromptEmbeds,
            DumpFolder = arguments.DumpTensors,
            Force = arguments.Force,
        };
        plan.Check();
        return plan;
    }

    /// <summary>The pictures of a result that are written, as many as <see cref="Pictures"/>.</summary>
    public IReadOnlyList<GeneratedImage> Chosen(GenerationResult result) => Only is int index ? [result.Images[index]] : result.Images;

    private static void CheckStandardOutput(Commands.GenerateArguments arguments, int pictures, CommandContext context)
    {
        if (context.IsOutputTerminal)
        {
            throw new UsageException("--output -: standard output is a terminal", "send it to a file or a program: zimage generate ... -o - > picture.png");
        }

        if (arguments.Json)
        {
            throw new UsageException("--output - and --json both need standard output", "name a file with -o");
        }

        if (pictures != 1)
        {
            throw new UsageException(
                string.Create(CultureInfo.InvariantCulture, $"--output -: standard output takes one picture, not {pictures}"), "name a file with -o");
        }
    }

    private void Check()
    {
        HashSet<string> seen = new(OperatingSystem.IsLinux() ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase);
        foreach ((string? path, string option) in Pictures.Select(p => ((string?)p, "--output"))
            .Append((Latents, "--save-latents")).Append((PromptEmbeds, "--save-prompt-embeds")))
        {
            if (path is null)
            {
                continue;
            }

            OutputTarget.Check(path, option, Force);
            if (!seen.Add(Path.GetFullPath(path)))
            {
                throw new UsageException($"{option}: '{path}' is written twice by this command", "give every output its own name");
            }
        }

        if (DumpFolder is not null)
        {
            OutputTarget.CheckDumpFolder(DumpFolder, Force);
        }
    }
}
