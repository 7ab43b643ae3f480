using ZImage.Cli.Commands;
using ZImage.Imaging;

namespace ZImage.Cli;

/// <summary>Settings stored in a picture of ours, for <c>--from-image</c>. Files that it was drawn from are not in it and must be given again.</summary>
internal sealed class SavedSettings
{
    private readonly GenerationMetadata metadata;
    private readonly string path;

    private SavedSettings(GenerationMetadata metadata, string path)
    {
        this.metadata = metadata;
        this.path = path;
    }

    /// <summary>The warning of a replay with another checkpoint than the picture's; null where it has the same name.</summary>
    public string? CheckModel(string model) =>
        metadata.Model == model ? null : $"'{path}' was drawn by the model '{metadata.Model}'; this is '{model}', and the picture may differ";

    /// <summary>Reads them.</summary>
    /// <exception cref="ImageFormatException">The file is missing, or no PNG.</exception>
    /// <exception cref="InvalidRequestException">The picture holds no settings of ours.</exception>
    public static SavedSettings Read(string path) => new(GenerationMetadata.FromFile(path), path);

    /// <summary>The stored request, once the files that it needs are there again.</summary>
    /// <param name="arguments">The command line, whose files are compared with the stored hashes.</param>
    /// <param name="warnings">Receives a line for every difference.</param>
    /// <exception cref="UsageException">A file that the picture was drawn from is not given.</exception>
    public GenerationRequest RequestFor(GenerateArguments arguments, List<string> warnings)
    {
        bool newPrompt = arguments.Prompts.Count > 0 || arguments.PromptIds is not null;
        Compare(metadata.InitImage, arguments.Image, "--image", isReplaced: false, warnings);
        Compare(metadata.Latents, arguments.Latents, "--latents", isReplaced: arguments.Seed is not null, warnings);
        ExternalFile? embeds = metadata.PromptEmbeds is { Count: > 0 } files ? files[0] : null;
        Compare(embeds, arguments.PromptEmbeds, "--prompt-embeds", isReplaced: newPrompt, warnings);
        if (metadata.Version != CommandTree.Version)
        {
            warnings.Add($"'{path}' was drawn by zimage {metadata.Version}; this is {CommandTree.Version}, and the picture may differ");
        }

        return metadata.ToRequest();
    }

    /// <summary>
    /// The place of this picture in its batch: the batch is drawn again, because all of it shares one noise, and this picture alone is written.
    /// Null where <c>--count</c> or new prompts ask for a batch of their own.
    /// </summary>
    public int? OnlyPicture(GenerateArguments arguments) =>
        arguments is { Count: null, Prompts: [], PromptIds: null } && (arguments.PromptEmbeds is null || metadata.PromptEmbeds is not null)
            ? metadata.Index
            : null;

    private void Compare(ExternalFile? stored, string? given, string option, bool isReplaced, List<string> warnings)
    {
        if (stored is null || (given is null && isReplaced))
        {
            return;
        }

        if (given is null)
        {
            throw new UsageException(
                $"'{path}' was drawn from the file '{stored.Name}' (SHA-256 {stored.Sha256}), which it does not hold",
                $"give that file again with {option} FILE");
        }

        if (!stored.Matches(ExternalFile.FromFile(given).Sha256))
        {
            warnings.Add($"{option}: '{given}' is not the file that '{path}' was drawn from ('{stored.Name}', SHA-256 {stored.Sha256})");
        }
    }
}
