using ZImage.Imaging;

namespace ZImage.Cli.Commands;

/// <summary>Writes what a run gave to the files of its plan, each aside first and then renamed.</summary>
internal sealed class ResultWriter(CommandContext context, GenerateArguments arguments, OutputPlan plan)
{
    /// <summary>Writes everything; between files it can be stopped.</summary>
    public void Write(GenerationResult result, MetadataSources sources, CancellationToken cancellationToken)
    {
        IReadOnlyList<GeneratedImage> images = plan.Chosen(result);
        if (plan.ToStandardOutput)
        {
            using Stream output = context.OpenOutput();
            PngWriter.Write(output, images[0].Image, Texts(result, images[0], sources));
            output.Flush();
        }
        else
        {
            for (int i = 0; i < images.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                GeneratedImage image = images[i];
                IReadOnlyList<PngText> texts = Texts(result, image, sources);
                AtomicFile.Write(plan.Pictures[i], plan.Force, stream => PngWriter.Write(stream, image.Image, texts));
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (plan.Latents is string latents)
        {
            TensorFiles.WriteLatents(latents, result.Latents, plan.Force);
        }

        if (plan.PromptEmbeds is string embeds)
        {
            TensorFiles.WriteEmbeds(embeds, result, plan.Force);
        }
    }

    /// <summary>What the pictures' metadata tell beside the request; hashes the input files.</summary>
    public static MetadataSources Sources(GenerateArguments arguments, GenerationRequest request, string model, string device)
    {
        ExternalFile? embeds = Hash(arguments.PromptEmbeds);
        return new MetadataSources
        {
            Model = model,
            Device = device,
            InitImage = Hash(arguments.Image),
            Latents = Hash(arguments.Latents),
            PromptEmbeds = embeds is null ? null : [.. request.PromptEmbeds!.Select(_ => embeds)],
            NegativePromptEmbeds = embeds is null || request.NegativePromptEmbeds is null ? null : [.. request.NegativePromptEmbeds.Select(_ => embeds)],
        };
    }

    private IReadOnlyList<PngText> Texts(GenerationResult result, GeneratedImage image, MetadataSources sources) =>
        arguments.NoMetadata ? [] : GenerationMetadata.From(result.Request, image.Index, sources).ToChunks();

    private static ExternalFile? Hash(string? path) => path is null ? null : ExternalFile.FromFile(path);
}
